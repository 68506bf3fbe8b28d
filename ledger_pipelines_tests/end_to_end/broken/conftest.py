"""One closed month of a small school for all files of this folder; each test has a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.end_to_end.harness import Ledger

WORLD = SandboxConfig(until=date(2025, 6, 30), companies=6, students=12, invoices=40, rate_limit=None)


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """What all ledgers of this folder read."""
    with running_sandbox(WORLD) as found:
        yield found


@pytest.fixture(scope="package")
def march(
    server: EmbeddedServer, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database in which `ledger close 2025-03` was run."""
    with copied_database(server) as database:
        ledger = Ledger(tmp_path_factory.mktemp("march"), database.url)
        ledger.use_all(sandbox)
        assert ledger("close", "2025-03").code == 0
        yield database


@pytest.fixture
def database(server: EmbeddedServer, march: Database) -> Iterator[Database]:
    """A copy of the month."""
    with copied_database(server, march) as database:
        yield database


@pytest.fixture
def ledger(ledger: Ledger, sandbox: Sandbox) -> Ledger:
    """The command on the copy, reading the sandbox."""
    ledger.use_all(sandbox)
    return ledger
