"""One closed month of a small school for all files of this folder; each test has a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count

import psycopg
import pytest
from psycopg import sql

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.end_to_end.harness import Ledger

WORLD = SandboxConfig(until=date(2025, 6, 30), companies=6, students=12, invoices=40, rate_limit=None)
_NAME = "broken"
_numbers = count(1)


@contextmanager
def copied(server: EmbeddedServer, of: str) -> Iterator[Database]:
    """A database like that one, which nobody is connected to."""
    name = f"{_NAME}_{next(_numbers)}"
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(of))
        )
        yield server.database(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """What all ledgers of this folder read."""
    with running_sandbox(WORLD) as found:
        yield found


@pytest.fixture(scope="package")
def march(
    server: EmbeddedServer, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database in which `ledger close 2025-03` was run."""
    with copied(server, "template_ledger") as database:
        ledger = Ledger(tmp_path_factory.mktemp("march"), database.url)
        ledger.use_all(sandbox)
        assert ledger("close", "2025-03").code == 0
        yield database.url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def database(server: EmbeddedServer, march: str) -> Iterator[Database]:
    """A copy of the month."""
    with copied(server, march) as database:
        yield database


@pytest.fixture
def ledger(ledger: Ledger, sandbox: Sandbox) -> Ledger:
    """The command on the copy, reading the sandbox."""
    ledger.use_all(sandbox)
    return ledger
