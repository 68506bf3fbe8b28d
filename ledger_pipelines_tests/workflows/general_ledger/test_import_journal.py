"""CSV journals (rules/general_ledger.md, Journals; Worked numbers)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.integration_errors import open_errors
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.general_ledger.import_journal import JournalOutcome, import_journal
from ledger_pipelines_tests.workflows.general_ledger.books import reckon, reconciled, rows

TODAY = date(2026, 1, 31)
Importer = Callable[[str], JournalOutcome]
HEADING = "entry,date,account,debit,credit,currency,description,source_type,source_id,party"
SALE = """entry,date,account,debit,credit,currency,source_type,source_id,party,kid,due_date
1,2025-03-10,1500,6250,,NOK,customer_invoice,INV-1,974760673,1234567890,2025-03-24
1,2025-03-10,3000,,5000,NOK,,,,,
1,2025-03-10,2700,,1250,NOK,,,,,
"""
TABLES = (
    "journal_entries",
    "journal_lines",
    "parties",
    "party_sources",
    "ledger_periods",
    "integration_errors",
)


@pytest.fixture
def take(connection: psycopg.Connection, tmp_path: Path) -> Importer:
    """Imports a file of this text."""

    def imported(text: str) -> JournalOutcome:
        path = tmp_path / "journal.csv"
        path.write_text(text)
        return import_journal(connection, path, today=TODAY)

    return imported


def stored(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """All that an import could have changed."""
    return {
        table: sorted(map(str, connection.execute(f"SELECT * FROM {table}").fetchall()))  # type: ignore[call-overload]
        for table in TABLES
    }


def entries_of(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT number, id, source_type, source_id, posting_date, status, line_count FROM journal_entries ORDER BY id"
    ).fetchall()


def lines_of(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT account, debit, credit, currency, party, kid, due_date FROM journal_lines ORDER BY entry_id, line"
    ).fetchall()


def test_a_supplier_s_invoice(take: Importer, connection: psycopg.Connection) -> None:
    rows = [
        "1,2025-03-10,6300,10000,,NOK,Rent,ehf_invoice,R-7,",
        "1,,2740,2500,,NOK,,,,",
        "1,,2400,,12500,NOK,,,,",
    ]
    outcome = take("\n".join([HEADING, *rows]))
    assert outcome == JournalOutcome("journal.csv", 1, 0, 3, [date(2025, 3, 1)], {"NOK": Decimal(12500)})
    assert entries_of(connection) == [
        ("1", "csv/R-7", "vendor_invoice", "R-7", date(2025, 3, 10), "posted", 3)
    ]
    assert lines_of(connection) == [
        ("6300", 10000, None, "NOK", None, None, None),
        ("2740", 2500, None, "NOK", None, None, None),
        ("2400", None, 12500, "NOK", "supplier:csv:R-7", None, None),
    ]


def test_a_customer_s_invoice_with_its_kid_and_twice(take: Importer, connection: psycopg.Connection) -> None:
    take(SALE)
    assert lines_of(connection)[0] == (
        "1500", 6250, None, "NOK", "customer:974760673", "1234567890", date(2025, 3, 24),
    )  # fmt: skip
    before = stored(connection)
    again = take(SALE)
    assert (again.added, again.unchanged, again.lines, again.debits) == (0, 1, 0, {})
    assert stored(connection) == before


def test_an_entry_without_a_document_is_manual(take: Importer, connection: psycopg.Connection) -> None:
    take(f"{HEADING}\n12,2025-03-31,2400,,1000,NOK,,,,\n12,2025-03-31,6300,1000,,NOK,,,,\n")
    assert entries_of(connection) == [
        ("12", "csv/2025-03-31/12", "manual", "2025-03-31/12", date(2025, 3, 31), "posted", 2)
    ]


def test_semicolons_decimal_commas_and_what_programs_write(
    take: Importer, connection: psycopg.Connection
) -> None:
    text = (
        "\ufeffEntry;Date;Account;Debit;Credit;Currency;Description\r\n"
        '7;2025-03-31;1920;1250,50;0,00;NOK;"Paid; in ""cash"""\r\n'
        "7;2025-03-31;1920;-250,50;;NOK;\r\n\r\n"
        "7;2025-03-31;3000;;1000.00;NOK;\r\n"
        "7;2025-03-31;6300;0;;KWD;\r\n"
    )
    take(text)
    assert [line[:4] for line in lines_of(connection)] == [
        ("1920", Decimal("1250.50"), None, "NOK"),
        ("1920", None, Decimal("250.50"), "NOK"),
        ("3000", None, Decimal(1000), "NOK"),
        ("6300", Decimal(0), None, "KWD"),
    ]
    described = connection.execute("SELECT description FROM journal_lines WHERE line = 1").fetchall()
    assert described == [('Paid; in "cash"',)]


