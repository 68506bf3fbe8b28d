"""`ledger export`: files for people and for other programs."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pyarrow.compute as pc

from ledger_pipelines.billing.statement_csv import COLUMNS, statement_csv, statement_rows
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.summaries import read_statements


def write_statements(
    database: Database, month: date, *, account: str | None, file_format: str, output: Path | None
) -> None:
    """Writes the month's statements as CSV or XLSX.

    Raises LedgerError when there are none, the format is unknown, or XLSX has no file to go to.
    """
    if file_format not in ("csv", "xlsx"):
        raise LedgerError(f"{file_format!r} is no format: choose csv or xlsx.")
    if file_format == "xlsx" and output is None:
        raise LedgerError("A workbook needs a file: name it with -o.")
    with database.connect() as connection:
        statements, lines = read_statements(connection, [month])
    if account is not None:
        statements = statements.filter(pc.equal(statements["account_number"], account))
        lines = lines.filter(pc.equal(lines["account_number"], account))
    if statements.num_rows == 0:
        whose = "" if account is None else f" for {account}"
        raise LedgerError(f"There is no statement{whose} in {format_month(month)}: run `ledger close {format_month(month)}`.")
    if file_format == "csv":
        text = statement_csv(lines, statements)
        if output is None:
            sys.stdout.write(text)
        else:
            output.write_text(text, newline="")
    elif output is not None:
        _write_workbook(output, format_month(month), statement_rows(lines, statements))
