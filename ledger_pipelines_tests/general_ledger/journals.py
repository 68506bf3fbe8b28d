"""Journals in a few words, and what the sub-ledgers make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.items import CONTROL_LINES, ControlItems, items_of
from ledger_pipelines.general_ledger.journal import UNSEALED_ENTRIES, Journal, entry_id, sealed
from ledger_pipelines.general_ledger.matched import Carried, Matching, PersonsMatch
from ledger_pipelines.general_ledger.matching import match
from ledger_pipelines.general_ledger.sub_ledger import SubLedger, sub_ledger
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.tables.general_ledger import JOURNAL_LINES

CONTROL = {"1500": "customer", "2400": "supplier"}
ACME, OTHER = "customer:987654325", "customer:912345670"
VENDOR = "supplier:987654325"


def day(text: str) -> date:
    """`2025-01-31`."""
    return date.fromisoformat(text)


@dataclass(frozen=True)
class Entry:
    """An entry with its lines, as they are written to the tables."""

    entry: dict[str, Any]
    lines: list[dict[str, Any]]


def entry(
    source_id: str,
    on: str | date,
    lines: Iterable[tuple[str, str | int | Decimal, dict[str, Any]]],
    source_type: str = "imported",
    *,
    system: str = "books",
    revision: int = 0,
    reverses: str | None = None,
    status: str = "draft",
    documented: date | None = None,
) -> Entry:
    """An entry of lines (account, amount, more); a positive amount is a debit."""
    posted = day(on) if isinstance(on, str) else on
    name = entry_id(system, source_id, revision)
    head = {
        "month": month_of(posted),
        "id": name,
        "number": name if status == "posted" else None,
        "posting_date": posted,
        "document_date": documented or posted,
        "source_type": source_type,
        "source_system": system,
        "source_id": source_id,
        "revision": revision,
        "status": status,
        "reverses": reverses,
        "description": None,
    }
    rows = []
    for place, (account, amount, more) in enumerate(lines, 1):
        side = "debit" if Decimal(amount) >= 0 else "credit"
        row = dict.fromkeys(JOURNAL_LINES.schema.names)
        row |= {
            "month": head["month"],
            "entry_id": name,
            "line": place,
            "account": account,
            "currency": "EUR",
        }
        rows.append(row | {side: abs(Decimal(amount))} | more)
    return Entry(head, rows)


def invoice(source_id: str, on: str | date, amount: Any, party: str | None = ACME, **more: Any) -> Entry:
    """An invoice to a customer."""
    kept = {name: more.pop(name) for name in list(more) if name in _ENTRY}
    line = {"party": party, **more}
    lines = [("1500", amount, line), ("3000", -Decimal(amount), {})]
    return entry(source_id, on, lines, kept.pop("source_type", "customer_invoice"), **kept)


def payment(source_id: str, on: str | date, amount: Any, party: str | None = ACME, **more: Any) -> Entry:
    """A customer's payment; a refund where the amount is negative."""
    kept = {name: more.pop(name) for name in list(more) if name in _ENTRY}
    lines = [("1920", amount, {}), ("1500", -Decimal(amount), {"party": party, **more})]
    return entry(source_id, on, lines, kept.pop("source_type", "payment"), **kept)


def reversal(of: Entry, on: str | date) -> Entry:
    """An entry that reverses another."""
    turned = [(row["account"], (row["credit"] or 0) - (row["debit"] or 0), _facts(row)) for row in of.lines]
    head = of.entry
    return entry(
        head["source_id"],
        on,
        turned,
        head["source_type"],
        system=head["source_system"],
        revision=head["revision"] + 1,
        reverses=head["id"],
    )


_ENTRY = ("source_type", "system", "revision", "reverses", "status", "documented")
_FACTS = ("party", "description", "reference", "kid", "invoice_number", "settles", "due_date", "currency")


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _FACTS}


def control_lines(entries: Iterable[Entry]) -> pa.Table:
    """The lines on control accounts, as the rule takes them."""
    rows = [
        {**one.entry, **line, "control": CONTROL[line["account"]]}
        for one in entries
        for line in one.lines
        if line["account"] in CONTROL
    ]
    return pa.Table.from_pylist(
        [{name: row[name] for name in CONTROL_LINES.names} for row in rows], CONTROL_LINES
    )


def journal_of(entries: Sequence[Entry]) -> Journal:
    """The entries as a journal that can be written."""
    heads = pa.Table.from_pylist([one.entry for one in entries], UNSEALED_ENTRIES)
    lines = pa.Table.from_pylist([line for one in entries for line in one.lines], JOURNAL_LINES.schema)
    return sealed(heads, lines)


@dataclass(frozen=True)
class Books:
    """What the sub-ledgers make of some entries."""

    items: ControlItems
    matching: Matching
    ledger: SubLedger

    def on(self, text: str) -> dict[str, Decimal]:
        """What remains of each item at the end of a day, by its entry; nothing where it is paid and was no row."""
        found: dict[str, Decimal] = {}
        for row in self.ledger.transactions.to_pylist():
            if row["date"] <= day(text):
                key = row["item"].rsplit(":", 1)[0]
                found[key] = found.get(key, Decimal(0)) + row["amount"]
        return found

    def month(self, text: str) -> dict[str, tuple[Decimal, str]]:
        """The remaining amount and status of each row of a month, by its entry."""
        return {
            row["voucher"]: (row["remaining_amount"], row["status"])
            for row in self.ledger.rows.to_pylist()
            if row["month"] == day(f"{text}-01")
        }

    def matched_by(self) -> set[str]:
        return {row["matched_by"] for row in self.ledger.transactions.to_pylist() if row["matched_by"]}


def books(
    *entries: Entry,
    persons: Sequence[PersonsMatch] = (),
    carried: Carried | None = None,
    sync_start: date | None = None,
    until: str | None = None,
    **terms: Any,
) -> Books:
    """The sub-ledgers of the entries, from the first one's month to the last one's."""
    items = items_of(control_lines(entries), terms.get("terms"))
    matching = match(items.items, persons, carried=carried, sync_start=sync_start)
    days = [one.entry["posting_date"] for one in entries] + ([day(until)] if until else [])
    first = carried.day if carried else min(days)
    months = month_range(month_of(first), add_months(month_of(max(days)), 1))
    return Books(items, matching, sub_ledger(matching, months, carried))
