"""Sandboxes to ask over real HTTP, and the recordings that they must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines_tests.sandbox import Client
from ledger_pipelines_tests.sandbox.school_clients import FourGeeks, Holded, Notion

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


@pytest.fixture(scope="package")
def school() -> Iterator[Sandbox]:
    """A school of several pages: 700 students and 1,200 documents beside the named cases, without limits."""
    config = SandboxConfig(until=UNTIL, companies=1, students=700, invoices=1_200, rate_limit=None, seed=10)
    with running_sandbox(config) as running:
        yield running


@pytest.fixture(scope="package")
def school_session() -> Iterator[requests.Session]:
    """One session for all the school's systems."""
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="package")
def holded(school: Sandbox, school_session: requests.Session) -> Holded:
    """A client of the school's Holded."""
    return Holded(school, school_session)


@pytest.fixture(scope="package")
def fourgeeks(school: Sandbox, school_session: requests.Session) -> FourGeeks:
    """A client of the school's 4Geeks."""
    return FourGeeks(school, school_session)


@pytest.fixture(scope="package")
def notion(school: Sandbox, school_session: requests.Session) -> Notion:
    """A client of the school's Notion."""
    return Notion(school, school_session)


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
