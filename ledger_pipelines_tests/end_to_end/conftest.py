"""The `ledger` command of a test, with a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.end_to_end.harness import Ledger

_numbers = count(1)


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    """The command on the test's own database."""
    return Ledger(tmp_path / "ledger", database.url)


@pytest.fixture
def other_database(server: EmbeddedServer) -> Iterator[Database]:
    """A second migrated database, to compare with."""
    name = f"other_{next(_numbers)}"
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_ledger")
        yield server.database(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def other_ledger(other_database: Database, tmp_path: Path) -> Ledger:
    """The command on the second database."""
    return Ledger(tmp_path / "other", other_database.url)
