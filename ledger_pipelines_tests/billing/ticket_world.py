"""A few months of tickets that change while months are closed: what Codex shows, placed and billed, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.inputs import BOOKED_STATEMENTS, BOOKED_TICKET_HOURS, TICKETS
from ledger_pipelines.billing.outputs import BillingResult
from ledger_pipelines.billing.statements import bill
from ledger_pipelines.billing.ticket_months import KNOWN, Asked, place_tickets
from ledger_pipelines_tests.billing.building import make_inputs

Row = dict[str, Any]
_FETCHED = [name for name in TICKETS.names if name not in ("month", "hours_before", "is_gone", "moved_from")]


def ticket(number: str, month: date, hours: str | Decimal, **more: Any) -> Row:
    """A ticket of A1 as Codex shows it, last updated on the 20th of a month."""
    return {
        "account_number": "A1",
        "ticket_number": number,
        "last_updated_at": datetime(month.year, month.month, 20, tzinfo=UTC),
        "total_hours_spent": Decimal(hours),
        **more,
    }


@dataclass
class TicketWorld:
    """The tables of tickets, as plain rows by month: what a ledger on a database keeps."""

    companies: Sequence[str] = ("A1",)
    overrides: Sequence[Row] = ()
    tickets: dict[date, list[Row]] = field(default_factory=dict)
    hours: dict[date, list[Row]] = field(default_factory=dict)
    statements: dict[date, list[Row]] = field(default_factory=dict)
    closed: set[date] = field(default_factory=set)

    def read(self, shown: Sequence[Row], *months: date, years: Any = None, **not_read: Any) -> None:
        """Takes what Codex shows for these months."""
        fetched = pa.Table.from_pylist(
            [{name: row.get(name) for name in _FETCHED} for row in shown],
            schema=pa.schema([TICKETS.field(name) for name in _FETCHED]),
        )
        some = [month for month in months if month not in self.closed]
        asked = Asked(some, years, frozenset(self.closed), **not_read)
        stored = [row for month, rows in self.tickets.items() if month not in self.closed for row in rows]
        placed = place_tickets(fetched, self._known(), pa.Table.from_pylist(stored, schema=TICKETS), asked)
        for month in asked.months:
            self.tickets[month] = [row for row in placed.tickets.to_pylist() if row["month"] == month]

    def _known(self) -> pa.Table:
        known: dict[tuple[str, str], Row] = {}
        for month in sorted(self.closed):
            billed = {
                (row["account_number"], row["ticket_number"]): row["hours"] for row in self.hours[month]
            }
            for row in self.tickets[month]:
                key = row["account_number"], row["ticket_number"]
                before = known.get(key, {}).get("billed_hours")
                known[key] = row | {"billed_hours": before, "is_billed": key in billed}
                if key in billed:
                    known[key]["billed_hours"] = (before or Decimal(0)) + billed[key]
        return pa.Table.from_pylist(list(known.values()), schema=KNOWN)

    def bill(self, month: date) -> BillingResult:
        """The month's statements, from all that is known."""
        return bill(self.inputs(month), [month], currency="USD")

    def inputs(self, month: date) -> Any:
        booked = [
            row | {"ticket_id": known["ticket_id"], "created_at": known["created_at"]}
            for closed in sorted(self.closed)
            for row in self.hours[closed]
            for known in self.tickets[closed]
            if all(row[name] == known[name] for name in ("account_number", "ticket_number"))
        ]
        statements = [row for closed in sorted(self.closed) for row in self.statements[closed]]
        names = BOOKED_TICKET_HOURS.names
        tickets = [row for rows in self.tickets.values() for row in rows]
        inputs = make_inputs(
            month=month,
            companies=[{"account_number": account} for account in self.companies],
            client_billing_overrides=self.overrides,
            closed_months=self.closed,
            booked_ticket_hours=[{name: row[name] for name in names} for row in booked],
            booked_statements=[{name: row[name] for name in BOOKED_STATEMENTS.names} for row in statements],
        )
        object.__setattr__(inputs, "tickets", pa.Table.from_pylist(tickets, schema=TICKETS))
        return inputs

    def close(self, month: date, shown: Sequence[Row]) -> BillingResult:
        """Reads, bills and closes a month for good."""
        self.read(shown, month)
        result = self.bill(month)
        self.hours[month] = result.ticket_hours.to_pylist()
        self.statements[month] = result.statements.to_pylist()
        self.closed.add(month)
        return result

    def reopen(self, month: date) -> None:
        self.closed.remove(month)


def billed_hours(results: Sequence[BillingResult]) -> Decimal:
    """All hours on the lines of these months."""
    lines = [line for result in results for line in result.lines.to_pylist() if line["kind"] == "hours"]
    return sum((line["quantity"] for line in lines), Decimal(0))
