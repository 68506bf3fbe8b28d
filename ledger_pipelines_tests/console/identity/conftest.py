"""A console whose Core is the sandbox's, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.identity import Identity
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database

OWN = "http://127.0.0.1:5030"


@dataclass(slots=True)
class Clock:
    """The time, which a test moves on."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0

    def now(self) -> datetime:
        """The time of day."""
        return self.time

    def count(self) -> float:
        """Seconds that never go back."""
        return self.seconds

    def go_on(self, seconds: float) -> None:
        """Lets time pass."""
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.fixture(scope="module")
def core() -> Iterator[Sandbox]:
    """A sandbox whose Core people sign in at."""
    with running_sandbox(SandboxConfig(until=date(2026, 1, 31), companies=1, students=0, invoices=0)) as it:
        yield it


@pytest.fixture
def clock() -> Clock:
    """The console's clock."""
    return Clock()


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], Settings]:
    """Settings with this Core, or none."""

    def settings(core_url: str | None) -> Settings:
        for name in ("CORE_SERVICE_URL", "LEDGER_JWKS_URL", "CORE_URL"):
            monkeypatch.delenv(name, raising=False)
        if core_url is not None:
            monkeypatch.setenv("CORE_URL", core_url)
        return Settings()

    return settings


@pytest.fixture
def identity(
    core: Sandbox, database: Database, clock: Clock, settings_of: Callable[[str | None], Settings]
) -> Identity:
    """Who knows the sandbox's people."""
    return Identity(settings_of(core.core_url), database, clock=clock.count)


@pytest.fixture
def app(
    identity: Identity, database: Database, clock: Clock, settings_of: Callable[[str | None], Settings]
) -> FastAPI:
    """The console."""
    return create_app(Console(settings_of(None), database, identity, now=clock.now))


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    """A browser on the console's own address."""
    return TestClient(app, base_url=OWN, client=("127.0.0.1", 4711), follow_redirects=False)
