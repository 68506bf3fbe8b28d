"""A billed book that pages show: `book` for those that only read, `own_book` for those that also write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.console.conftest import NOW, KnownPeople
from ledger_pipelines_tests.console.pages.dagster import Scheduler
from ledger_pipelines_tests.console.pages.editing import Clients, clients_of
from ledger_pipelines_tests.console.pages.looking import beside
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
def dagster() -> Scheduler:
    """A Dagster with nothing in its queue."""
    return Scheduler()


@pytest.fixture
def clerk(client_of: Callable[[str | None], TestClient], dagster: Scheduler) -> TestClient:
    """Somebody of billing, in front of a console beside this Dagster."""
    return beside(client_of("billing"), dagster)


@pytest.fixture
def admin(client_of: Callable[[str | None], TestClient], dagster: Scheduler) -> TestClient:
    """An admin, in front of a console beside this Dagster."""
    return beside(client_of("admin"), dagster)


@pytest.fixture
def asking(dagster: Scheduler) -> Asking:
    """Gives a client that asks a console on a database, with a permission."""

    def client(database: Database, permission: str = "billing") -> TestClient:
        app = create_app(Console(Settings(), database, KnownPeople(), now=lambda: NOW))
        app.state.dagster = dagster
        headers = {"Authorization": f"Bearer {permission}", "Accept": "text/html"}
        return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    return client


@pytest.fixture
def editing(own_book: Database) -> tuple[Database, StandIn, Clients]:
    """A book of one's own, its Dagster, and clients of one console by permission."""
    dagster = StandIn()
    return own_book, dagster, clients_of(own_book, dagster)
