"""The `ledger` command of a test, with a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.end_to_end.harness import Ledger


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    """The command on the test's own database."""
    return Ledger(tmp_path / "ledger", database.url)


@pytest.fixture
def other_database(server: EmbeddedServer) -> Iterator[Database]:
    """A second migrated database, to compare with."""
    with copied_database(server) as database:
        yield database


@pytest.fixture
def other_ledger(other_database: Database, tmp_path: Path) -> Ledger:
    """The command on the second database."""
    return Ledger(tmp_path / "other", other_database.url)
