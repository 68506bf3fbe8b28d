"""Why a line is on a statement and costs what it does: the record, its type, the rate and where it is from, the edits
(rules/billing.md).

An open month's overrides are shown as they are now, a closed one's as they were when it was closed; plans as they are
now: where that gives another rate than the statement has, it was edited since, and the explanation says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.billing.devices import DEVICE_TYPES, derived_type
from ledger_pipelines.billing.priced import CUSTOM, UNKNOWN
from ledger_pipelines.billing.users import USER_TYPES
from ledger_pipelines.months import format_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.edits.history import EditFilter, RecordedEdit, list_edits
from ledger_pipelines.store.periods import read_closed_at
from ledger_pipelines.store.queries.client import (
    RECORDS,
    TicketHours,
    override_in_force,
    plans_named,
    read_record,
    read_snapshot_time,
    ticket_hours_of,
)

Row = Mapping[str, Any]
#: How many edits are shown, and how many are looked through for them.
_EDITS, _READ = 5, 100
_BACKUP_RATES = {
    "base_workstation": "backup_base_fee_workstation",
    "base_server": "backup_base_fee_server",
    "overage": "backup_per_tb_fee",
}
_OVERRIDES = {
    "asset": ("asset_billing_overrides", "asset_id"),
    "contact": ("user_billing_overrides", "user_id"),
}


@dataclass(frozen=True, slots=True)
class _Behind:
    """Edits that may be behind a line: those found, of which one of `fields` changed, if any are named, of plans of
    this normalised `term`.
    """

    found: EditFilter
    fields: tuple[str, ...] = ()
    term: str | None = None

    def holds(self, edit: RecordedEdit) -> bool:
        """Whether the edit is one of them."""
        if self.term is not None and normalise_term(edit.row.get("term_length")) != self.term:
            return False
        return not self.fields or any(change.field in self.fields for change in edit.changes)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of a statement: its name, what it is there, and a sentence on where it is from.

    `present` is what the same place says now.
    """

    name: str
    billed: Decimal
    source: str
    present: Decimal

    @property
    def is_edited_since(self) -> bool:
        """Whether the statement was billed before what now holds was entered."""
        return self.present != self.billed


@dataclass(frozen=True, slots=True)
class Why:
    """What is behind a line. `record` are the fields of the record, None where it is gone; `reasons` are sentences."""

    line: Row
    record: Row | None
    snapshot_at: datetime | None
    reasons: Sequence[str]
    rate: Rate | None
    edits: Sequence[RecordedEdit] = field(default_factory=list)
    tickets: Sequence[TicketHours] = field(default_factory=list)


def explain(database: Database, statement: Row, line: Row) -> Why:
    """Why the line is on the statement (rows of `billing_statements` and `billing_statement_lines`)."""
    account, month, source = statement["account_number"], statement["month"], line["source_type"]
    table = RECORDS.get(source, (None, None))[0]
    with pooled_connection(database) as connection:
        record = read_record(connection, account, month, source, line["source_id"]) if table else None
        reasons, override_edits = _type_of(connection, month, line, record)
        rate = _rate_of(connection, statement, line)
        tickets = _tickets(connection, statement, line)
        read_from = "tickets" if source == "tickets" else "assets" if source == "backup" else table
        snapshot_at = read_snapshot_time(connection, month, read_from) if read_from else None
        closed_at = read_closed_at(connection, month)
    behind = [*override_edits, *_edits_of_rate(statement, rate)]
    if table is not None and source in ("manual_asset", "manual_user", "line_item"):
        behind.append(_Behind(EditFilter(tables=(table,), row={"id": int(line["source_id"])})))
    return Why(line, record, snapshot_at, reasons, rate, _edits(database, behind, until=closed_at), tickets)


def rate_of_statement(connection: psycopg.Connection, statement: Row, name: str) -> Rate:
    """A rate or prepaid allowance of a statement, and where it is from."""
    account, month = statement["account_number"], statement["month"]
    override = override_in_force(connection, "client_billing_overrides", "account_number", account, month)
    if override and override[f"{name}_enabled"] and override[name] is not None:
        return Rate(name, statement[name], f"It is the company's own rate{_since(override)}.", override[name])
    if name.startswith("prepaid_"):
        return Rate(name, statement[name], "No hours are agreed for the company.", Decimal(0))
    plan, term = statement["billing_plan"], statement["contract_term"]
    own, codex = plans_named(connection, plan, month)
    for row in own:
        if normalise_term(row["term_length"]) == term:
            source = f"It is that of our own plan {plan} for {term}{_since(row)}."
            return Rate(name, statement[name], source, row[name] or Decimal(0))
    of_term = [row for row in codex if normalise_term(row["term_length"]) == term]
    for row in sorted(of_term, key=lambda one: one["term_length"] != term):
        source = f"It is that of Codex's plan {plan} for {term}, as the month found it."
        return Rate(name, statement[name], source, row[name] or Decimal(0))
    return Rate(name, statement[name], f"No plan {plan} for {term} is there now.", Decimal(0))


def _since(row: Row) -> str:
    return f", from {format_month(row['from_month'])} on" if row["from_month"] else ""


def _rate_of(connection: psycopg.Connection, statement: Row, line: Row) -> Rate | None:
    """The line's rate, where it is one of the statement's and none of the record's own."""
    source, kind = line["source_type"], line["type"]
    if source == "backup":
        return rate_of_statement(connection, statement, _BACKUP_RATES[kind])
    if source == "tickets":
        return rate_of_statement(connection, statement, "per_hour_ticket_cost")
    vocabulary = {"asset": DEVICE_TYPES, "user": USER_TYPES}.get(line["kind"])
    name = vocabulary.rates.get(kind) if vocabulary else None
    return rate_of_statement(connection, statement, name) if name else None


