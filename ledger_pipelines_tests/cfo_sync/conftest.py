"""What the tests of the CFO sync share: the CFO's own server, and both databases, fresh for each test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.cfo_sync.servers import CfoServer
from ledger_pipelines_tests.sources.conftest import Reply, ScriptedServer


@pytest.fixture(scope="session")
def cfo_server() -> Iterator[CfoServer]:
    """The CFO's PostgreSQL, another one than ours."""
    server = CfoServer()
    yield server
    server.close()


@pytest.fixture
def cfo(cfo_server: CfoServer) -> Iterator[Database]:
    """A database of the CFO's; the server runs again when the test is over, whatever the test did."""
    yield cfo_server.emptied_database()
    cfo_server.start()


@pytest.fixture
def books(database: Database, cfo: Database) -> Books:
    return Books(database, cfo)


@pytest.fixture
def webhook() -> Iterator[ScriptedServer]:
    """A web server on loopback that hears of alerts: what it answers to /alerts is scripted."""
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        server.script("/alerts", Reply(204, b"", None))
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def environment(books: Books, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Books:
    """The environment in which Dagster finds both databases, and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER_DATABASE_URL", books.ledger.url)
    monkeypatch.setenv("CFO_DATABASE_URL", books.cfo.url)
    monkeypatch.delenv("LEDGER_ALERT_WEBHOOK", raising=False)
    return books
