"""`ledger export statements`: what was billed, as files."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger, execute, fetch

HEADER = ["InvoiceNo", "Customer", "InvoiceDate", "DueDate", "Item(Product/Service)"]
HEADER += ["Description", "Qty", "Rate", "Amount"]
LINES = """SELECT s.statement_number, s.company_name, s.statement_date::text, s.due_date::text, l.item, l.description,
                  l.quantity, l.rate, l.amount
           FROM billing_statement_lines l JOIN billing_statements s USING (month, account_number)
           WHERE l.amount <> 0 AND l.month = ANY(%s::date[])"""


@pytest.mark.timeout(120)
def test_the_files_say_what_the_lines_say(
    ledger: Ledger, database: Database, sandbox: Sandbox, tmp_path: Path
) -> None:
    ledger.use(sandbox)
    assert ledger("close", "2025-03", "2025-05").code == 0
    ((account,),) = fetch(database, "SELECT min(account_number) FROM billing_statements")
    execute(
        database, "UPDATE billing_statements SET company_name = '=1+1' WHERE account_number = %s", account
    )

    printed = ledger("export", "statements", "--month", "2025-03")
    assert (printed.code, printed.err) == (0, "")
    header, *rows = csv.reader(io.StringIO(printed.out))
    assert header == HEADER
    billed = fetch(database, LINES, ["2025-03-01"])
    assert sorted(map(_comparable, rows)) == sorted(map(_comparable, billed))
    assert len(billed) > 100
    # What a spreadsheet would run as a formula is text.
    assert {row[1] for row in rows if row[0].startswith(account)} == {"'=1+1"}

    file = tmp_path / "march.csv"
    written = ledger("export", "statements", "--month", "2025-03", "-o", str(file))
    statements = len({row[0] for row in rows})
    assert (written.code, written.out) == (0, f"Wrote {statements} statements to {file}.\n")
    assert file.read_bytes().replace(b"\r\n", b"\n").decode() == printed.out

    both = ledger("export", "statements", "--start", "2025-03", "--end", "2025-05")
    _, *rows = csv.reader(io.StringIO(both.out))
    assert len(rows) == len(fetch(database, LINES, ["2025-03-01", "2025-04-01"]))

    own = ledger("export", "statements", "--month", "2025-03", "--account", account)
    _, *rows = csv.reader(io.StringIO(own.out))
    assert {row[0] for row in rows} == {f"{account}-202503"}
    assert (
        sum(Decimal(row[-1]) for row in rows)
        == fetch(
            database,
            "SELECT total FROM billing_statements WHERE account_number = %s AND month = '2025-03-01'",
            account,
        )[0][0]
    )

    book = tmp_path / "march.xlsx"
    assert ledger("export", "statements", "--month", "2025-03", "-o", str(book)).code == 0
    sheet = _sheet(book)
    assert len(sheet) == len(billed) + 1
    assert [text for text in sheet[0] if text] == HEADER
    assert sum(Decimal(row[-1]) for row in sheet[1:]).quantize(Decimal("0.01")) == sum(
        line[-1] for line in billed
    )


def _comparable(row: object) -> tuple[object, ...]:
    """A row of the file or of the database with its numbers as numbers."""
    *texts, quantity, rate, amount = row  # type: ignore[misc]
    plain = [text.removeprefix("'") for text in texts]
    return (*plain, Decimal(quantity), Decimal(rate), Decimal(amount))


def _sheet(book: Path) -> list[list[str]]:
    """The cells of a workbook's first sheet as text; strings are kept apart, and looked up."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(book) as parts:
        shared = [
            "".join(item.itertext())
            for item in ET.fromstring(parts.read("xl/sharedStrings.xml")).iter(f"{space}si")
        ]
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    return [
        [
            shared[int(cell.findtext(f"{space}v", "0"))]
            if cell.get("t") == "s"
            else cell.findtext(f"{space}v", "")
            for cell in row.iter(f"{space}c")
        ]
        for row in sheet.iter(f"{space}row")
    ]
