"""Transactions of a SAF-T file with their lines, as frames of checked values; amounts as they stand in the file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.files.saft import values
from ledger_pipelines.sources.files.saft.stylesheet import (
    ENTRY_FIELDS,
    LINE_FIELDS,
    row_writer,
)
from ledger_pipelines.tables.general_ledger import JOURNAL_LINES, LEDGER_AMOUNT, VAT_RATE
from ledger_pipelines.tables.table import DATE, INTEGER, TEXT

EXCHANGE_RATE = JOURNAL_LINES.schema.field("exchange_rate").type
_ENTRY_TYPES: list[tuple[str, pa.DataType]] = [
    ("journal", TEXT),
    ("transaction", TEXT),
    ("year", INTEGER),
    ("period", INTEGER),
    ("date", DATE),
    ("description", TEXT),
    ("lines", INTEGER),
]
ENTRIES = pa.schema(_ENTRY_TYPES)
#: `entry` is the place of the line's transaction in its batch, from 0; `taxes` counts its tax informations.
_LINE_TYPES: list[tuple[str, pa.DataType]] = [
    ("entry", INTEGER),
    ("account", TEXT),
    ("customer", TEXT),
    ("supplier", TEXT),
    ("description", TEXT),
    ("debit", LEDGER_AMOUNT),
    ("credit", LEDGER_AMOUNT),
    ("foreign_currency", TEXT),
    ("foreign_amount", LEDGER_AMOUNT),
    ("exchange_rate", EXCHANGE_RATE),
    ("taxes", INTEGER),
    ("vat_code", TEXT),
    ("vat_rate", VAT_RATE),
    ("vat_base", LEDGER_AMOUNT),
    ("invoice_number", TEXT),
    ("kid", TEXT),
    ("due_date", DATE),
    ("reference", TEXT),
]
LINES = pa.schema(_LINE_TYPES)
_AMOUNTS = {
    "debit": "DebitAmount",
    "credit": "CreditAmount",
    "foreign_amount": "CurrencyAmount",
    "exchange_rate": "ExchangeRate",
}
#: What the standard lets have any number of decimals.
_ROUNDED = {"vat_rate": "TaxPercentage", "vat_base": "TaxBase"}
_IDS = {"account": "AccountID", "customer": "CustomerID", "supplier": "SupplierID"}
#: Those that the standard lets a period have.
YEARS = range(1970, 2101)
_compute: Any = pc


@dataclass(frozen=True, slots=True)
class Batch:
    """Transactions (`ENTRIES`) and their lines (`LINES`), in the file's order."""

    entries: pa.Table
    lines: pa.Table

    def sums(self) -> tuple[Decimal, Decimal]:
        """Debits and credits, as they stand."""
        debit, credit = (_compute.sum(self.lines[side], min_count=0).as_py() for side in ("debit", "credit"))
        return debit, credit


def read_batch(root: Any, count: int, name: str) -> Batch:
    """The first `count` transactions of a file that is being read, by its root element.

    Raises LedgerError naming the first record that says what cannot be.
    """
    rows = bytes(_writer()(root, count=str(count))).split(b"\n", count)
    entries = _read(b"\n".join(rows[:count]) + b"\n", ENTRY_FIELDS)
    lines = _read(rows[count], LINE_FIELDS)
    return Batch(_entries(entries, name), _lines(lines, entries, name))


@cache
def _writer() -> Any:
    """Compiled once: it takes longer than a small file."""
    return row_writer()


def _read(text: bytes, fields: Iterable[str]) -> pa.Table:
    """Rows of text; an empty field is missing."""
    if not text:
        return pa.schema([(field, pa.string()) for field in fields]).empty_table()
    return pacsv.read_csv(
        io.BytesIO(text),
        read_options=pacsv.ReadOptions(
            column_names=list(fields), use_threads=False, block_size=len(text) + 1
        ),
        parse_options=pacsv.ParseOptions(
            delimiter="\t", quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={field: pa.string() for field in fields}, null_values=[""], strings_can_be_null=True
        ),
    )


def _entries(texts: pa.Table, name: str) -> pa.Table:
    def where(row: int) -> str:
        journal, transaction = (texts[part][row].as_py() for part in ("journal", "transaction"))
        return f"{name}: transaction {transaction or '(without an id)'} of journal {journal}"

    for part, what in (
        ("transaction", "TransactionID"),
        ("year", "PeriodYear"),
        ("period", "Period"),
        ("date", "TransactionDate"),
    ):
        values.refuse_missing(texts[part], what, where)
    for part in ("journal", "transaction"):
        values.refuse_long(texts[part], "its id", where)
    years = values.whole_numbers(texts["year"], "PeriodYear", where)
    known = _compute.and_(_compute.greater_equal(years, YEARS.start), _compute.less(years, YEARS.stop))
    if not _compute.all(known, min_count=0).as_py():
        row = _compute.index(known, False).as_py()
        raise LedgerError(f"{where(row)} is of the year {years[row]}, which no SAF-T file may have.")
    checked: dict[str, Any] = {
        "journal": texts["journal"],
        "transaction": texts["transaction"],
        "year": years,
        "period": values.whole_numbers(texts["period"], "Period", where),
        "date": values.dates(texts["date"], "TransactionDate", where),
        "description": _trimmed(texts["description"]),
        "lines": values.whole_numbers(texts["lines"], "lines", where),
    }
    return pa.table(checked, schema=ENTRIES)


def _lines(texts: pa.Table, entries: pa.Table, name: str) -> pa.Table:
    owners = _compute.subtract(_compute.cast(texts["entry"], pa.int32()), 1)

    def where(row: int) -> str:
        owner = owners[row].as_py()
        place = row - _compute.index(owners, owners[row]).as_py() + 1
        journal, transaction = (entries[part][owner].as_py() for part in ("journal", "transaction"))
        return f"{name}: line {place} of transaction {transaction} of journal {journal}"

    values.refuse_missing(texts["account"], "AccountID", where)
    for part, what in _IDS.items():
        values.refuse_long(texts[part], what, where)
    one_side = _compute.equal(texts["sides"], "1")
    if not _compute.all(one_side, min_count=0).as_py():
        row = _compute.index(one_side, False).as_py()
        raise LedgerError(
            f"{where(row)} has {texts['sides'][row]} amounts: it must have one, debit or credit."
        )
    values.refuse_missing(_compute.coalesce(texts["debit"], texts["credit"]), "Amount", where)
    checked: dict[str, Any] = {
        "entry": owners,
        "taxes": _compute.fill_null(_compute.cast(texts["taxes"], pa.int32()), 0),
        "due_date": _meant(values.dates(texts["due_date"], "DueDate", where)),
        "description": _trimmed(texts["description"]),
    }
    for part, what in _AMOUNTS.items():
        checked[part] = values.decimals(texts[part], LINES.field(part).type, what, where)
    for part, what in _ROUNDED.items():
        checked[part] = values.rounded_decimals(texts[part], LINES.field(part).type, what, where)
    return pa.table({part: checked.get(part, texts[part]) for part in LINES.names}, schema=LINES)


def _meant(days: Any) -> Any:
    """The days without those that programs write for none, such as 0001-01-01."""
    return _compute.if_else(_compute.less(days, date(YEARS.start, 1, 1)), None, days)


def _trimmed(texts: Any) -> Any:
    """Texts without surrounding space; a blank one is missing."""
    trimmed = _compute.utf8_trim_whitespace(texts)
    return _compute.if_else(_compute.equal(trimmed, ""), None, trimmed)
