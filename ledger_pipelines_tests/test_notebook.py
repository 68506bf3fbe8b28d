"""`Ledger` in a notebook: exact frames of any table, for reading only, and sentences for what there is not."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines import Ledger
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.notebook import TABLES, NeverRunWarning
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.workflows.billed_books import OPEN, bill_months, copied, fill


@pytest.fixture(scope="module")
def book(server: EmbeddedServer) -> Iterator[Database]:
    """Three billed months of five companies, January closed; its tests only read it."""
    with copied_database(server) as database:
        fill(database)
        yield database


@pytest.fixture
def changing(server: EmbeddedServer, book: Database) -> Iterator[Database]:
    """A book of the test's own."""
    with copied(server, book) as database:
        yield database


def dtypes(frame: pd.DataFrame) -> dict[str, pa.DataType]:
    return {str(name): kind.pyarrow_dtype for name, kind in frame.dtypes.items()}


def test_a_frame_is_what_the_database_has_exactly(book: Database) -> None:
    frame = Ledger(book.url).months("billing_statements", "2025-01", "2025-04")
    columns = TABLES["billing_statements"].all_columns
    assert dtypes(frame) == {column.name: column.kind for column in columns}
    names = ", ".join(column.name for column in columns)
    with book.connect() as connection:
        rows = connection.execute(
            f"SELECT {names} FROM billing_statements ORDER BY month, account_number".encode()
        ).fetchall()
    assert [tuple(row.values()) for row in pa.Table.from_pandas(frame).to_pylist()] == rows
    assert len(rows) == 9
    assert isinstance(frame["total"].sum(), Decimal)
    assert frame.attrs == {"open": ["2025-02", "2025-03"], "closed": ["2025-01"], "never_run": []}


def test_months_end_before_their_end_and_may_be_dates(book: Database) -> None:
    ledger = Ledger(book.url)
    two = ledger.months("billing_statements", "2025-01", "2025-03")
    assert set(two["month"]) == {date(2025, 1, 1), date(2025, 2, 1)}
    assert ledger.months("billing_statements", date(2025, 1, 1), date(2025, 3, 1)).equals(two)
    assert set(ledger.months("billing_statements", "2025-03")["month"]) == {date(2025, 3, 1)}


def test_months_that_never_ran_are_empty_and_said(book: Database) -> None:
    ledger = Ledger(book.url)
    with pytest.warns(
        NeverRunWarning, match=r"No run has written billing_statements of 2025-04 to 2025-06 yet"
    ):
        frame = ledger.months("billing_statements", "2025-04", "2025-07")
    assert len(frame) == 0
    assert dtypes(frame)["total"] == TABLES["billing_statements"].by_name["total"].kind
    assert frame.attrs["never_run"] == ["2025-04", "2025-05", "2025-06"]
    # A month that was closed before a table was read has nothing of it, either.
    with pytest.warns(NeverRunWarning, match="No run has written time_entries of 2025-01 yet"):
        assert ledger.months("time_entries", "2025-01").attrs["closed"] == ["2025-01"]
    with pytest.warns(NeverRunWarning, match="of 2025-04 yet"):
        assert set(ledger.months("billing_statements", "2025-03", "2025-05")["month"]) == {date(2025, 3, 1)}


def test_the_database_leaves_out_what_is_not_asked_for(book: Database) -> None:
    ledger = Ledger(book.url)
    whole = ledger.months("billing_statement_lines", "2025-01", "2025-04")
    some = ledger.months(
        "billing_statement_lines",
        "2025-01",
        "2025-04",
        columns=["amount", "item"],
        accounts="620521",
        where={"kind": ["user", "asset"], "quantity": 1},
    )
    is_meant = (whole["account_number"] == "620521") & whole["kind"].isin(["user", "asset"])
    expected = whole[is_meant & (whole["quantity"] == 1)][["amount", "item"]].reset_index(drop=True)
    assert some.equals(expected)
    assert 0 < len(some) < len(whole)
    nobody = ledger.months("billing_statement_lines", "2025-01", accounts=[])
    assert list(nobody.columns) == list(whole.columns)
    assert len(nobody) == 0
    without_end = ledger.months("billing_statements", "2025-01", where={"contract_end_date": None})
    assert without_end["contract_end_date"].isna().all()


def test_every_table_is_read_by_its_name(book: Database) -> None:
    ledger = Ledger(book.url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NeverRunWarning)
        for name, table in TABLES.items():
            frame = ledger.months(name, "2025-01") if table.is_monthly else ledger.table(name)
            assert dtypes(frame) == {column.name: column.kind for column in table.all_columns}, name
    assert ledger.table("billing_plans")["billing_plan"].tolist() == ["Silver"]
    assert ledger.periods()["status"].tolist() == ["closed", "open", "open"]


