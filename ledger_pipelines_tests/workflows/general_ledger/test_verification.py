"""`ledger verify`, `ledger match` and the exports of the general ledger, from the command to the tables."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from ledger_pipelines.cli import export, match, verify
from ledger_pipelines.cli.root import app
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.general_ledger.import_journal import import_journal
from ledger_pipelines.workflows.general_ledger.payment_matches import add_match, candidates, undo_match
from ledger_pipelines.workflows.general_ledger.verification import verify as compare
from ledger_pipelines_tests.general_ledger.journals import ACME, OTHER, entry, invoice, payment
from ledger_pipelines_tests.workflows.general_ledger.books import (
    close,
    reckon,
    reconciled,
    remaining,
    rows,
    write,
)

TODAY = date(2025, 2, 20)
Command = Callable[..., str]


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command in this process, on the test's database; its output, and what it refuses as a LedgerError."""
    monkeypatch.chdir(tmp_path)
    for module in (verify, match, export):
        monkeypatch.setattr(module, "enter", lambda: database)
        if hasattr(module, "today"):
            monkeypatch.setattr(module, "today", lambda: TODAY)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), env={"COLUMNS": "250"})
        if isinstance(done.exception, LedgerError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.fixture
def books(connection: psycopg.Connection) -> psycopg.Connection:
    """Two months with an invoice paid in part, one that is open, and a payment that pays the wrong one."""
    write(
        connection,
        invoice("i1", "2025-01-10", 1000, due_date=date(2025, 1, 31), invoice_number="F-1"),
        invoice("i2", "2025-01-12", 700, due_date=date(2025, 2, 28), invoice_number="F-2"),
        payment("p", "2025-01-20", 400),
        invoice("o1", "2025-02-14", "99.50", OTHER),
        entry("m", "2025-02-15", [("6300", 50, {}), ("2400", -50, {})], "manual"),
    )
    reckon(connection, "2025-01", "2025-02")
    return connection


def test_a_match_that_no_row_has_yet_is_no_difference(
    connection: psycopg.Connection, database: Database
) -> None:
    """A person says whose the line is: before the next run, and of a closed month, which keeps its rows."""

    def unexplained(day: date) -> list[str]:
        return compare(database, today=date(2025, 3, 1), as_of=day, days=7, sync_start=None).unexplained

    write(
        connection,
        invoice("i", "2025-01-10", 100),
        payment("p", "2025-01-12", 100, None, source_type="imported"),
    )
    reckon(connection, "2025-01")
    add_match(database, "books/p", "books/i", None, person="ann")
    assert unexplained(date(2025, 1, 31)) == unexplained(date(2025, 1, 20)) == []
    reckon(connection, "2025-01")
    close(connection, "2025-01")
    undo_match(database, 1, person="ann")
    reckon(connection, "2025-01", "2025-02")
    assert reconciled(connection, "2025-02", "1500") == {}
    for day in (
        date(2025, 1, 11),
        date(2025, 1, 12),
        date(2025, 1, 31),
        date(2025, 2, 10),
        date(2025, 2, 28),
    ):
        assert unexplained(day) == []


def test_verify_prints_the_reconciliation_and_the_last_entries(
    books: psycopg.Connection, ledger: Command
) -> None:
    told = ledger("verify")
    assert "As of 2025-02-20" in told
    assert "1,399.50" in told
    assert "books/o1" in told
    assert "books/i1" not in told
    assert "books/i1" in ledger("verify", "--days", "90")
    # The manual line is explained, and made no row. Without a party it is told by its text, an id always whole.
    lines = told.splitlines()
    [(manual, its_id)] = [pair for pair in pairwise(lines) if "no row" in pair[0]]
    assert manual.startswith("2025-02-15  2400 ")
    assert its_id.strip() == "books/m"


def test_verify_as_of_a_day(books: psycopg.Connection, database: Database) -> None:
    def balances(on: date) -> dict[str, tuple[Decimal, Decimal]]:
        found = compare(database, today=TODAY, as_of=on, days=7, sync_start=None)
        assert found.unexplained == []
        return {row["account"]: (row["ledger_balance"], row["explained"]) for row in found.rows}

    assert balances(date(2025, 1, 15)) == {"1500": (Decimal(1700), Decimal(0))}
    assert balances(date(2025, 1, 31)) == {"1500": (Decimal(1300), Decimal(0))}
    assert balances(date(2025, 2, 28)) == {
        "1500": (Decimal("1399.50"), Decimal(0)),
        "2400": (Decimal(50), Decimal(50)),
    }
    with pytest.raises(LedgerError, match="2025-03 were not reckoned"):
        compare(database, today=TODAY, as_of=date(2025, 3, 1), days=7, sync_start=None)


def test_verify_names_account_and_amount_of_what_was_altered_by_hand(
    books: psycopg.Connection, ledger: Command
) -> None:
    books.execute(
        "UPDATE customer_ledger SET remaining_amount = 690, status = 'partially_paid' "
        "WHERE voucher = 'books/i2' AND month = '2025-02-01'"
    )
    with pytest.raises(LedgerError, match=r"1500: 10\.00 EUR"):
        ledger("verify", "--as-of", "2025-02-28")


@pytest.mark.parametrize("text", ["2025-13-01", "yesterday", "01.02.2025"])
def test_verify_takes_a_day(ledger: Command, text: str) -> None:
    with pytest.raises(LedgerError, match="is no day"):
        ledger("verify", "--as-of", text)


def test_a_person_matches_and_takes_it_back(books: psycopg.Connection, ledger: Command) -> None:
    listed = ledger("match", "list")
    assert "books/i2:1" in listed
    assert "F-2" in listed
    assert "400.00 EUR of books/p:2 pays books/i2:1" in ledger(
        "match", "add", "books/p", "books/i2", "--note", "he said so"
    )
    assert "he said so" in ledger("match", "made")
    reckon(books, "2025-02")
    assert remaining(books, "2025-01") == {"i1": 1000, "i2": 300}
    ((number, edited_by),) = rows(
        books, "SELECT m.id, e.person FROM payment_matches m, edits e WHERE e.table_name = 'payment_matches'"
    )
    assert edited_by
    ledger("match", "undo", str(number))
    reckon(books, "2025-02")
    assert remaining(books, "2025-01") == {"i1": 600, "i2": 700}
    assert rows(books, "SELECT count(*) FROM edits WHERE table_name = 'payment_matches'") == [(2,)]


@pytest.mark.parametrize(
    ("settlement", "item", "amount", "sentence"),
    [
        ("books/p", "books/i2", "401", r"Of books/p:2 people can match 400\.00 EUR more"),
        ("books/p", "books/o1", None, f"books/p:2 is of {ACME}, books/o1:1 of {OTHER}"),
        ("books/i1", "books/i2", None, "no books/i1 that could be a settlement"),
        ("books/i1:1", "books/i2", None, "books/i1:1 is not a settlement"),
        ("books/none", "books/i2", None, "no books/none"),
    ],
)
def test_what_cannot_be_matched_is_refused(
    books: psycopg.Connection,
    database: Database,
    settlement: str,
    item: str,
    amount: str | None,
    sentence: str,
) -> None:
    with pytest.raises(LedgerError, match=sentence):
        add_match(database, settlement, item, None if amount is None else Decimal(amount), person="ann")
    assert rows(books, "SELECT count(*) FROM payment_matches") == [(0,)]


def test_two_matches_of_one_payment_never_come_to_more_than_it(
    books: psycopg.Connection, database: Database
) -> None:
    add_match(database, "books/p", "books/i2", Decimal(300), person="ann")
    assert add_match(database, "books/p", "books/i1", None, person="ann").amount == 100
    with pytest.raises(LedgerError, match="more: say a smaller amount"):
        add_match(database, "books/p", "books/i1", None, person="ann")
    with pytest.raises(LedgerError, match="no match 77"):
        undo_match(database, 77, person="ann")


def test_lines_of_nobodys_can_be_matched_too(books: psycopg.Connection, database: Database) -> None:
    lost = payment("lost", "2025-02-18", 99, None, source_type="imported", status="posted")
    write(books, lost)
    reckon(books, "2025-02")
    assert [row["item"] for row in candidates(database, TODAY, None) if row["name"] is None] == [
        "books/lost:2"
    ]
    add_match(database, "books/lost", "books/o1", None, person="ann")
    reckon(books, "2025-02")
    assert remaining(books, "2025-02")["o1"] == Decimal("0.50")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_aging_as_a_file(books: psycopg.Connection, ledger: Command, tmp_path: Path) -> None:
    told = read(ledger("export", "aging", "--start", "2025-01", "--end", "2025-03"))
    assert [(row["As of"], row["Party"], row["Not due"], row["1-30 days"], row["Total"]) for row in told] == [
        ("2025-01-31", ACME, "1300.00", "0.00", "1300.00"),
        ("2025-02-28", OTHER, "0.00", "99.50", "99.50"),
        ("2025-02-28", ACME, "700.00", "600.00", "1300.00"),
    ]
    ledger("export", "aging", "--month", "2025-02", "-o", str(tmp_path / "aging.xlsx"))
    with zipfile.ZipFile(tmp_path / "aging.xlsx") as book:
        assert b"<v>99.500</v>" in book.read("xl/worksheets/sheet1.xml")


def test_the_trial_balance_as_a_file_says_how_much_is_draft(
    books: psycopg.Connection, ledger: Command
) -> None:
    close(books, "2025-01")
    told = {row["Account"]: row for row in read(ledger("export", "trial-balance", "--month", "2025-02"))}
    assert (told["1500"]["Opening"], told["1500"]["Closing"], told["1500"]["Draft debit"]) == (
        "1300.00",
        "1399.50",
        "99.50",
    )
    january = read(ledger("export", "trial-balance", "--month", "2025-01"))
    assert {row["Draft debit"] for row in january} == {"0.00"}
    assert sum(Decimal(row["Closing"]) for row in january) == 0


def test_the_journal_as_a_file_is_one_that_can_be_imported(
    books: psycopg.Connection, ledger: Command
) -> None:
    told = read(ledger("export", "journal", "--month", "2025-02"))
    assert list(told[0]) == [
        "entry",
        "date",
        "account",
        "debit",
        "credit",
        "currency",
        "description",
        "source_type",
        "source_id",
        "party",
        "reference",
        "kid",
        "invoice_number",
        "due_date",
    ]
    assert [(row["entry"], row["account"], row["debit"], row["credit"]) for row in told[:2]] == [
        ("books/o1", "1500", "99.50", ""),
        ("books/o1", "3000", "", "99.50"),
    ]


def test_an_exported_journal_that_was_imported_changes_nothing(
    connection: psycopg.Connection, ledger: Command
) -> None:
    head = "entry,date,account,debit,credit,currency,source_type,source_id,party,kid,invoice_number,due_date"
    Path("dinars.csv").write_text(
        f"{head}\n1,2025-01-10,1500,10.125,,KWD,customer_invoice,K-1,Kuwait,00123,K-1,2025-02-28\n"
        "1,2025-01-10,3000,,10.125,KWD,customer_invoice,K-1,,,,\n"
        "2,2025-01-20,1920,0.125,,KWD,payment,P-1,,,,\n"
        "2,2025-01-20,1500,,0.125,KWD,payment,P-1,Kuwait,,,\n"
    )
    assert import_journal(connection, Path("dinars.csv"), today=TODAY).added == 2
    Path("exported.csv").write_text(ledger("export", "journal", "--month", "2025-01"))
    assert import_journal(connection, Path("exported.csv"), today=TODAY).unchanged == 2
    ledger("match", "add", "csv/P-1", "csv/K-1")
    assert "1: 0.125 KWD of csv/P-1:2 pays csv/K-1:1" in ledger("match", "made")


@pytest.mark.parametrize("what", ["aging", "trial-balance", "journal"])
def test_a_month_without_anything_is_a_sentence(ledger: Command, what: str) -> None:
    with pytest.raises(LedgerError, match="run `ledger close 2025-03`"):
        ledger("export", what, "--month", "2025-03")
