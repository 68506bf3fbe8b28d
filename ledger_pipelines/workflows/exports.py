"""What is exported: the rows of statements, accruals and integration errors, as sheets for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc

from ledger_pipelines.crm.inputs import PERIODS
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.exports.accruals import COLUMNS as ACCRUAL_COLUMNS
from ledger_pipelines.exports.accruals import accrual_rows, month_title
from ledger_pipelines.exports.spreadsheets import Cell, Money, csv_text, write_workbook
from ledger_pipelines.exports.statement_csv import COLUMNS as STATEMENT_COLUMNS
from ledger_pipelines.exports.statement_csv import statement_csv, statement_rows
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ListedError, list_errors
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.summaries import read_statements
from ledger_pipelines.workflows.accruals import read_inputs

_ERROR_COLUMNS = (
    "Date",
    "Integration",
    "Operation",
    "Entity Type",
    "External ID",
    "Error Message",
    "Status",
    "Resolved At",
    "Resolution Notes",
    "Ignored At",
    "Ignore Notes",
)


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported: how many records, `csv` makes the text, `write_xlsx` writes a workbook to a path."""

    count: int
    csv: Callable[[], str]
    write_xlsx: Callable[[Path], None]


def export_statements(database: Database, months: Sequence[date], account: str | None = None) -> Export:
    """The months' statements, a row for each line that is not zero; of one company or all.

    Raises LedgerError when there are none.
    """
    with database.connect() as connection:
        statements, lines = read_statements(connection, months)
    if account is not None:
        statements, lines = (
            frame.filter(pc.field("account_number") == account) for frame in (statements, lines)
        )
    if statements.num_rows == 0:
        whose = "" if account is None else f" for {account}"
        raise _nothing(f"statement{whose}", months)
    return Export(
        statements.num_rows,
        lambda: statement_csv(lines, statements),
        lambda path: write_workbook(
            path,
            "Statements",
            STATEMENT_COLUMNS,
            (
                [*row[: len(STATEMENT_COLUMNS) - 1], Money(row.amount, row.currency)]
                for row in statement_rows(lines, statements)
            ),
            quantities=[STATEMENT_COLUMNS.index(name) for name in ("Qty", "Rate")],
        ),
    )


def export_accruals(database: Database, months: Sequence[date], ledger_months: Sequence[date]) -> Export:
    """The months' accruals, a row for each contract and service period, a column for each month.

    `ledger_months` are all of the ledger. Raises LedgerError when there are none.
    """
    with database.connect() as connection:
        accruals = read_months(connection, "monthly_accruals", months)
        inputs = read_inputs(connection, ledger_months, closed_months(connection), PERIODS.names)
    if accruals.num_rows == 0:
        raise _nothing("accrual", months)
    rows = [
        _in_currency([*row.facts, *(row.recognised.get(month) for month in months)], row.currency)
        for row in accrual_rows(inputs, accruals)
    ]
    return sheet("Accruals", [*ACCRUAL_COLUMNS, *map(month_title, months)], rows)


def export_errors(database: Database, months: Sequence[date]) -> Export:
    """The integration errors that trouble one of the months; without months all of them."""
    with database.connect() as connection:
        errors = list_errors(connection, months)
    return sheet("Integration errors", _ERROR_COLUMNS, [_error_row(error) for error in errors])


def sheet(title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Export:
    """Rows under a header as an export."""
    return Export(
        len(rows),
        lambda: csv_text(header, rows),
        lambda path: write_workbook(path, title, header, rows),
    )


def _nothing(what: str, months: Sequence[date]) -> LedgerError:
    return LedgerError(
        f"There is no {what} in {describe_months(months)}: run `ledger close {format_month(months[0])}`."
    )


def _in_currency(cells: Sequence[Cell], currency: str) -> list[Cell]:
    """The cells with their amounts in this currency."""
    return [Money(cell, currency) if isinstance(cell, Decimal) else cell for cell in cells]


def _error_row(error: ListedError) -> Sequence[Cell]:
    return (
        error.last_seen_at,
        error.integration,
        error.operation,
        error.entity_type,
        error.external_id,
        error.message,
        error.status,
        error.resolved_at,
        error.resolution_notes,
        error.ignored_at,
        error.ignore_notes,
    )
