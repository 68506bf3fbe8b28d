"""Documents of statements and customers, from the database."""

from __future__ import annotations

import csv
import gc
import io
import tracemalloc
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import psycopg
import pypdf
import pytest

from ledger_pipelines.exports.archive import FileNames, ascii_name, safe_name, zipped
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.store.periods import close_months, make_partitions
from ledger_pipelines.workflows import documents
from ledger_pipelines.workflows.documents import (
    NoStatementError,
    overdue_book,
    party_document,
    present_statements,
    statement_archive,
    statement_book,
    statement_document,
)
from ledger_pipelines.workflows.statements import statement_of
from ledger_pipelines_tests.billing.building import MARCH, bill_month
from ledger_pipelines_tests.general_ledger.journals import ACME, day, invoice, payment
from ledger_pipelines_tests.workflows import billed_books
from ledger_pipelines_tests.workflows.general_ledger.books import reckon, write

#: Names and account numbers that could meet or lead elsewhere.
COMPANIES = [
    {"account_number": "a1", "name": "Acme"},
    {"account_number": "A1", "name": "ACME"},
    {"account_number": "A 1", "name": "acme"},
    {"account_number": "../../etc/passwd", "name": "..\\..\\x\r\nSet-Cookie: a=b"},
    {"account_number": "株", "name": "株式会社"},
    {"account_number": "社", "name": "株式会社"},
    {"account_number": "=1+1", "name": '=HYPERLINK("http://x")'},
]


def keep(connection: psycopg.Connection, companies: Sequence[dict[str, Any]] = COMPANIES) -> None:
    """Writes March's statements of these companies, each with a person and two charges."""
    accounts = [{"account_number": one["account_number"]} for one in companies]
    result = bill_month(
        companies=companies,
        contacts=[{**one, "name": "@SUM(A1)"} for one in accounts],
        custom_line_items=[
            {**one, "name": name, "monthly_fee": "-1.5"}
            for one in accounts
            for name in ("=1+1", "\t+a", "\r-b")
        ],
    )
    replace_month(connection, "billing_statements", [MARCH], result.statements)
    replace_month(connection, "billing_statement_lines", [MARCH], result.lines)


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_one_statement_in_each_form(database: Database, connection: psycopg.Connection) -> None:
    keep(connection)
    make_partitions(connection, [MARCH])
    connection.execute(
        "INSERT INTO companies (month, account_number, name) VALUES (%s, 'a 9', 'Later')", [MARCH]
    )
    connection.commit()
    plain, quickbooks, pdf, latest = (
        statement_document(database, "a1", month, kind)  # type: ignore[arg-type]
        for month, kind in ((MARCH, "csv"), (MARCH, "quickbooks"), (MARCH, "pdf"), (None, "csv"))
    )
    assert latest == plain
    assert [one.name for one in (plain, quickbooks, pdf)] == [
        *("a1-2025-03-Acme.csv", "a1-2025-03-Acme-quickbooks.csv", "a1-2025-03-Acme.pdf"),
    ]
    header, *rows = rows_of(plain.content)
    assert [row[5] for row in rows] == ["'@SUM(A1) (Paid)", "'+a", "'-b", "'=1+1"]
    assert rows_of(quickbooks.content) == [
        [*header, "Currency", "Terms"],
        *([*row, "USD", "Net 30"] for row in rows),
    ]
    text = pypdf.PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
    assert "DRAFT" in text
    assert "@SUM(A1) (Paid)" in text
    assert "USD 10.50" in text
    close_months(connection, [MARCH], person="ann")
    final = statement_document(database, "a1", MARCH, "pdf")
    assert "FINAL" in pypdf.PdfReader(io.BytesIO(final.content)).pages[0].extract_text()
    for account, month, said in (
        ("zz", MARCH, "of 2025-03 for 'zz': no company has that account number"),
        ("a 9", MARCH, "of 2025-03 for 'a 9', and the month was run: /client/a%209 says why"),
        ("a1", date(2025, 4, 1), "of 2025-04 for 'a1': the month has none yet; run it"),
    ):
        with pytest.raises(NoStatementError, match=f"There is no statement {said}"):
            statement_document(database, account, month, "pdf")


