"""The lines of a CSV journal as posted entries (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, entry_id, sealed
from ledger_pipelines.money import format_money
from ledger_pipelines.months import FURTHEST_AHEAD, OLDEST_FIRST_MONTH, month_of

CSV = "csv"
SOURCE_TYPES = (
    "customer_invoice",
    "credit_note",
    "vendor_invoice",
    "payment",
    "accrual",
    "opening",
    "imported",
    "manual",
)
_INVOICES = {"customer": "customer_invoice", "supplier": "vendor_invoice"}
_NOBODY = ("", "")
_OTHER_NAMES = {"ehf_invoice": "vendor_invoice"}
_SHARED = ("date", "source_type", "source_id")
_AS_THEY_ARE = ("account", "currency", "description", "reference", "kid", "invoice_number", "due_date")

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Entry:
    """The lines of one entry, and what they say together."""

    lines: list[Row] = field(default_factory=list)
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        rows = [line["row"] for line in self.lines]
        where = f"lines {rows[0]} to {rows[-1]}" if len(rows) > 1 else f"line {rows[0]}"
        return f"entry {self.lines[0]['entry']} ({where})"


def mistakes_of(lines: pa.Table, accounts: Collection[str], today: date) -> list[str]:
    """What is wrong with the lines of a file, each with the line where it stands; `accounts` are those of the chart.

    Dates more than ten years after today are slips.
    """
    found = [
        f"line {line['row']} has the account {line['account']}, which is not in `accounts`"
        for line in lines.select(["row", "account"]).to_pylist()
        if line["account"] not in accounts
    ]
    entries = _entries(lines)
    for entry in entries:
        found += _mistakes(entry, today + FURTHEST_AHEAD)
    seen: dict[str, _Entry] = {}
    for entry in entries:
        other = seen.setdefault(_source_id(entry), entry)
        if other is not entry:
            found.append(f"{entry.place} has the source id of {other.place}")
    return found


def named_parties(lines: pa.Table, controls: Mapping[str, Collection[str]]) -> set[tuple[str, str]]:
    """The customers and suppliers that lines on control accounts name: kind, and what stands in the file."""
    named = (_party(entry, line, controls) for entry in _entries(lines) for line in entry.lines)
    return {party for party in named if party is not None}


def csv_journal(
    lines: pa.Table, controls: Mapping[str, Collection[str]], parties: Mapping[tuple[str, str], str]
) -> Journal:
    """The entries of a file without mistakes; `parties` are those of `named_parties`."""
    heads, rows = [], []
    for entry in _entries(lines):
        head = _head(entry)
        heads.append(head)
        rows += [
            _journal_line(head, place, line, parties.get(_party(entry, line, controls) or _NOBODY))
            for place, line in enumerate(entry.lines, start=1)
        ]
    return sealed(
        pa.Table.from_pylist(heads, schema=UNSEALED_ENTRIES), pa.Table.from_pylist(rows, schema=LINES)
    )


def _entries(lines: pa.Table) -> list[_Entry]:
    found: dict[str, _Entry] = {}
    for line in lines.to_pylist():
        entry = found.setdefault(line["entry"], _Entry())
        entry.lines.append(line)
        for name in _SHARED:
            if entry.shared.get(name) is None:
                entry.shared[name] = line[name]
    return list(found.values())


def _mistakes(entry: _Entry, latest: date) -> Iterable[str]:
    for name in _SHARED:
        differing = [line for line in entry.lines if line[name] not in (None, entry.shared[name])]
        if differing:
            yield (
                f"line {differing[0]['row']} has the {name} {differing[0][name]}, and its entry has "
                f"{entry.shared[name]}"
            )
    day = entry.shared["date"]
    if day is None:
        yield f"{entry.place} has no date"
    elif day < OLDEST_FIRST_MONTH:
        yield f"{entry.place} is of {day}, and no ledger begins before {OLDEST_FIRST_MONTH}"
    elif day > latest:
        yield f"{entry.place} is of {day}, and dates up to {latest} are taken: look for a slip in its year"
    kind = _source_type(entry)
    if kind not in SOURCE_TYPES:
        yield f"{entry.place} has the source_type {kind}: write one of {', '.join(SOURCE_TYPES)}"
    balances: dict[str, list[Decimal]] = {}
    for line in entry.lines:
        sums = balances.setdefault(line["currency"], [Decimal(), Decimal()])
        sums[0] += line["debit"] or 0
        sums[1] += line["credit"] or 0
    for currency, (debit, credit) in balances.items():
        if debit != credit:
            yield (
                f"{entry.place} does not balance: debits are {format_money(debit, currency)}, credits "
                f"{format_money(credit, currency)}"
            )


def _head(entry: _Entry) -> dict[str, Any]:
    day, source_id = entry.shared["date"], _source_id(entry)
    return {
        "month": month_of(day),
        "id": entry_id(CSV, source_id, 0),
        "number": entry.lines[0]["entry"],
        "posting_date": day,
        "document_date": day,
        "source_type": _source_type(entry),
        "source_system": CSV,
        "source_id": source_id,
        "revision": 0,
        "status": "posted",
        "description": next((line["description"] for line in entry.lines if line["description"]), None),
    }


def _source_type(entry: _Entry) -> str:
    """As it is given; else it is a person's own entry, unless it names a document."""
    given: str | None = entry.shared["source_type"]
    if given is not None:
        return _OTHER_NAMES.get(given, given)
    return "manual" if entry.shared["source_id"] is None else "imported"


def _source_id(entry: _Entry) -> str:
    """The document's id; of an entry without one its day and number, which a later file does not repeat."""
    given: str | None = entry.shared["source_id"]
    return f"{entry.shared['date']}/{entry.lines[0]['entry']}" if given is None else given


def _journal_line(
    head: Row,
    place: int,
    line: Row,
    party: str | None,
) -> dict[str, Any]:
    """The line, with a negative amount on the other side."""
    amount = _amount(line)
    is_debit = amount > 0 or (amount == 0 and line["debit"] is not None)
    return {
        **{name: line[name] for name in _AS_THEY_ARE},
        "month": head["month"],
        "entry_id": head["id"],
        "line": place,
        "debit": amount if is_debit else None,
        "credit": None if is_debit else -amount,
        "party": party,
    }


def _amount(line: Row) -> Decimal:
    debit: Decimal = line["debit"] or Decimal()
    return debit - (line["credit"] or Decimal())


def _party(entry: _Entry, line: Row, controls: Mapping[str, Collection[str]]) -> tuple[str, str] | None:
    """Whose item the line is. An invoice that names nobody still belongs to somebody: its document's id says to whom."""
    kind = _kind(line["account"], controls)
    if kind is None:
        return None
    if line["party"] is not None:
        return kind, line["party"]
    is_raising = _amount(line) > 0 if kind == "customer" else _amount(line) < 0
    return (kind, _source_id(entry)) if is_raising and _source_type(entry) == _INVOICES[kind] else None


def _kind(account: str, controls: Mapping[str, Collection[str]]) -> str | None:
    return next((kind for kind, numbers in controls.items() if account in numbers), None)
