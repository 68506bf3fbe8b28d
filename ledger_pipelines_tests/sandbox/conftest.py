"""Sandboxes to ask over real HTTP, and the recordings that they must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from ledger_pipelines.sandbox import Sandbox, SandboxConfig, running_sandbox
from ledger_pipelines_tests.sandbox import Client

UNTIL = date(2025, 12, 31)


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """Forty companies with two years of history until the end of 2025, without faults or limits."""
    with running_sandbox(SandboxConfig(until=UNTIL, rate_limit=None)) as running:
        yield running


@pytest.fixture(scope="package")
def client(sandbox: Sandbox) -> Iterator[Client]:
    """The ledger, talking to `sandbox`."""
    with requests.Session() as session:
        yield Client(sandbox, session)


@pytest.fixture(scope="session")
def recording() -> Path:
    """The folder of responses recorded from a real Codex."""
    folder = Path(__file__).parents[3] / "shared/data/codex"
    if not folder.is_dir():
        pytest.skip("no recorded responses of Codex beside the project (../shared/data/codex)")
    return folder


@pytest.fixture(scope="session")
def recorded(recording: Path) -> dict[str, Any]:
    """Every recorded file by its name without the suffix."""
    return {path.stem: orjson.loads(path.read_bytes()) for path in recording.glob("*.json")}