def test_parties_by_id_number_and_name(take: Importer, connection: psycopg.Connection) -> None:
    take(SALE)
    rows = [
        "2,2025-03-11,1500,10,,NOK,,customer_invoice,2,customer:974760673",
        "2,,2400,,10,NOK,,,,Acme",
        "3,2025-03-11,2400,,10,NOK,,vendor_invoice,3,NO 974 760 673 MVA",
        "3,,6300,10,,NOK,,,,Acme",
    ]
    take("\n".join([HEADING, *rows]))
    assert [line[4] for line in lines_of(connection)][:4] == [
        "customer:974760673", "supplier:csv:Acme", "supplier:974760673", None,
    ]  # fmt: skip


PAIR = "1,2025-03-31,1920,5,,NOK,,,,\n1,2025-03-31,3000,,5,NOK,,,,\n"
MISTAKES = {
    r"line 2 has the debit '1,250.00'": PAIR.replace(",5,", ',"1,250.00",', 1),
    r"line 2 has the debit '1 250'": PAIR.replace(",5,", ",1 250,", 1),
    r"line 2 has the debit '1.250' with 3 decimals, and NOK has 2": PAIR.replace(",5,", ",1.250,", 1),
    r"line 2 has the debit '1e9'": PAIR.replace(",5,", ",1e9,", 1),
    r"line 2 has the debit 'NaN'": PAIR.replace(",5,", ",NaN,", 1),
    r"debit of more than 17 digits": PAIR.replace(",5,", f",{'1' * 18},", 1),
    r"line 2 has neither debit nor credit": PAIR.replace(",5,", ",,", 1),
    r"line 2 has both a debit of 5 and a credit of 4": PAIR.replace(",5,,", ",5,4,", 1),
    r"line 2 has the date '31.03.2025'": PAIR.replace("2025-03-31", "31.03.2025", 1),
    r"line 2 has the date '2025-02-30'": PAIR.replace("2025-03-31", "2025-02-30", 1),
    r"line 2 has the currency 'kr'": PAIR.replace("NOK", "kr", 1),
    r"line 2 has no currency; line 3 has no account": PAIR.replace("NOK", "", 1).replace("3000", ""),
    r"line 2 has the account 19200, which is not in `accounts`": PAIR.replace("1920", "19200"),
    r"line 3 has the date 2025-04-01, and its entry has 2025-03-31": PAIR.replace("\n1,2025-03-31", "\n1,2025-04-01"),
    r"entry 1 \(lines 2 to 3\) has no date": PAIR.replace("2025-03-31", ""),
    r"entry 1 \(lines 2 to 3\) is of 1925-03-31": PAIR.replace("2025", "1925"),
    r"is of 2036-02-03, and dates up to 2036-02-01 are": PAIR.replace("2025-03-31", "2036-02-03"),
    r"entry 1 \(lines 2 to 3\) does not balance: debits are 6.00 NOK, credits 5.00 NOK": PAIR.replace(",5,", ",6,", 1),
    r"debits are 5.00 EUR, credits 0.00 EUR": PAIR.replace("NOK", "EUR", 1),
    r"source_type invoice: write one of": PAIR.replace(",,,,", ",,invoice,,", 1),
    r"entry 2 \(line.* has the source id of entry 1": PAIR.replace(",,,,", ",,,S,", 1)
    + PAIR.replace(",,,,", ",,,S,", 1).replace("1,2025", "2,2025"),
    r"line 3 has 9 fields, and the heading 10": PAIR[:-2],
    r"party customer:1, which is not in": PAIR.replace("1920", "1500").replace(",,,,", ",,,,customer:1", 1),
    r"has no lines below": "",
    r"line 2: ": PAIR.replace("NOK", '"NOK" x', 1),
}  # fmt: skip


