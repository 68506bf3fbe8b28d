"""What every route of the console works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request
from starlette.datastructures import Headers

from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pulses import Pulses
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database


class KnowsPeople(Protocol):
    """What identifies the person who asks: `identity.Identity`."""

    @property
    def login_url(self) -> str | None:
        """Core's page for signing in, None where no Core is configured."""

    def person(self, headers: Headers, cookies: dict[str, str], now: datetime) -> Person:
        """Who sends a request with these headers and cookies.

        Raises NotSignedInError where nobody is known, and CoreUnavailableError where it cannot be known now.
        """

    def sign_in(self, token: str, cookies: dict[str, str], now: datetime) -> tuple[Person, str]:
        """Exchanges a person's token for a session: whose it is, and the value of its cookie."""

    def sign_out(self, headers: Headers, cookies: dict[str, str], now: datetime) -> None:
        """Ends the session, and signs the token out at Core."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Console:
    """A running console: its settings, the ledger's database, who knows who asks, and the clock (UTC).

    `pulses` are what it knows of whether others answer, by their names.
    """

    settings: Settings
    database: Database
    identity: KnowsPeople
    now: Callable[[], datetime] = field(default=_now)
    pulses: Pulses = field(default_factory=Pulses, compare=False)

    @property
    def today(self) -> date:
        """The day, in UTC."""
        return self.now().date()


def console_of(request: Request) -> Console:
    """The console that answers this request."""
    console: Console = request.app.state.console
    return console


ConsoleDep = Annotated[Console, Depends(console_of)]