def test_what_there_is_can_be_asked(book: Database) -> None:
    tables = Ledger(book.url).tables().set_index("table")
    assert tables.loc["billing_statements", "row"].startswith("A row is a company's statement")
    assert tables.loc["billing_statements", "key"] == "month, account_number"
    assert not tables.loc["billing_plans", "is_monthly"]
    columns = Ledger.columns("billing_statements").set_index("column")
    assert columns.loc["total", "type"] == "numeric(18,3)"
    assert columns.loc["month", "meaning"] == "the month, by its first day"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda ledger: ledger.months("billing_statement", "2025-01"), "did you mean billing_statements or"),
        (
            lambda ledger: ledger.months("nothing like it", "2025-01"),
            "'nothing like it'; tables() lists them",
        ),
        (lambda ledger: ledger.months("billing_statements", "2025-1"), "'2025-1' is not a month"),
        (
            lambda ledger: ledger.months("billing_statements", date(2025, 1, 2)),
            "not the first day of a month",
        ),
        (lambda ledger: ledger.months("billing_statements", "2025-02", "2025-02"), "has no month"),
        (lambda ledger: ledger.months("billing_plans", "2025-01"), "read it with table('billing_plans')"),
        (lambda ledger: ledger.table("billing_statements"), "read it with months('billing_statements'"),
        (lambda ledger: ledger.columns("billing_plan"), "did you mean billing_plans"),
        (
            lambda ledger: ledger.months("billing_statements", "2025-01", columns=["totl"]),
            "no column 'totl': did you mean total?",
        ),
        (
            lambda ledger: ledger.months("monthly_accruals", "2025-01", accounts="1"),
            "by contact_id, service_id, currency, contract_number",
        ),
        (
            lambda ledger: ledger.months("billing_statements", "2025-01", where={"total": "a lot"}),
            "A value is none of its column: invalid input syntax for type numeric",
        ),
        (lambda ledger: ledger.edits(since="yesterday-ish"), "is no moment"),
        (lambda ledger: Ledger("postgresql://nobody@127.0.0.1:1/none"), "cannot be used"),
        (lambda ledger: Ledger("sqlite://"), "not a PostgreSQL URL"),
        (lambda ledger: Ledger("postgresql:///x", home="y"), "one of the two"),
    ],
)
def test_what_there_is_not_is_a_sentence(book: Database, ask: object, sentence: str) -> None:
    assert callable(ask)
    with pytest.raises(LedgerError) as refused:
        ask(Ledger(book.url))
    assert sentence in str(refused.value)


def test_the_database_itself_refuses_to_write(book: Database) -> None:
    ledger = Ledger(book.url)
    with ledger._connection() as connection:
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)
    with pytest.raises(LedgerError, match="read-only"), ledger._connection() as connection:
        connection.execute("DELETE FROM custom_line_items")
    with pytest.raises(LedgerError, match="read-only"), ledger.snapshot(), ledger._read() as connection:
        connection.execute("SELECT ensure_month('companies', '2025-09-01')")


def test_a_server_that_only_reads_does_for_a_reader(book: Database) -> None:
    replica = f"{book.url}&options=-cdefault_transaction_read_only%3Don"
    with psycopg.connect(book.url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        try:
            with pytest.raises(LedgerError, match="is read-only"):
                book.connect()
            assert len(Ledger(replica).months("billing_statements", "2025-01")) == 3
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())


def test_a_database_without_books_is_said(empty_database: Database) -> None:
    with pytest.raises(LedgerError, match="has no ledger: run `ledger migrate`"):
        Ledger(empty_database.url)


def test_what_is_read_in_a_snapshot_is_of_one_moment(changing: Database) -> None:
    ledger = Ledger(changing.url)
    with ledger.snapshot():
        before = ledger.months("billing_statements", "2025-03")
        with changing.connect() as connection:
            connection.execute("UPDATE custom_line_items SET monthly_fee = 59")
        bill_months(changing, OPEN)
        assert ledger.months("billing_statements", "2025-03").equals(before)
        assert set(ledger.table("custom_line_items")["monthly_fee"]) == {Decimal(49)}
        with pytest.raises(LedgerError, match="being read already"), ledger.snapshot():
            pass
    assert not ledger.months("billing_statements", "2025-03").equals(before)


