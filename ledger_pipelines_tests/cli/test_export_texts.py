"""Exports with texts that somebody hostile chose, in any locale, on disks that are full: whole files or none."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines.billing.statements import bill
from ledger_pipelines.cli.export import chosen_format, write_export
from ledger_pipelines.cli.papers import write_papers
from ledger_pipelines.closing.restatement import in_month
from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.printable import one_line
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.months import ensure_months, replace_month
from ledger_pipelines.store.snapshots import record_snapshot
from ledger_pipelines.workflows.accruals import frames_of
from ledger_pipelines.workflows.exports import export_accruals, export_errors, export_statements
from ledger_pipelines_tests.accruals.building import make_inputs as make_accrual_inputs
from ledger_pipelines_tests.billing.building import MARCH, make_inputs

HOSTILE = [
    '=HYPERLINK("http://evil.example")',
    "\uff1d1+1",
    " \u200b@SUM(A1)",
    "\t-cmd",
    'Łódź, "quoted"\nand 日本',
]
_FORMATS = ("csv", "xlsx")


@pytest.fixture
def books(database: Database, connection: psycopg.Connection) -> Database:
    """March with a statement, a contract and an error for each of the texts; everything is in yen."""
    accounts = [{"account_number": f"A{number}", "name": text} for number, text in enumerate(HOSTILE)]
    result = bill(make_inputs(companies=accounts, contacts=accounts), [MARCH], currency="JPY")
    clients = [
        {"contact_id": text, "name": text, "user_id": number} for number, text in enumerate(HOSTILE, 1)
    ]
    contracts = [
        {"month": "2025-03-01", "contact_id": text, "currency": "KWD", "amount": "60.50"} for text in HOSTILE
    ]
    inputs = make_accrual_inputs(clients=clients, contracts=contracts)
    frames = frames_of(accrue(inputs, [MARCH])) | {
        "billing_statements": result.statements,
        "billing_statement_lines": result.lines,
        "contracts": _contracts(inputs.contracts),
        "clients": in_month(inputs.clients, MARCH),
    }
    for table, frame in frames.items():
        ensure_months(connection, [table], [MARCH])
        replace_month(connection, table, [MARCH], frame)
    record_snapshot(connection, "clients", [MARCH], taken_at=datetime.now(UTC), is_complete=True)
    problems = [Problem("codex", "assets", "asset", text, text, {"payload": text}) for text in HOSTILE]
    record_problems(connection, "codex", "assets", problems)
    return database


def _contracts(frame: pa.Table) -> pa.Table:
    dates = frame["contract_date"]
    return frame.append_column(
        "document_type", pa.repeat(pa.scalar("invoice"), frame.num_rows)
    ).append_column("document_date", dates)


def written(database: Database, kind: str, output: Path | None, file_format: str | None = None) -> None:
    export = {
        "statements": lambda: export_statements(database, [MARCH]),
        "accruals": lambda: export_accruals(database, [MARCH], [MARCH]),
        "errors": lambda: export_errors(database, []),
    }[kind]()
    write_export(export, chosen_format(file_format, output), output, "row")


@pytest.mark.parametrize("kind", ["statements", "accruals", "errors"])
def test_no_text_of_theirs_is_run_and_none_is_lost(books: Database, kind: str, tmp_path: Path) -> None:
    for file_format in _FORMATS:
        written(books, kind, tmp_path / f"file.{file_format}")
    _, *rows = csv.reader(io.StringIO((tmp_path / "file.csv").read_bytes().decode(), newline=""))
    cells = [cell for row in rows for cell in row]
    # An error's texts are of one line.
    texts = [one_line(text) for text in HOSTILE] if kind == "errors" else HOSTILE
    for text in texts[:-1]:
        assert f"'{text}" in cells
        assert text not in cells
    assert texts[-1] in cells
    if kind == "statements":
        assert {row[-1] for row in rows} == {"15"}
    if kind == "accruals":
        assert "60.500" in cells


def test_the_file_is_utf_8_and_whole_in_a_locale_that_has_no_such_letters(
    books: Database, tmp_path: Path
) -> None:
    """In the C locale a name in Polish emptied the good file that was there."""
    file, printed = tmp_path / "file.csv", tmp_path / "printed.csv"
    file.write_text("good")
    program = f"""
import sys
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from ledger_pipelines.cli.context import console
from ledger_pipelines.cli.export import write_export
from ledger_pipelines.printable import one_line
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.exports import export_statements
console.quiet = True
for output in (Path({str(file)!r}), None):
    write_export(export_statements(Database({books.url!r}), [date(2025, 3, 1)]), "csv", output, "statement")
"""
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with printed.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | variables,
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Łódź" in file.read_bytes().decode()
    assert printed.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("file_format", _FORMATS)
def test_where_it_cannot_be_written_one_sentence_says_so_and_the_good_file_stays(
    books: Database, tmp_path: Path, file_format: str
) -> None:
    for output, reason in (
        (tmp_path / "none" / f"file.{file_format}", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (Path("/dev/full"), "No space left on device"),
    ):
        with pytest.raises(LedgerError, match=reason) as refused:
            written(books, "errors", output, file_format)
        assert str(output) in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_statements_as_on_paper(database: Database, connection: psycopg.Connection, tmp_path: Path) -> None:
    result = bill(make_inputs(companies=[{"name": HOSTILE[0]}], contacts=[{}]), [MARCH], currency="USD")
    for table, frame in (
        ("billing_statements", result.statements),
        ("billing_statement_lines", result.lines),
    ):
        replace_month(connection, table, [MARCH], frame)
    one, all_, archive = tmp_path / "one.pdf", tmp_path / "all.pdf", tmp_path / "all.zip"
    write_papers(database, [MARCH], "A1", "pdf", one)
    write_papers(database, [MARCH], None, "pdf", all_)
    write_papers(database, [MARCH], None, "zip", archive)
    assert one.read_bytes() == all_.read_bytes()
    with zipfile.ZipFile(archive) as parts:
        (name,) = parts.namelist()
        assert parts.read(name) == one.read_bytes()
    refused: list[tuple[Sequence[date], str | None, str, Path | None, str]] = [
        ([MARCH, MARCH], None, "pdf", one, "one month"),
        ([MARCH], "A1", "zip", archive, "leave --account out"),
        ([MARCH], None, "pdf", None, "needs a file"),
        ([MARCH], "zz", "pdf", one, "no statement"),
        ([MARCH], None, "pdf", tmp_path / "none" / "x.pdf", "cannot be written"),
    ]
    for months, account, kind, output, words in refused:
        with pytest.raises(LedgerError, match=words):
            write_papers(database, months, account, kind, output)
    assert chosen_format(None, one, ("csv", "xlsx", "pdf", "zip")) == "pdf"
    with pytest.raises(LedgerError, match="choose csv or xlsx"):
        chosen_format("pdf", None)
