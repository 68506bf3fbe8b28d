"""`ledger migrate`."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import read_first_month, read_migrations
from ledger_pipelines_tests.end_to_end.harness import Ledger, execute, fetch

ALL = [f"{migration.version:04} {migration.name}" for migration in read_migrations()]


def test_a_fresh_database_gets_every_migration_and_a_second_time_none(
    empty_database: Database, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger", empty_database.url)
    first = ledger("migrate", LEDGER_FIRST_MONTH="2024-05")
    second = ledger("migrate", LEDGER_FIRST_MONTH="2020-01")

    assert (first.code, first.err) == (second.code, second.err) == (0, "")
    assert _applied(first.out) == ALL
    assert second.out == "The database is up to date.\n"
    # The first month is fixed when the database is first migrated.
    assert fetch(empty_database, "SELECT value FROM ledger_settings WHERE name = 'first_month'") == [
        ("2024-05",)
    ]


def test_two_at_once_apply_each_migration_once(empty_database: Database, tmp_path: Path) -> None:
    one, other = (Ledger(tmp_path / name, empty_database.url) for name in ("one", "other"))
    with one.started("migrate") as first, other.started("migrate") as second:
        ends = first.finished(), second.finished()

    assert [(done.code, done.err) for done in ends] == [(0, "")] * 2
    assert sorted(_applied(ends[0].out) + _applied(ends[1].out)) == ALL
    assert fetch(empty_database, "SELECT version FROM schema_migrations ORDER BY version") == [
        (number,) for number in range(1, len(ALL) + 1)
    ]


def test_an_empty_ledger_with_a_wrong_first_month_is_mended(empty_database: Database, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", empty_database.url)
    ledger("migrate", LEDGER_FIRST_MONTH="2025-01")
    for kept in ("2025-01", "0202-01", "202-01", "2030-01"):
        # As earlier releases took it from the setting, and wrote it.
        execute(empty_database, "UPDATE ledger_settings SET value = %s WHERE name = 'first_month'", kept)
        mended = ledger("migrate", "--first-month", "2024-03")
        assert (mended.code, mended.err) == (0, ""), kept
        with empty_database.connect() as connection:
            assert read_first_month(connection) == date(2024, 3, 1)
    assert ledger("history").out.startswith("The ledger's first month is 2024-03.")


@pytest.mark.parametrize("kept", ["202-01", "0202-01", "2030-01", "1066-10"])
def test_a_first_month_that_is_none_names_what_mends_it(
    kept: str, empty_database: Database, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger", empty_database.url)
    ledger("migrate")
    execute(empty_database, "UPDATE ledger_settings SET value = %s WHERE name = 'first_month'", kept)
    for command in (("history",), ("errors", "list"), ("close", "2025-01")):
        done = ledger(*command)
        assert done.code == 1
        assert done.err == (
            f"Error: The ledger's first month is kept as {kept!r}, with which no ledger can begin: "
            "run `ledger migrate --first-month YYYY-MM`.\n"
        )


def test_the_first_month_of_a_ledger_with_rows_stays(ledger_with_rows: Ledger, database: Database) -> None:
    done = ledger_with_rows("migrate", "--first-month", "2025-01")

    assert done.code == 1
    assert done.err.startswith(
        "Error: The ledger is not empty (sync_executions has rows), so its first month stays: "
    )
    with database.connect() as connection:
        assert read_first_month(connection) == date(2024, 1, 1)


@pytest.fixture
def ledger_with_rows(database: Database, tmp_path: Path) -> Ledger:
    execute(
        database,
        "INSERT INTO sync_executions (step_name, status, started_at) VALUES ('codex', 'running', now())",
    )
    return Ledger(tmp_path / "ledger", database.url)


def _applied(out: str) -> list[str]:
    return re.findall(r"^Applied (\d{4} \w+)\.$", out, re.MULTILINE)
