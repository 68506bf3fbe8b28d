"""Databases that are not for us are refused in a sentence, before anything is made in them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.migrations import create_schemas, migrate
from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.store.pooler import Manners, pooler

FIRST = date(2024, 1, 1)


def test_a_pooler_that_passes_everything_on_is_none_to_us(empty_database: Database) -> None:
    # Before PostgreSQL 18, no server reports where it looks names up.
    with pooler(empty_database, Manners(hidden=frozenset({"search_path"}))) as url:
        assert migrate(Database(url), first_month=FIRST) != []


IGNORING = frozenset({"options"})


@pytest.mark.parametrize(
    "manners",
    [
        Manners(IGNORING),
        Manners(IGNORING, hidden=frozenset({"search_path"})),
        # The user's own setting happens to be ours.
        Manners(IGNORING, shown={"search_path": "ledger", "TimeZone": "Europe/Madrid"}),
    ],
)
def test_a_pooler_that_ignores_options_is_refused_before_anything_is_made(
    manners: Manners, empty_database: Database
) -> None:
    with pooler(empty_database, manners) as url:
        for attempt in (
            lambda: migrate(Database(url), first_month=FIRST),
            lambda: create_schemas(Database(url)),
        ):
            with pytest.raises(
                LedgerError, match=r"does not heed the connection's `options`.*LEDGER_DATABASE_URL\.$"
            ):
                attempt()

    assert _made(empty_database) == []


@pytest.mark.parametrize("version", ["14.19", "9.6.24"])
def test_an_old_postgresql_is_refused(version: str, empty_database: Database) -> None:
    with (
        pooler(empty_database, Manners(shown={"server_version": version})) as url,
        pytest.raises(LedgerError, match=rf"is PostgreSQL {version}: version 15 or newer is needed"),
    ):
        migrate(Database(url), first_month=FIRST)
    assert _made(empty_database) == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_that_is_not_in_utf8_is_refused(encoding: str, server: EmbeddedServer) -> None:
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS other_letters")
        connection.execute(
            f"CREATE DATABASE other_letters ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
    database = server.database("other_letters")

    with pytest.raises(LedgerError, match=rf"is in {encoding}, .* ENCODING 'UTF8'"):
        migrate(database, first_month=FIRST)


@pytest.fixture
def read_only(database: Database) -> Iterator[Database]:
    """A migrated database that was made read-only."""
    name = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    return database


COMMANDS = [
    "migrate",
    "migrate --first-month 2025-01",
    "close 2024-01",
    "close 2024-01 --finalise",
    "sync",
    "reopen 2024-01 --reason why",
    "history",
    "history --nothing-before 2024-01 --reason why",
    "doctor",
    "export statements --month 2024-01",
    "export accruals --month 2024-01",
    "export errors",
    "errors list",
    "errors ignore 1 --note why",
    "errors heed 1",
    "errors resolve 1 --note why",
    "cfo pending",
    "cfo status INV-1",
    "cfo sync",
    "cfo metrics",
    "cfo verify",
    "cfo payments",
    "cohorts unpaid list",
    "up --dagster-port {port}",
    "console --port {port}",
]


def test_every_command_says_that_a_database_is_read_only(read_only: Database, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    ledger = Ledger(tmp_path / "ledger", read_only.url)

    def run(command: str) -> tuple[int, str]:
        done = ledger(*command.format(port=port).split(), seconds=60)
        return done.code, done.err

    refused = (
        f"Error: The database {read_only.label} is read-only: "
        "name one that can be written to in LEDGER_DATABASE_URL.\n"
    )
    assert {command: run(command) for command in COMMANDS} == dict.fromkeys(COMMANDS, (1, refused))


def _made(database: Database) -> list[tuple[object, ...]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(
            """SELECT relnamespace::regnamespace::text, relname FROM pg_class
               WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
                 AND relname NOT LIKE 'pg_toast%'
               UNION ALL SELECT nspname, '' FROM pg_namespace WHERE nspname IN ('ledger', 'dagster')"""
        ).fetchall()
