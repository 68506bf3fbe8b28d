"""Lines of an accounting file as lines of the journal (rules/general_ledger.md, SAF-T; Journals)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.imported.keys import SAFT, numbers, source_ids
from ledger_pipelines.general_ledger.imported.months import posting
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, entry_ids, sealed
from ledger_pipelines.money import format_money
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT

KINDS = ("customer", "supplier")
_ZERO = pa.scalar(0, LEDGER_AMOUNT)
_AS_THEY_ARE = (
    "account",
    "description",
    "reference",
    "kid",
    "invoice_number",
    "due_date",
    "vat_code",
    "vat_rate",
    "foreign_currency",
    "foreign_amount",
    "exchange_rate",
)
_compute: Any = pc


@dataclass(frozen=True, slots=True)
class Books:
    """What an export's lines mean: the currency of its amounts, whose items stand on which account, who is who.

    `controls` are the control accounts of customers and of suppliers; `parties` the party of each of the file's ids.
    """

    currency: str
    controls: Mapping[str, Collection[str]]
    parties: Mapping[str, Mapping[str, str]]
    by_date: bool


def journal_of(entries: pa.Table, lines: pa.Table, revisions: pa.Array[Any], books: Books) -> Journal:
    """A batch of transactions as posted entries.

    A negative amount is posted on the other side. Raises LedgerError where an entry has no lines or does not balance.
    """
    months, days = posting(entries, by_date=books.by_date)
    count = entries.num_rows
    columns: dict[str, Any] = {
        "month": months,
        "number": numbers(entries),
        "posting_date": days,
        "document_date": entries["date"],
        "source_type": _constant("imported", count),
        "source_system": _constant(SAFT, count),
        "source_id": source_ids(entries),
        "revision": revisions,
        "status": _constant("posted", count),
        "reverses": pa.nulls(count, pa.string()),
        "description": entries["description"],
    }
    columns["id"] = entry_ids(
        pa.table({name: columns[name] for name in ("source_system", "source_id", "revision")})
    )
    heads = pa.table({name: columns[name] for name in UNSEALED_ENTRIES.names})
    return sealed(heads, _journal_lines(heads, lines, books))


def refuse_unbalanced(entries: pa.Table, lines: pa.Table, currency: str) -> None:
    """Raises LedgerError naming the first transaction of a batch that does not balance, with both figures, or that has
    no lines; `lines` as they stand in the file.
    """
    empty = _compute.index(_compute.equal(entries["lines"], 0), True).as_py()
    if empty >= 0:
        raise LedgerError(f"{_named(entries, empty)} has no lines: a journal entry has at least one.")
    sides = pa.table(
        {"entry": lines["entry"]}
        | {side: _compute.fill_null(lines[side], _ZERO) for side in ("debit", "credit")}
    )
    sums = sides.group_by("entry", use_threads=False).aggregate([("debit", "sum"), ("credit", "sum")])
    wrong: Any = sums.filter(_compute.not_equal(sums["debit_sum"], sums["credit_sum"]))
    if wrong.num_rows:
        row = wrong.sort_by("entry").slice(0, 1).to_pylist()[0]
        debit, credit = (format_money(row[f"{side}_sum"], currency) for side in ("debit", "credit"))
        raise LedgerError(
            f"{_named(entries, row['entry'])} does not balance: debits are {debit}, credits {credit}."
        )


def turned(lines: pa.Table) -> tuple[Any, Any, Any]:
    """Debits and credits with negative amounts on the other side, and the base of the VAT with them; zero stays."""
    is_turned = _compute.less(_compute.coalesce(lines["debit"], lines["credit"]), _ZERO)
    opposite = {side: _compute.negate(lines[side]) for side in ("debit", "credit")}
    debit = _compute.if_else(is_turned, opposite["credit"], lines["debit"])
    credit = _compute.if_else(is_turned, opposite["debit"], lines["credit"])
    base = lines["vat_base"]
    is_negative = _compute.and_(is_turned, _compute.less(base, _ZERO))
    base = _compute.if_else(_compute.fill_null(is_negative, False), _compute.negate(base), base)
    return debit, credit, base


def counts_for(lines: pa.Table, kind: str, controls: Mapping[str, Collection[str]]) -> Any:
    """Whether each line counts for its customer, or its supplier: on a control account only."""
    accounts = pa.array(sorted(controls[kind]), pa.string())
    return _compute.and_(_compute.is_in(lines["account"], value_set=accounts), _compute.is_valid(lines[kind]))


def _journal_lines(heads: pa.Table, lines: pa.Table, books: Books) -> pa.Table:
    count = lines.num_rows
    debit, credit, base = turned(lines)
    owners = lines["entry"].to_numpy()
    begins = np.searchsorted(owners, owners)
    columns: dict[str, Any] = {name: lines[name] for name in _AS_THEY_ARE}
    columns |= {
        "month": heads["month"].take(lines["entry"]),
        "entry_id": heads["id"].take(lines["entry"]),
        "line": pa.array(np.arange(count) - begins + 1, pa.int32()),
        "debit": debit,
        "credit": credit,
        "vat_base": base,
        "currency": _constant(books.currency, count),
        "party": _parties(lines, books),
        "settles": pa.nulls(count, pa.string()),
        "vat_category": pa.nulls(count, pa.string()),
    }
    return pa.table({name: columns[name] for name in LINES.names})


def _parties(lines: pa.Table, books: Books) -> Any:
    found: Any = pa.nulls(lines.num_rows, pa.string())
    for kind in KINDS:
        known = books.parties[kind]
        ids = _compute.index_in(lines[kind], value_set=pa.array(list(known), pa.string()))
        named = pa.array(list(known.values()), pa.string()).take(ids.combine_chunks())
        found = _compute.coalesce(
            found, _compute.if_else(counts_for(lines, kind, books.controls).combine_chunks(), named, None)
        )
    return found


def _named(entries: pa.Table, row: int) -> str:
    year, journal, transaction = (entries[part][row].as_py() for part in ("year", "journal", "transaction"))
    return f"The transaction {transaction} of journal {journal} of {year}"


def _constant(value: str, count: int) -> Any:
    return pa.repeat(pa.scalar(value, pa.string()), count)
