"""A console on the test's own database, and clients that ask it as somebody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.errors import NotSignedInError
from ledger_pipelines.console.identity.person import Permission, Person
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
PERMISSIONS: tuple[Permission, ...] = ("admin", "technician", "billing", "client", "service")


class KnownPeople:
    """Takes the bearer for the permission: who is who is tested with Core's own tokens, in `identity`."""

    login_url = "http://core.example/login"

    def person(self, headers: Headers, cookies: dict[str, str], now: datetime) -> Person:
        """The person of the permission that the bearer names."""
        _, _, word = headers.get("authorization", "").partition(" ")
        for permission in PERMISSIONS:
            if word == permission:
                return Person(name=word, permission=permission, expires_at=now + timedelta(hours=1))
        raise NotSignedInError("Sign in first.")

    def sign_in(self, token: str, cookies: dict[str, str], now: datetime) -> tuple[Person, str]:
        """No token is any."""
        raise NotSignedInError("Sign in first.")

    def sign_out(self, headers: Headers, cookies: dict[str, str], now: datetime) -> None:
        """There are no sessions."""


@pytest.fixture
def console(database: Database, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console on the test's database, in March 2026."""
    return Console(Settings(), database, KnownPeople(), now=lambda: NOW)


@pytest.fixture
def client_of(console: Console) -> Callable[[str | None], TestClient]:
    """Gives a client that asks with this permission, or as nobody."""
    app = create_app(console)

    def client(permission: str | None) -> TestClient:
        headers = {} if permission is None else {"Authorization": f"Bearer {permission}"}
        return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    return client