def _type_of(
    connection: psycopg.Connection, month: date, line: Row, record: Row | None
) -> tuple[list[str], list[_Behind]]:
    """Sentences on how the line came to be, and which edits are behind that."""
    source = line["source_type"]
    if source in _OVERRIDES:
        table, key = _OVERRIDES[source]
        number = int(line["source_id"])
        override = override_in_force(connection, table, key, number, month)
        reasons = _device(line, record, override) if source == "asset" else _person(line, record, override)
        return reasons, [_Behind(EditFilter(tables=(table,), row={key: number}))]
    added = {
        "manual_asset": "The device was added by hand.",
        "manual_user": "The person was added by hand.",
        "line_item": {
            "recurring": "A charge of every month.",
            "one_off": "A charge of this month alone.",
            "yearly": "A charge of this month of every year.",
        }.get(line["type"], ""),
        "backup": "It follows from what the company's devices have backed up: see the pool.",
        "tickets": "It follows from the hours of the month's tickets: see the hours.",
        "ticket": "Its hours came to be known after its own month was closed: that month's rate and allowances hold.",
    }
    reasons = [added.get(source, "")]
    if source in ("manual_asset", "manual_user") and record is not None:
        reasons += _price(line, record)
    if record is None and source in RECORDS:
        reasons.append("What it was made of has been removed since.")
    return [*filter(None, reasons)], []


def _device(line: Row, record: Row | None, override: Row | None) -> list[str]:
    if record is None:
        return ["The month's snapshot has the device no longer."]
    set_type = _text(override and override["billing_type"])
    recorded = _text(record["billing_type"])
    derived = derived_type(f"{record['hardware_type'] or ''} {record['device_type'] or ''}")
    found = set_type or recorded or derived
    if set_type:
        reason = f"It is billed as {line['type']} because people have set {set_type}{_since(override or {})}."
    elif recorded:
        reason = f"It is billed as {line['type']} because Codex's billing type is {recorded!r}."
    else:
        hardware = " / ".join(filter(None, (record["hardware_type"], record["device_type"]))) or "nothing"
        reason = f"Nobody says a billing type, and its hardware ({hardware}) makes it a {derived}."
    return [reason, *_price(line, override), *_otherwise(DEVICE_TYPES.rates, found, line)]


def _person(line: Row, record: Row | None, override: Row | None) -> list[str]:
    if record is None:
        return ["The month's snapshot has the person no longer."]
    set_type = _text(override and override["payment_type"])
    if set_type:
        reason = f"The person is {line['type']} because people have set {set_type}{_since(override or {})}."
        found = set_type
    else:
        found = "Paid" if record["active"] is not False else "Free"
        state = "is active" if found == "Paid" else "is not active"
        reason = f"The person {state} in Codex, so {'is paid for' if found == 'Paid' else 'is free'}."
    return [reason, *_price(line, override), *_otherwise(USER_TYPES.rates, found, line)]


def _price(line: Row, priced: Row | None) -> list[str]:
    """A note on a price that is none of the statement's rates; `priced` is what states it."""
    if line["type"] == CUSTOM:
        present = (priced and priced["custom_cost"]) or Decimal(0)
        edited = f", which is {present:,.2f} now: that was edited since" if present != line["rate"] else ""
        return [f"It has a price of its own{edited}."]
    if line["type"] == UNKNOWN:
        return ["No such type is known, so nothing is charged: correct it."]
    return []


def _otherwise(rates: Mapping[str, Any], found: str, line: Row) -> list[str]:
    """That what holds now is not what was billed."""
    known = {name.casefold(): name for name in rates}
    present = known.get(" ".join(found.casefold().split()), UNKNOWN)
    if present == line["type"]:
        return []
    return [f"By what is entered now it would be {present}: that was edited since the statement was made."]


def _text(value: Any) -> str:
    return (value or "").strip()


def _tickets(connection: psycopg.Connection, statement: Row, line: Row) -> list[TicketHours]:
    account, month = statement["account_number"], statement["month"]
    if line["source_type"] == "ticket":
        return ticket_hours_of(connection, account, month, line["source_id"])
    return ticket_hours_of(connection, account, month) if line["source_type"] == "tickets" else []


def _edits_of_rate(statement: Row, rate: Rate | None) -> list[_Behind]:
    """The edits that may have set a rate, or the plan that it is of."""
    if rate is None:
        return []
    account, plan = statement["account_number"], statement["billing_plan"]
    of_company = EditFilter(tables=("client_billing_overrides",), row={"account_number": account})
    of_plan = EditFilter(tables=("billing_plans",), row={"billing_plan": plan})
    return [
        _Behind(of_company, (rate.name, f"{rate.name}_enabled", "billing_plan", "billing_plan_enabled")),
        _Behind(of_plan, (rate.name,), statement["contract_term"]),
    ]


def _edits(database: Database, behind: Sequence[_Behind], *, until: datetime | None) -> list[RecordedEdit]:
    """The last of these edits, the latest first; of a closed month those before it was closed (`until`)."""
    found = {
        edit.id: edit
        for one in behind
        for edit in list_edits(database, replace(one.found, until=until), limit=_READ)
        if one.holds(edit)
    }
    return sorted(found.values(), key=lambda edit: -edit.id)[:_EDITS]