@pytest.mark.parametrize("kind", ["csv", "pdf"])
def test_an_archive_has_each_statement_once_and_is_the_same_bytes_each_time(
    database: Database,
    connection: psycopg.Connection,
    kind: documents.Format,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "_CHUNK", 3)
    keep(connection)
    close_months(connection, [MARCH], person="ann")
    made = statement_archive(database, MARCH, kind)
    content = b"".join(made.content)
    assert made.name == f"statements-2025-03-{kind}.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        files = {name: archive.read(name) for name in names}
        assert {one.date_time[:3] for one in archive.infolist()} == {(2025, 3, 31)}
    assert len(names) == len({name.casefold() for name in names}) == len(COMPANIES)
    assert {f"株-2025-03-株式会社.{kind}", f"a1-2025-03-Acme-2.{kind}"} < set(names)
    assert not any(name.startswith((".", "-", "/")) or ".." in name for name in names)
    single = [statement_document(database, one["account_number"], MARCH, kind).content for one in COMPANIES]
    assert sorted(files.values()) == sorted(single)
    assert b"".join(statement_archive(database, MARCH, kind).content) == content


def test_an_archive_is_of_one_moment_and_leaves_no_connection(
    database: Database, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_CHUNK", 20)
    keep(connection, [{"account_number": f"A{number}", "name": "x"} for number in range(400)])
    made = statement_archive(database, MARCH, "csv").content
    first = next(made)
    connection.execute("DELETE FROM billing_statement_lines")
    content = first + b"".join(made)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert all(archive.read(name).count(b"\r\n") == 5 for name in archive.namelist())
    begun = statement_archive(database, MARCH, "csv").content
    next(begun)
    del begun, made
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    assert connection.execute(open_ones).fetchall() == [(0,)]
    with pytest.raises(NoStatementError, match="2025-04 has no statement"):
        statement_archive(database, date(2025, 4, 1), "csv")


@pytest.fixture
def collected_as_in_the_console() -> Iterator[None]:
    """Python's own rhythm of looking for garbage, in place of the tests' rare one."""
    rare = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*rare)


@pytest.mark.usefixtures("collected_as_in_the_console")
def test_the_memory_of_an_archive_does_not_grow_with_it() -> None:
    def peak(files: int) -> int:
        tracemalloc.start()
        for _ in zipped(((f"{number}.csv", b"x" * 20_000) for number in range(files)), MARCH):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    # What is kept of each file is its entry in the list at the end.
    assert peak(2_000) - peak(200) < 1_800 * 1_000


