"""SAF-T exports into the journal (rules/general_ledger.md, SAF-T)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.imported.comparisons import Comparison
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import open_errors
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.general_ledger.import_saft import SaftOutcome, import_saft
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.general_ledger.saft_files import (
    COMPANY,
    Saft,
    Transaction,
    account,
    credit,
    debit,
    party,
    sale,
)

TODAY = date(2026, 1, 31)
Importer = Callable[..., list[SaftOutcome]]
EXAMPLES = [SHARED_DATA / f"saft_financial_no_small{form}.xml" for form in ("", "_v130")]
#: What an import writes.
TABLES = ("journal_entries", "journal_lines", "parties", "party_sources", "accounts", "ledger_settings",
          "ledger_periods", "month_writes", "edits")  # fmt: skip


@pytest.fixture
def take(connection: psycopg.Connection, tmp_path: Path) -> Importer:
    """Imports files, given as text or as they are on disk, in one command."""

    def imported(*files: Saft | str | Path, org_number: str | None = None) -> list[SaftOutcome]:
        paths = []
        for number, one in enumerate(files, start=1):
            path = one if isinstance(one, Path) else tmp_path / f"books{number}.xml"
            if not isinstance(one, Path):
                path.write_text(one.text if isinstance(one, Saft) else one)
            paths.append(path)
        own = Settings().model_copy(update={"org_number": org_number})
        return list(import_saft(connection, paths, own, today=TODAY))

    return imported


def stored(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """All that an import could have changed."""
    return {
        table: sorted(map(str, connection.execute(f"SELECT * FROM {table}").fetchall()))  # type: ignore[call-overload]
        for table in TABLES
    }


def lines_of(connection: psycopg.Connection, where: str = "true") -> list[tuple[Any, ...]]:
    return connection.execute(
        f"""SELECT entry_id, account, debit, credit, party FROM journal_lines
            WHERE {where} ORDER BY month, entry_id, line"""  # type: ignore[arg-type]
    ).fetchall()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example(path: Path, take: Importer, connection: psycopg.Connection) -> None:
    if not path.is_file():
        pytest.skip(f"../shared/data/{path.name} is not here")
    (outcome,) = take(path)
    assert (outcome.added, outcome.lines, outcome.debit) == (2, 5, 25000)
    assert outcome.months == [date(2015, 10, 1)]
    assert [(one.of, one.name, one.amount) for one in outcome.comparisons] == [
        ("account", "Bankkonto 1234.56.78911", Decimal("-23611.11")),
        ("account", "Leverandørgjeld", Decimal("11111.11")),
        ("account", "MVA-konto", Decimal("13611.11")),
        ("account", "Varekjøp", Decimal("10000.00")),
        ("customer", "Kunden AS", Decimal("-11111.11")),
        ("supplier", "Leverandøren AS", Decimal("-1388.89")),
    ]
    both, opening = "customer:999999999", Decimal("1234.56")
    assert lines_of(connection, "month = '2015-01-01'") == [
        ("saft/opening/2015-01-01", "1500", None, opening, None),
        ("saft/opening/2015-01-01", "1500", opening, None, both),
        ("saft/opening/2015-01-01", "1925", opening, None, None),
        ("saft/opening/2015-01-01", "2400", None, opening, "supplier:999999999"),
        ("saft/opening/2015-01-01", "2740", None, opening, None),
        ("saft/opening/2015-01-01", "9999", opening, None, None),
    ]
    assert lines_of(connection, "month = '2015-10-01' AND account = '2400'") == [
        ("saft/2015/A/4567", "2400", None, 12500, "supplier:999999999"),
        ("saft/2015/A/5678", "2400", 12500, None, None),
    ]
    row = connection.execute(
        """SELECT number, posting_date, document_date, source_type, status FROM journal_entries
           WHERE id = 'saft/2015/A/4567'"""
    ).fetchone()
    assert row == ("A-4567", date(2015, 10, 31), date(2015, 10, 31), "imported", "posted")
    terms = connection.execute(
        "SELECT payment_days, payment_months, free_billing_month FROM parties ORDER BY id"
    )
    assert terms.fetchall() == [(30, None, True), (None, 1, False)]


def test_both_forms_give_the_same_tables_and_twice_changes_nothing(
    take: Importer, connection: psycopg.Connection
) -> None:
    if not all(path.is_file() for path in EXAMPLES):
        pytest.skip("../shared/data has no SAF-T example")
    (first,) = take(EXAMPLES[0])
    before = stored(connection)
    for path in (EXAMPLES[1], EXAMPLES[0]):
        (again,) = take(path)
        assert (again.added, again.unchanged, again.opening) == (0, 2, "unchanged")
        assert again.comparisons == first.comparisons
        assert stored(connection) == before


BAD = {
    "entries in 1989-12, which nobody can mean": Saft([sale("1"), sale("2", day="1989-12-31")]),
    "entries in 2099-01, which nobody can mean: look for a slip": Saft(
        [sale("1"), sale("2", day="2099-01-10")]
    ),
    "does not balance: debits are 100.00 NOK, credits 99.00 NOK": Saft(
        [Transaction("7", "2025-03-10", (debit("1920", "100.00"), credit("3000", "99.00")))]
    ),
    "has no lines": Saft([sale("1"), Transaction("2", "2025-03-10", ())]),
    "3 transactions stated and 1 transaction counted": Saft(entries="3"),
    "debit 100.01 NOK stated and debit 100.00 NOK counted": Saft(debit="100.01"),
    "credit 1.00 NOK stated": Saft(credit="1"),
    "2025/A/1 .*twice": Saft([sale("1"), sale("2"), sale("1")]),
    "has no transactions": Saft([]),
    "account 1920 twice": Saft(accounts=[account("1920"), account("1920")]),
    "customer 7 twice": Saft(customers=[party("Customer", "7", {})] * 2),
    "more than 18 digits": Saft(accounts=[account("1920", "1" * 19)]),
    "OpeningDebitBalance is no amount: 'NaN'": Saft(accounts=[account("1920", "NaN")]),
    "entries in 0205-03": Saft([sale("1", "0205-03-10", period="7", year="2025")]),
    "no RegistrationNumber": Saft(company=""),
    "cannot be read": Saft([sale("1"), sale("2")]).text[:-300],
}


@pytest.mark.parametrize("message", BAD, ids=list(BAD))
def test_a_file_is_refused_whole(message: str, take: Importer, connection: psycopg.Connection) -> None:
    before = stored(connection)
    with pytest.raises(LedgerError, match=message):
        take(BAD[message])
    assert stored(connection) == before


def test_files_of_another_company_are_refused(take: Importer, connection: psycopg.Connection) -> None:
    before = stored(connection)
    with pytest.raises(LedgerError, match=rf"Books AS \({COMPANY}\), and these are the books of 999999999"):
        take(Saft(), org_number="NO 999 999 999 MVA")
    assert stored(connection) == before
    # The first file says whose books these are.
    take(Saft())
    with pytest.raises(LedgerError, match=f"these are the books of {COMPANY}"):
        take(Saft([sale("2")], company="999999999"))


def test_an_entry_that_was_imported_with_other_content(
    take: Importer, connection: psycopg.Connection
) -> None:
    take(Saft([sale("1"), sale("2")]))
    before = stored(connection)
    altered = Saft([sale("1"), sale("2", amount="250.00"), sale("3")])
    with pytest.raises(LedgerError, match=r"A-2 .*imported with 100.00 NOK .* has 250.00 NOK"):
        take(altered)
    with pytest.raises(LedgerError, match=r"A-2 .*imported with 100.00 NOK .* has 100.00 EUR"):
        take(Saft([sale("2")], currency="EUR"))
    assert stored(connection) == before
    (error,) = open_errors(connection)
    assert error[1:5] == ("saft", "import", "journal_entry", "saft/2025/A/2")
    assert error[6] == [date(2025, 3, 1)]
    # A file of other entries leaves the error, one that has the entry as it is resolves it.
    take(Saft([sale("9")]))
    assert len(open_errors(connection)) == 1
    (outcome,) = take(Saft([sale("1"), sale("2"), sale("3")]))
    assert (outcome.added, outcome.unchanged) == (1, 2)
    assert open_errors(connection) == []


def test_one_id_with_two_contents_is_taken_as_two_entries(
    take: Importer, connection: psycopg.Connection
) -> None:
    file = Saft([sale("1"), sale("1", amount="30.00"), sale("1", journal="B"), sale("1", day="2024-05-02")])
    (outcome,) = take(file)
    assert outcome.added == 4
    assert outcome.notices[0].startswith("1 id (year, journal, transaction) of several entries")
    assert outcome.notices[0].endswith("#2 and so on: 2025/A/1.")
    ids = connection.execute("SELECT id FROM journal_entries ORDER BY id").fetchall()
    assert [one for (one,) in ids] == ["saft/2024/A/1", "saft/2025/A/1", "saft/2025/A/1#2", "saft/2025/B/1"]
    (again,) = take(file)
    assert (again.added, again.unchanged) == (0, 4)


def test_entries_in_closed_months_are_refused(take: Importer, connection: psycopg.Connection) -> None:
    january = Saft([sale("1", "2025-01-10")])
    take(january)
    months = [date(2025, 1, 1), date(2025, 2, 1)]
    ensure_months(connection, ["journal_entries", "journal_lines"], months)
    close_months(connection, months, person="Ada")
    before = stored(connection)
    # What is there already is no entry of the closed month's.
    (outcome,) = take(january)
    assert outcome.unchanged == 1
    year = Saft([sale("1", "2025-01-10"), sale("2", "2025-02-10"), sale("3", "2025-03-10")])
    with pytest.raises(LedgerError, match="2025-02, which is closed"):
        take(year)
    assert stored(connection) == before


def test_a_line_counts_for_its_party_on_a_control_account_only(
    take: Importer, connection: psycopg.Connection
) -> None:
    by = "<CustomerID>7</CustomerID>"
    entry = Transaction(
        "1",
        "2025-03-10",
        (
            debit("1510", "10.00", by),
            debit("1500", "5.00", by),
            debit("1930", "1.00", by),
            credit("3000", "16.00", by),
        ),
    )
    customers = [party("Customer", "7", {"1510": ("0", "10.00"), "1500": ("0", "5.00")}, "974760673")]
    (outcome,) = take(Saft([entry], customers=customers, accounts=[account("1510", name="Own receivables")]))
    named = [(one[1], one[4]) for one in lines_of(connection)]
    own = f"customer:{COMPANY}"
    assert named == [("1510", own), ("1500", own), ("1930", None), ("3000", None)]
    assert connection.execute(
        "SELECT name, kind, control FROM accounts WHERE number = '1510'"
    ).fetchall() == [("Own receivables", "asset", "customer")]
    assert [one for one in outcome.comparisons if one.of == "customer"] == []


def test_a_control_account_that_becomes_known_later_changes_no_entry(
    take: Importer, connection: psycopg.Connection
) -> None:
    by = "<CustomerID>7</CustomerID>"
    first = Saft([Transaction("1", "2025-03-10", (debit("1510", "10.00", by), credit("3000", "10.00")))])
    take(first)
    take(
        Saft(
            [sale("2")], customers=[party("Customer", "7", {"1510": ("0", "0")}), party("Customer", "8", {})]
        )
    )
    before = stored(connection)
    (outcome,) = take(first)
    assert (outcome.added, outcome.unchanged) == (0, 1)
    assert {**before, "party_sources": 0, "parties": 0} == {
        **stored(connection),
        "party_sources": 0,
        "parties": 0,
    }
    # Another party, or another day of the document, is another content.
    sold = Transaction("3", "2025-03-10", (debit("1510", "10.00", by), credit("3000", "10.00")))
    take(Saft([sold]))
    for altered in (
        Transaction(
            "3", "2025-03-10", (debit("1510", "10.00", by.replace("7", "8")), credit("3000", "10.00"))
        ),
        Transaction("3", "2025-03-11", sold.lines),
    ):
        with pytest.raises(LedgerError, match=r"A-3 .* another content"):
            take(Saft([altered]))


def test_what_the_master_files_lack_is_named(take: Importer, connection: psycopg.Connection) -> None:
    by = "<SupplierID>55</SupplierID>"
    entry = Transaction("1", "2025-03-10", (debit("6789", "70.00"), credit("2400", "70.00", by)))
    (outcome,) = take(Saft([entry], accounts=[account("2400", "0", "-70.00")]))
    assert outcome.comparisons == [
        Comparison("missing", "account", "6789", "6789", Decimal(70)),
        Comparison("missing", "supplier", "55", "55", Decimal(-70)),
    ]
    assert lines_of(connection)[1][4] == "supplier:saft:55"
    assert connection.execute("SELECT kind FROM accounts WHERE number = '6789'").fetchall() == [("expense",)]


def test_what_people_edited_stays(take: Importer, connection: psycopg.Connection) -> None:
    take(Saft(customers=[party("Customer", "7", {})], accounts=[account("1920", name="Bank")]))
    assert connection.execute("SELECT count(*) FROM edits").fetchall() == [(0,)]
    connection.execute("UPDATE parties SET name = 'Ours', payment_days = 3")
    connection.execute("UPDATE accounts SET name = 'Our bank' WHERE number = '1920'")
    before = stored(connection)
    take(Saft(customers=[party("Customer", "7", {})], accounts=[account("1920", name="Bank")]))
    assert stored(connection) == before


def test_openings_are_posted_once_and_compared_from_then_on(
    take: Importer, connection: psycopg.Connection
) -> None:
    chart = [account("1920", "50.00", "150.00"), account("2050", "-50.00", "-50.00")]
    first = Saft([sale("1", "2024-03-10")], accounts=chart)
    (outcome,) = take(first)
    assert outcome.opening == "posted"
    assert outcome.comparisons == [Comparison("missing", "account", "3000", "3000", Decimal(-100))]
    chart = [account("1920", "150.00", "250.00"), account("2050", "-149.00", "-149.00")]
    (outcome,) = take(Saft([sale("1", "2025-03-10")], accounts=chart))
    assert outcome.opening == "compared"
    assert outcome.comparisons[0] == Comparison("opening", "account", "2050", "An account", Decimal("-99.00"))
    openings = connection.execute("SELECT id FROM journal_entries WHERE source_type = 'opening'").fetchall()
    assert openings == [("saft/opening/2024-03-01",)]
    # What is before the opening balances is in them.
    before = stored(connection)
    with pytest.raises(LedgerError, match="the opening balances of 2024-03-01 are posted"):
        take(Saft([sale("1", "2023-03-10")]))
    assert stored(connection) == before
    # Another opening balance of the same day is another content.
    first.accounts = [account("1920", "51.00", "151.00"), account("2050", "-51.00", "-51.00")]
    with pytest.raises(LedgerError, match=r"opening-2024-03-01 .*50.00 NOK.*51.00 NOK"):
        take(first)


def test_a_later_file_alone_in_a_command_with_its_predecessor(take: Importer) -> None:
    years = [
        Saft([sale("1", f"{year}-03-10")], accounts=[account("1920", opening, "0")], created=year,
             selection=f"<SelectionCriteria><PeriodStart>1</PeriodStart><PeriodStartYear>{year}</PeriodStartYear></SelectionCriteria>")
        for year, opening in (("2025", "140.00"), ("2024", "40.00"))
    ]  # fmt: skip
    assert [(one.months[0].year, one.opening) for one in take(*years)] == [
        (2024, "posted"),
        (2025, "compared"),
    ]


def test_a_shifted_fiscal_year_is_noticed(take: Importer, connection: psycopg.Connection) -> None:
    entries = [sale(str(month), f"2024-{month:02}-15", period=str(month - 6)) for month in range(7, 13)]
    (outcome,) = take(Saft(entries))
    assert outcome.months == [date(2024, month, 1) for month in range(7, 13)]
    assert "dates decide" in outcome.notices[0]


def test_parts_of_an_export_state_their_own_totals_or_the_whole(
    take: Importer, tmp_path: Path, connection: psycopg.Connection
) -> None:
    def parts(*totals: str) -> list[Path]:
        paths = []
        for number, total in enumerate(totals, start=1):
            file = Saft([sale(str(number))], debit=total, credit=total, entries=str(int(total) // 100))
            file.accounts = [account("1920", "0" if number == 1 else "100.00", f"{number}00.00")]
            paths.append(tmp_path / f"books_{number}_{len(totals)}.xml")
            paths[-1].write_text(file.text)
        return paths

    with pytest.raises(LedgerError, match=r"books_2_2.xml is not whole"):
        take(*parts("200", "300"))
    (outcome,) = take(*parts("100", "100"))
    assert (outcome.added, outcome.debit) == (2, 200)
    assert [one for one in outcome.comparisons if one.subject == "1920"] == []
    (outcome,) = take(*parts("200", "200"))
    assert outcome.unchanged == 2


AMOUNTS = st.lists(st.decimals(-999, 999, places=2), min_size=1, max_size=4)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(st.tuples(AMOUNTS, st.integers(1, 14), st.sampled_from("AB")), min_size=1, max_size=8)
)
def test_generated_files(
    entries: list[tuple[list[Decimal], int, str]], database: Database, tmp_path: Path
) -> None:
    """Debits less credits of each account are the file's, every entry once, and a second time nothing is new."""
    with database.connect() as connection:
        # Each example is a company's whole import, on ids of its own.
        run = connection.execute("SELECT count(*) FROM journal_entries").fetchall()[0][0]
        transactions = []
        for number, (amounts, period, journal) in enumerate(entries):
            lines = [debit("1500", str(amount), "<CustomerID>1</CustomerID>") for amount in amounts]
            total = sum(amounts)
            transactions.append(
                Transaction(f"{run}-{number}", f"2025-{min(period, 12):02}-28", (*lines, credit("3000", str(total))),
                            period=str(period), journal=journal)
            )  # fmt: skip
        path = tmp_path / "books.xml"
        path.write_text(Saft(transactions).text)
        balance = "SELECT coalesce(sum(debit), 0) - coalesce(sum(credit), 0) FROM journal_lines WHERE account = '1500'"
        before = connection.execute(balance).fetchall()[0][0]
        (outcome,) = import_saft(connection, [path], Settings(), today=TODAY)
        after = connection.execute(balance).fetchall()[0][0]
        assert after - before == sum(sum(amounts) for amounts, _, _ in entries)
        assert outcome.added == len(entries)
        assert all(month.year == 2025 for month in outcome.months)
        (again,) = import_saft(connection, [path], Settings(), today=TODAY)
        assert (again.added, again.unchanged) == (0, len(entries))
        least = connection.execute("SELECT min(coalesce(debit, credit)) FROM journal_lines").fetchall()[0][0]
        assert least >= 0
