"""A billed book that pages show: `book` for those that only read, `own_book` for those that also write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.dagster import dagster_of
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.console.conftest import NOW, KnownPeople
from ledger_pipelines_tests.console.pages.editing import Clients, clients_of
from ledger_pipelines_tests.runs.standing_in import StandIn
from ledger_pipelines_tests.workflows.billed_books import copied, fill

Asking = Callable[[Database, str], TestClient]


@pytest.fixture(scope="session")
def book(server: EmbeddedServer) -> Iterator[Database]:
    """Companies billed in three months of 2025, the first one closed: nobody writes to it."""
    with copied(server, server.database("template_ledger")) as database:
        fill(database)
        yield database


@pytest.fixture
def own_book(server: EmbeddedServer, book: Database) -> Iterator[Database]:
    """The same, for one test alone."""
    with copied(server, book) as database:
        yield database


@pytest.fixture
def dagster() -> StandIn:
    """Dagster, as far as launching goes."""
    return StandIn()


@pytest.fixture
def asking(dagster: StandIn) -> Asking:
    """Gives a client that asks a console on a database, with a permission."""

    def client(database: Database, permission: str = "billing") -> TestClient:
        app = create_app(Console(Settings(), database, KnownPeople(), now=lambda: NOW))
        app.dependency_overrides[dagster_of] = lambda: dagster
        headers = {"Authorization": f"Bearer {permission}", "Accept": "text/html"}
        return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    return client


@pytest.fixture
def edited(own_book: Database, dagster: StandIn) -> tuple[Database, StandIn, Clients]:
    """A book of one's own, its Dagster, and clients of one console by permission."""
    return own_book, dagster, clients_of(own_book, dagster)
