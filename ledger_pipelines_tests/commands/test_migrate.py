"""`ledger migrate`."""

from __future__ import annotations

import re
from pathlib import Path

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import read_migrations
from ledger_pipelines_tests.end_to_end.harness import Ledger, fetch

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


def _applied(out: str) -> list[str]:
    return re.findall(r"^Applied (\d{4} \w+)\.$", out, re.MULTILINE)
