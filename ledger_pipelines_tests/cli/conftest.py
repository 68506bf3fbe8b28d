"""The `ledger` command as a process, and a small Codex for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    """The command on the test's own database."""
    return Ledger(tmp_path / "ledger", database.url)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Ten companies with two years of history until the end of 2025."""
    with running_sandbox(SandboxConfig(until=date(2025, 12, 31), companies=10)) as running:
        yield running
