from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import migrate, read_first_month, read_migrations

FIRST = date(2024, 1, 1)


def test_migrating_twice_applies_each_file_once(empty_database: Database) -> None:
    assert [migration.version for migration in migrate(empty_database, first_month=FIRST)] == [
        migration.version for migration in read_migrations()
    ]
    assert migrate(empty_database, first_month=FIRST) == []


def test_two_migrations_at_once_apply_each_file_once(empty_database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: migrate(empty_database, first_month=FIRST), range(2)))

    assert sorted(map(len, results)) == [0, len(read_migrations())]


def test_the_first_month_is_fixed_when_first_migrated(empty_database: Database) -> None:
    migrate(empty_database, first_month=FIRST)
    migrate(empty_database, first_month=date(2026, 1, 1))

    with empty_database.connect() as connection:
        assert read_first_month(connection) == FIRST


def test_a_failing_file_leaves_the_database_as_it_was(empty_database: Database, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text(
        "CREATE TABLE ledger_settings (name text PRIMARY KEY, value text);"
    )
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE half (); SELECT 1 / 0;")

    with pytest.raises(LedgerError, match=r"0002_bad\.sql failed, nothing was changed: division by zero"):
        migrate(empty_database, first_month=FIRST, directory=tmp_path)

    with empty_database.connect() as connection:
        assert connection.execute(
            "SELECT to_regclass('ledger.half'), to_regclass('ledger.ledger_settings')"
        ).fetchone() == (
            None,
            None,
        )


def test_a_file_that_changed_after_it_was_applied_is_refused(
    empty_database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "0001_good.sql"
    file.write_text("CREATE TABLE ledger_settings (name text PRIMARY KEY, value text);")
    migrate(empty_database, first_month=FIRST, directory=tmp_path)
    file.write_text(file.read_text() + "CREATE TABLE smuggled ();")

    with pytest.raises(LedgerError, match="was changed after it was applied"):
        migrate(empty_database, first_month=FIRST, directory=tmp_path)


def test_a_database_from_before_the_migrations_were_folded_is_refused_with_what_to_do(
    empty_database: Database, tmp_path: Path
) -> None:
    for number, name in enumerate(("months", "records", "codex"), start=1):
        table = "ledger_settings (name text PRIMARY KEY, value text)" if number == 1 else f"{name} ()"
        (tmp_path / f"{number:04}_{name}.sql").write_text(f"CREATE TABLE {table};")
    migrate(empty_database, first_month=FIRST, directory=tmp_path)

    with pytest.raises(LedgerError, match="begin another ledger with LEDGER_HOME or LEDGER_DATABASE_URL"):
        migrate(empty_database, first_month=FIRST)


def test_a_newer_database_is_refused(empty_database: Database, tmp_path: Path) -> None:
    migrate(empty_database, first_month=FIRST)
    (tmp_path / "0001_months.sql").write_text(read_migrations()[0].text)

    with pytest.raises(LedgerError, match="install the newer program"):
        migrate(empty_database, first_month=FIRST, directory=tmp_path)


@pytest.mark.parametrize("names", [["0002_a.sql"], ["0001_a.sql", "0001_b.sql"], ["one.sql"]])
def test_numbers_with_gaps_or_doubles_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")

    with pytest.raises(LedgerError):
        read_migrations(tmp_path)


PASSWORDS = [
    "postgresql://ledger:geheim@127.0.0.1:1/ledger",
    "postgresql://127.0.0.1:1/ledger?user=ledger&password=geheim",
    "postgresql://ledger:geh%40eim@127.0.0.1:1/ledger",
]


@pytest.mark.parametrize("url", PASSWORDS)
def test_a_password_never_reaches_a_message(url: str) -> None:
    database = Database(url)

    with pytest.raises(LedgerError) as refused:
        database.connect()

    assert "LEDGER_DATABASE_URL" in str(refused.value)
    for text in (repr(database), str(refused.value)):
        assert "geh" not in text


@pytest.mark.parametrize(
    "url", ["postgresql://ledger:geh%ZZeim@127.0.0.1/ledger", "postgresql://[::1", "mysql://x", ""]
)
def test_a_url_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(LedgerError) as refused:
        Database(url)

    assert "geh" not in str(refused.value)
