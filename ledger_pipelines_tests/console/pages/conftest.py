"""A billed book behind a console, made once for each worker and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.console.pages.editing import Clients, a_book, console_on
from ledger_pipelines_tests.runs.standing_in import StandIn


@pytest.fixture(scope="session")
def filled(server: EmbeddedServer) -> Iterator[Database]:
    """The book as it is billed, to be copied."""
    with a_book(server) as database:
        yield database


@pytest.fixture
def book(server: EmbeddedServer, filled: Database) -> Iterator[tuple[Database, StandIn, Clients]]:
    """A copy of it, its Dagster, and clients by permission."""
    with console_on(server, filled) as made:
        yield made