def test_what_changed_between_two_runs(changing: Database, tmp_path: Path) -> None:
    ledger = Ledger(changing.url)
    began = datetime.now(UTC)
    before = ledger.months("billing_statement_lines", "2025-02", "2025-04")
    totals = ledger.months("billing_statements", "2025-02", "2025-04")
    before.to_parquet(tmp_path / "before.parquet")
    before = pd.read_parquet(tmp_path / "before.parquet", dtype_backend="pyarrow")
    with changing.connect() as connection:
        connection.execute("SET ledger.person = 'Ada'")
        connection.execute("UPDATE custom_line_items SET monthly_fee = 59 WHERE name = 'Hosting'")
        connection.execute("DELETE FROM manual_assets WHERE hostname = 'SW'")
        connection.execute(
            "INSERT INTO custom_line_items (account_number, name, one_off_fee, one_off_year, one_off_month) "
            "VALUES ('620500', 'Move', 100, 2025, 3)"
        )
    bill_months(changing, OPEN)

    changes = ledger.changes(
        "billing_statement_lines", before, ledger.months("billing_statement_lines", "2025-02", "2025-04")
    )
    shown = changes.sort_values(["month", "change"])
    columns = ["month", "account_number", "change", "before", "after", "columns"]
    switch = before[before["description"].str.contains("SW")]["amount"].tolist()
    hosting = ("620521", "changed", Decimal(49), Decimal(59), "rate, amount")
    assert [
        tuple(row.values()) for row in pa.Table.from_pandas(shown[columns]).select(columns).to_pylist()
    ] == [
        (OPEN[0], *hosting),
        (OPEN[0], "620500", "removed", switch[0], None, None),
        (OPEN[1], "620500", "added", None, Decimal(100), None),
        (OPEN[1], *hosting),
        (OPEN[1], "620500", "removed", switch[1], None, None),
    ]
    assert [("Move" in text, "Hosting" in text, "SW" in text) for text in shown["description"]] == [
        (False, True, False),
        (False, False, True),
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    statements = ledger.changes(
        "billing_statements", totals, ledger.months("billing_statements", "2025-02", "2025-04")
    )
    difference = statements["after"].sum() - statements["before"].sum()
    assert difference == changes["after"].sum() - changes["before"].sum()

    edits = ledger.edits(since=began)
    assert set(edits["person"]) == {"Ada"}
    rate = edits[edits["table"] == "custom_line_items"].iloc[0]
    assert (rate["record"], rate["field"]) == ("620521 Hosting", "monthly_fee")
    assert (Decimal(rate["before"]), Decimal(rate["after"])) == (49, 59)
    assert len(ledger.edits()) > len(edits)
    assert ledger.edits(since="2999-01-01").empty


def test_frames_that_cannot_be_compared_are_refused(book: Database) -> None:
    ledger = Ledger(book.url)
    lines = ledger.months("billing_statement_lines", "2025-01")
    assert ledger.changes("billing_statement_lines", lines, lines).empty
    rates = ledger.changes(
        "billing_statement_lines", lines, lines.assign(rate=lines["rate"] + 1), amount="rate"
    )
    assert ((rates["after"] - rates["before"]) == 1).all()
    with pytest.raises(LedgerError, match="lacks source_id"):
        ledger.changes("billing_statement_lines", lines.drop(columns="source_id"), lines)
    with pytest.raises(LedgerError, match="two rows of one key"):
        ledger.changes("billing_statement_lines", pd.concat([lines, lines]), lines)
    with pytest.raises(LedgerError, match="no column 'amout': did you mean amount"):
        ledger.changes("billing_statement_lines", lines, lines, amount="amout")


def test_the_ledger_of_the_environment_and_of_a_home(
    book: Database, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEDGER_HOME", raising=False)
    monkeypatch.setenv("LEDGER_DATABASE_URL", book.url)
    assert len(Ledger().months("billing_statements", "2025-01")) == 3
    assert "postgresql://" not in repr(Ledger())
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    with pytest.raises(LedgerError, match=r"There is no ledger in .*/\.ledger: name its folder"):
        Ledger()
    assert not (tmp_path / ".ledger").exists()
    # The tests' own server is that of a home: it is joined, and goes on when the reader has let go of it.
    home = server.data.parent
    with pytest.raises(LedgerError, match="has no ledger"):
        Ledger(home=home)
    assert server.pid is not None
    assert psycopg.connect(book.url).close() is None


def test_the_package_is_imported_quickly() -> None:
    """Neither pandas nor Dagster comes with the package, and Dagster not with `Ledger` either."""
    look = (
        "import sys, ledger_pipelines\n"
        "assert not {'pandas', 'psycopg', 'dagster'} & set(sys.modules)\n"
        "from ledger_pipelines import Ledger\n"
        "assert 'dagster' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", look], check=True)
