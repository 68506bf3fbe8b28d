"""A school's ledger, of a test or of a whole module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.school.building import School, school


@pytest.fixture
def a_school(database: Database, tmp_path: Path) -> Iterator[School]:
    """A school of which nothing was read yet."""
    with school(database, tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def make_school(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., School]]:
    """Makes a school with these settings, for the whole module."""
    with ExitStack() as stack:

        def make(name: str, **settings: str) -> School:
            folder = tmp_path_factory.mktemp(name)
            database = stack.enter_context(copied_database(server))
            return stack.enter_context(school(database, folder, **settings))

        yield make
