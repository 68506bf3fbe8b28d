"""Statements as a CSV file that accounting programs import (rules/billing.md, Statement).

Dates are ISO (`2025-03-31`), amounts have the decimals of their currency, rates these or more, quantities as many as
they need.
Statements come by month and account, their lines by kind, description and source.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from ledger_pipelines.exports.spreadsheets import Money, neutralised
from ledger_pipelines.frames import mapped, to_pandas, values_of
from ledger_pipelines.money import decimal_places
from ledger_pipelines.tables.table import INTEGER

COLUMNS = (
    "InvoiceNo",
    "Customer",
    "InvoiceDate",
    "DueDate",
    "Item(Product/Service)",
    "Description",
    "Qty",
    "Rate",
    "Amount",
)

QUICKBOOKS_COLUMNS = (*COLUMNS, "Currency", "Terms")
#: The kinds of lines in their order.
KINDS = ("user", "asset", "backup", "hours", "custom")
_HEAD = ("statement_number", "company_name", "statement_date", "due_date")
_STATED = ("item", "description", "quantity", "rate", "amount", "currency")
_KEY = ["month", "account_number"]
_ORDER = [*_KEY, "place", "description", "source_type", "source_id"]
_OF_LINES = [*_KEY, "kind", "source_type", "source_id", *_STATED]


class StatementRow(NamedTuple):
    """A line of a statement as the file states it, in the order of COLUMNS; its currency is in no column."""

    number: str
    customer: str
    dated: date
    due: date
    item: str
    description: str
    quantity: Decimal
    rate: Decimal
    amount: Decimal
    currency: str


def statement_rows(lines: pa.Table, statements: pa.Table) -> Iterator[StatementRow]:
    """The lines of these statements that charge something, each with what its statement says.

    `lines` and `statements` are frames like those of `bill`; lines without a statement here are left out.
    """
    charged = to_pandas(lines.select(_OF_LINES))
    charged = charged[charged["amount"] != 0]
    rows = charged.merge(to_pandas(statements.select([*_KEY, *_HEAD])), on=_KEY)
    rows = rows.assign(
        place=mapped(rows["kind"], {kind: place for place, kind in enumerate(KINDS)}.get, INTEGER)
    )
    ordered = rows.sort_values(_ORDER)
    yield from map(StatementRow, *(values_of(ordered[name]).to_pylist() for name in (*_HEAD, *_STATED)))


def statement_csv(lines: pa.Table, statements: pa.Table) -> str:
    """One or many statements as CSV text: a header, then a row for each line that charges something.

    Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they are.
    """
    return rows_csv(statement_rows(lines, statements))


def rows_csv(rows: Iterable[StatementRow]) -> str:
    """These rows as CSV text under the header."""
    return _csv(COLUMNS, (_cells(row) for row in rows))


def quickbooks_csv(rows: Iterable[StatementRow]) -> str:
    """These rows as QuickBooks imports invoices: the columns of the statement's CSV, its currency and the terms."""
    return _csv(
        QUICKBOOKS_COLUMNS,
        ([*_cells(row), row.currency, f"Net {(row.due - row.dated).days}"] for row in rows),
    )


def _cells(row: StatementRow) -> list[str]:
    """The row's cells in the order of COLUMNS."""
    return [
        neutralised(row.number),
        neutralised(row.customer),
        row.dated.isoformat(),
        row.due.isoformat(),
        neutralised(row.item),
        neutralised(row.description),
        shortest(row.quantity, None),
        shortest(row.rate, row.currency),
        str(Money(row.amount, row.currency)),
    ]


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


@lru_cache(maxsize=4096)
def shortest(value: Decimal, currency: str | None) -> str:
    """The number without trailing zeros, but with the decimals of its currency, if it has one."""
    places = decimal_places(value, currency) if currency is not None else max(0, -_exponent(value))
    return f"{value:.{places}f}"


def _exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