@pytest.mark.parametrize("message", MISTAKES, ids=list(MISTAKES))
def test_a_file_is_refused_whole_with_its_lines_named(
    message: str, take: Importer, connection: psycopg.Connection
) -> None:
    before = stored(connection)
    with pytest.raises(LedgerError, match=message):
        take(f"{HEADING}\n{MISTAKES[message]}")
    assert stored(connection) == before


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        (HEADING.replace("account", "konto"), "lacks account and has the unknown konto"),
        (HEADING + ",entry", "has a column twice"),
        ("", "lacks entry, date"),
    ],
)
def test_a_heading_that_is_none(heading: str, message: str, take: Importer) -> None:
    with pytest.raises(LedgerError, match=message):
        take(f"{heading}\n{PAIR}")


def test_only_the_first_mistakes_are_named(take: Importer) -> None:
    with pytest.raises(LedgerError, match=r"line 11 .*; and 10 more\.$"):
        take(f"{HEADING}\n" + "1,2025-03-31,1920,x,,NOK,,,,\n" * 20)


def test_a_file_that_is_no_text(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = tmp_path / "journal.csv"
    path.write_bytes(f"{HEADING}\n1,2025-03-31,1920,5,,NOK,Blåbær,,,".encode("latin-1"))
    with pytest.raises(LedgerError, match=r"not UTF-8 text \(line 2\)"):
        import_journal(connection, path, today=TODAY)
    path.write_bytes(f"{HEADING}\n1,2025-03-31,1920,5,,NOK,a\0b,,,".encode())
    with pytest.raises(LedgerError, match=r"no text \(line 2 has a NUL character\)"):
        import_journal(connection, path, today=TODAY)
    with pytest.raises(LedgerError, match="cannot be read"):
        import_journal(connection, tmp_path / "missing.csv", today=TODAY)


def test_another_content_of_the_same_document(take: Importer, connection: psycopg.Connection) -> None:
    take(SALE)
    altered = SALE.replace("6250", "6251").replace("5000", "5001")
    with pytest.raises(LedgerError, match=r"imported with 6,250.00 NOK .* has 6,251.00 NOK"):
        take(altered)
    assert len(entries_of(connection)) == 1
    assert [error[4] for error in open_errors(connection)] == ["csv/INV-1"]
    take(SALE)
    assert open_errors(connection) == []


def test_closed_months_are_named(take: Importer, connection: psycopg.Connection) -> None:
    take(SALE)
    ensure_months(connection, ["journal_entries", "journal_lines"], [date(2025, 3, 1)])
    close_months(connection, [date(2025, 3, 1)], person="Ada")
    before = stored(connection)
    assert take(SALE).unchanged == 1
    with pytest.raises(LedgerError, match="2025-03, which is closed"):
        take(f"{HEADING}\n{PAIR}")
    assert stored(connection) == before


def test_the_rules_three_journals_in_the_sub_ledgers(take: Importer, connection: psycopg.Connection) -> None:
    """A supplier's invoice and a customer's make a row each, a manual line none: the reconciliation shows it."""
    take(SALE)
    bought = "9,2025-03-10,6300,10000,,NOK,,ehf_invoice,R-7,\n9,,2740,2500,,NOK,,,,\n9,,2400,,12500,NOK,,,,\n"
    manual = "12,2025-03-31,2400,,1000,NOK,,,,\n12,2025-03-31,6300,1000,,NOK,,,,\n"
    take(f"{HEADING}\n{bought}{manual}")
    reckon(connection, "2025-03")
    query = "SELECT party, kid, amount, remaining_amount, status FROM {}"
    assert rows(connection, query.format("customer_ledger")) == [
        ("customer:974760673", "1234567890", 6250, 6250, "open")
    ]
    assert rows(connection, query.format("supplier_ledger")) == [
        ("supplier:csv:R-7", None, 12500, 12500, "open")
    ]
    assert reconciled(connection, "2025-03", "2400") == {
        "ledger_balance": "13500.00",
        "sub_ledger_balance": "12500.00",
        "difference": "1000.00",
        "manual": "1000.00",
        "explained": "1000.00",
    }
