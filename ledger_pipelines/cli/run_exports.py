"""`ledger export`: files for people and for other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.inputs import PERIODS
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.exports.accruals import COLUMNS as ACCRUAL_COLUMNS
from ledger_pipelines.exports.accruals import accrual_rows, month_title
from ledger_pipelines.exports.spreadsheets import Cell, Money, csv_text, write_workbook
from ledger_pipelines.exports.statement_csv import COLUMNS as STATEMENT_COLUMNS
from ledger_pipelines.exports.statement_csv import statement_csv, statement_rows
from ledger_pipelines.files import replaced
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ListedError, list_errors
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.summaries import read_statements
from ledger_pipelines.workflows.accruals import read_inputs

ERROR_COLUMNS = (
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


def write_statements(
    database: Database,
    months: Sequence[date],
    *,
    account: str | None,
    file_format: str | None,
    output: Path | None,
) -> int:
    """Writes the months' statements as CSV or XLSX, and returns how many they are.

    Raises LedgerError when there are none, the format is unknown, or XLSX has no file to go to.
    """
    file_format = _check(file_format, output)
    with database.connect() as connection:
        statements, lines = read_statements(connection, months)
    if account is not None:
        statements, lines = (
            frame.filter(pc.equal(frame["account_number"], pa.scalar(account)))
            for frame in (statements, lines)
        )
    if statements.num_rows == 0:
        whose = "" if account is None else f" for {account}"
        raise LedgerError(
            f"There is no statement{whose} in {describe_months(months)}: run `ledger close {format_month(months[0])}`."
        )
    _write(
        output,
        file_format,
        text=lambda: statement_csv(lines, statements),
        workbook=lambda file: write_workbook(
            file,
            "Statements",
            STATEMENT_COLUMNS,
            (
                [*row[: len(STATEMENT_COLUMNS) - 1], Money(row.amount, row.currency)]
                for row in statement_rows(lines, statements)
            ),
            quantities=[STATEMENT_COLUMNS.index(name) for name in ("Qty", "Rate")],
        ),
    )
    return int(statements.num_rows)


def write_accruals(
    database: Database,
    months: Sequence[date],
    *,
    ledger_months: Sequence[date],
    file_format: str | None,
    output: Path | None,
) -> int:
    """Writes the months' accruals, a row for each contract and service period; how many. Raises LedgerError likewise."""
    file_format = _check(file_format, output)
    with database.connect() as connection:
        accruals = read_months(connection, "monthly_accruals", months)
        inputs = read_inputs(connection, ledger_months, closed_months(connection), PERIODS.names)
    if accruals.num_rows == 0:
        raise LedgerError(
            f"There is no accrual in {describe_months(months)}: run `ledger close {format_month(months[0])}`."
        )
    rows: list[Sequence[Cell]] = [
        _in_currency([*row.facts, *(row.recognised.get(month) for month in months)], row.currency)
        for row in accrual_rows(inputs, accruals)
    ]
    _write_rows(output, file_format, "Accruals", [*ACCRUAL_COLUMNS, *map(month_title, months)], rows)
    return len(rows)


def write_errors(
    database: Database, months: Sequence[date], *, file_format: str | None, output: Path | None
) -> int:
    """Writes the integration errors, all of them or those that trouble one of the months; how many.

    Raises LedgerError likewise.
    """
    file_format = _check(file_format, output)
    with database.connect() as connection:
        errors = list_errors(connection, months)
    _write_rows(output, file_format, "Integration errors", ERROR_COLUMNS, map(_error_row, errors))
    return len(errors)


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


def _check(file_format: str | None, output: Path | None) -> str:
    """The format, which the file's name says where nobody does. Raises LedgerError where they are at odds."""
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    chosen = file_format or suffix or "csv"
    if chosen not in ("csv", "xlsx"):
        raise LedgerError(f"{chosen!r} is no format: choose csv or xlsx.")
    if chosen == "xlsx" and output is None:
        raise LedgerError("A workbook needs a file: name it with -o.")
    if suffix in ("csv", "xlsx") and suffix != chosen:
        raise LedgerError(f"{output} would be {chosen}: name the file .{chosen}, or leave --format out.")
    return chosen


def _write_rows(
    output: Path | None, file_format: str, title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> None:
    _write(
        output,
        file_format,
        text=lambda: csv_text(header, rows),
        workbook=lambda file: write_workbook(file, title, header, rows),
    )


def _write(
    output: Path | None, file_format: str, *, text: Callable[[], str], workbook: Callable[[Path], None]
) -> None:
    """Writes the file beside the one that is there and moves it into its place; text is UTF-8, whatever the locale."""
    try:
        if output is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(text().encode())
            sys.stdout.buffer.flush()
            return
        with replaced(output) as beside:
            if file_format == "csv":
                beside.write_bytes(text().encode())
            else:
                workbook(beside)
    except OSError as error:
        where = "Standard output" if output is None else output
        raise LedgerError(
            f"{where} cannot be written: {error.strerror}; choose another file with -o."
        ) from None
