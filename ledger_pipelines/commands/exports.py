"""`ledger export`: files for people and for other programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.statement_csv import COLUMNS, StatementRow, statement_csv, statement_rows
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.summaries import read_statements


def write_statements(
    database: Database, months: Sequence[date], *, account: str | None, file_format: str, output: Path | None
) -> None:
    """Writes the months' statements as CSV or XLSX.

    Raises LedgerError when there are none, the format is unknown, or XLSX has no file to go to.
    """
    if file_format not in ("csv", "xlsx"):
        raise LedgerError(f"{file_format!r} is no format: choose csv or xlsx.")
    if file_format == "xlsx" and output is None:
        raise LedgerError("A workbook needs a file: name it with -o.")
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
    try:
        if output is None:
            sys.stdout.write(statement_csv(lines, statements))
        elif file_format == "csv":
            output.write_text(statement_csv(lines, statements), newline="")
        else:
            _write_workbook(output, statement_rows(lines, statements))
    except OSError as error:
        raise LedgerError(
            f"{output} cannot be written: {error.strerror}; choose another file with -o."
        ) from None


def _write_workbook(output: Path, rows: Iterator[StatementRow]) -> None:
    """A sheet with the CSV's columns; numbers are numbers, dates are dates, and text is never run as a formula."""
    import xlsxwriter

    output.open("ab").close()  # the library tells what is wrong with a path in its own way, and late
    options = {"strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
    with xlsxwriter.Workbook(output, options) as workbook:
        sheet = workbook.add_worksheet("Statements")
        money = workbook.add_format({"num_format": "#,##0.00"})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, COLUMNS, workbook.add_format({"bold": True}))
        for index, row in enumerate(rows, start=1):
            sheet.write_string(index, 0, row.number)
            sheet.write_string(index, 1, row.customer)
            sheet.write_datetime(index, 2, row.dated, day)
            sheet.write_datetime(index, 3, row.due, day)
            sheet.write_string(index, 4, row.item)
            sheet.write_string(index, 5, row.description)
            sheet.write_number(index, 6, row.quantity)
            sheet.write_number(index, 7, row.rate, money)
            sheet.write_number(index, 8, row.amount, money)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