def test_all_statements_in_one_pdf_or_in_parts(
    database: Database, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(connection)
    whole = statement_book(database, MARCH)
    assert (whole.document.name, whole.parts) == ("statements-2025-03.pdf", 1)
    assert len(pypdf.PdfReader(io.BytesIO(whole.document.content)).pages) == len(COMPANIES)
    monkeypatch.setattr(documents, "PART", 3)
    parts = [statement_book(database, None, number) for number in (1, 2, 3)]
    assert [part.document.name for part in parts][:1] == ["statements-2025-03-001-of-003.pdf"]
    pages = [len(pypdf.PdfReader(io.BytesIO(part.document.content)).pages) for part in parts]
    assert pages == [3, 3, 1]
    with pytest.raises(NoStatementError, match="the parts 1 to 3, not 4"):
        statement_book(database, MARCH, 4)


def test_a_draft_says_what_was_edited_since_the_run(
    database: Database, connection: psycopg.Connection
) -> None:
    billed_books.fill(database)
    month, read, settings = billed_books.OPEN[-1], present_statements(Settings()), Settings()
    before = statement_document(database, "620500", month, "csv", read)
    assert before == statement_document(database, "620500", month, "csv")
    connection.execute(
        """INSERT INTO custom_line_items (account_number, name, one_off_fee, one_off_year, one_off_month)
           VALUES ('620500', 'Just now', 12.5, %s, %s)""",
        [month.year, month.month],
    )
    edited = statement_document(database, "620500", month, "csv", read)
    assert [row for row in rows_of(edited.content) if row not in rows_of(before.content)] == [
        [*rows_of(before.content)[1][:4], "Custom Charge", "Just now", "1", "12.50", "12.50"]
    ]
    present = statement_of(database, settings, "620500", month)
    assert present.waits_for_run
    pdf = statement_document(database, "620500", month, "pdf", read)
    text = pypdf.PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
    assert f"Total USD {present.statement.row['total']:,.2f}" in text
    with zipfile.ZipFile(
        io.BytesIO(b"".join(statement_archive(database, month, "csv", read).content))
    ) as archive:
        assert edited.content in [archive.read(name) for name in archive.namelist()]
        names = archive.namelist()
    # A company that had no plan that there is gets its first statement.
    connection.execute("INSERT INTO billing_plans (billing_plan, term_length) VALUES ('Lead', '1 Year')")
    with zipfile.ZipFile(
        io.BytesIO(b"".join(statement_archive(database, month, "csv", read).content))
    ) as archive:
        assert set(archive.namelist()) - set(names) == {f"no-plan-{month:%Y-%m}-Company_4.csv"}
    assert statement_book(database, month, 1, read).document.content.startswith(b"%PDF-")


def test_what_customers_owe(database: Database, connection: psycopg.Connection) -> None:
    write(
        connection,
        invoice("i1", "2025-01-10", 1000, due_date=day("2025-01-31")),
        payment("p1", "2025-02-03", 400, settles="books/i1"),
        invoice("i2", "2025-02-14", 700, due_date=day("2025-03-14")),
    )
    reckon(connection, "2025-01", "2025-02", "2025-03")
    made = party_document(database, ACME, date(2025, 2, 28))
    text = pypdf.PdfReader(io.BytesIO(made.content)).pages[0].extract_text()
    assert "2025-01-31 28 1,000.00 600.00 600.00" in text
    assert "2025-03-14 700.00 700.00 1,300.00" in text
    # Before the payment of the third, all of the invoice is open.
    before = party_document(database, ACME, date(2025, 2, 2))
    assert "1,000.00 1,000.00" in pypdf.PdfReader(io.BytesIO(before.content)).pages[0].extract_text()
    overdue = overdue_book(database, date(2025, 2, 28))
    assert (overdue.document.name, overdue.parts) == ("overdue-2025-02-28.pdf", 1)
    assert overdue.document.content == made.content
    with pytest.raises(NoStatementError, match="Nothing is overdue on 2025-01-31"):
        overdue_book(database, date(2025, 1, 31))
    with pytest.raises(NoStatementError, match="Nothing of 'nobody' is open"):
        party_document(database, "nobody", date(2025, 2, 28))


def test_names_of_files() -> None:
    assert safe_name("../Łódź & Co.: a/b\x00\r\n") == "Łódź_Co_a_b"
    assert safe_name("บริษัท ไทย") == "บริษัท_ไทย"
    assert safe_name("x" * 99) == "x" * 60
    assert safe_name("株" * 99) == "株" * 33
    assert ascii_name("620547-2025-03-株式会社.pdf") == "620547-2025-03.pdf"
    assert ascii_name('A-Zoë "q"; b.csv') == "A-Zoe_q_b.csv"
    assert ascii_name("Søndre_Fjord") == "Sondre_Fjord"
    assert ascii_name("Łódzka_Æble_Weiß_Đakovo_Œuvre") == "Lodzka_Aeble_Weiss_Dakovo_Oeuvre"
    names = FileNames()
    assert [names.take(stem, "csv") for stem in ("a", "A", "a-2", "Ä", "a\u0308", "Ελλάς", "ΕΛΛΆΣ")] == [
        "a.csv",
        "A-2.csv",
        "a-2-2.csv",
        "Ä.csv",
        "a\u0308-2.csv",
        "Ελλάς.csv",
        "ΕΛΛΆΣ-2.csv",
    ]
