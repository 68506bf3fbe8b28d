"""The one entry: who asks, by the bearer or the cookie that a request brings; signing in and out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from starlette.datastructures import Headers

from ledger_pipelines.console.identity.core import Core
from ledger_pipelines.console.identity.errors import (
    CoreUnavailableError,
    NotSignedInError,
    SignInRefusedError,
)
from ledger_pipelines.console.identity.keys import CoreKeys
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.identity.sessions import Sessions
from ledger_pipelines.console.identity.tokens import Tokens
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.store.database import Database

#: Never `session`: the gateway has that name, and would be signed out of.
COOKIE = "ledger_console"
_BEARER = re.compile(r"bearer +([!-~]+) *", re.IGNORECASE)


class Identity:
    """Who asks. For several threads; nothing is fetched or opened before the first request that brings something.

    `clock` gives seconds that never go back, for how often Core is asked; times of day come with each call.
    """

    def __init__(
        self, settings: Settings, database: Database, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        codex = settings.source(CodexSettings)
        core_url = None if codex.core_url is None else codex.core_url.rstrip("/")
        ca_file = None if codex.ca_file is None else str(codex.ca_file)
        jwks_url = settings.jwks_url or (core_url and f"{core_url}/.well-known/jwks.json")
        self._core = Core(core_url, ca_file=ca_file)
        self._tokens = Tokens(
            CoreKeys(jwks_url, ca_file=ca_file, clock=clock), settings.jwt_issuer, settings.service_name
        )
        self._sessions = Sessions(database, self._core.has_revoked)

    @property
    def login_url(self) -> str | None:
        """Core's page for signing in, None where no Core is configured."""
        return self._core.login_url

    def person(self, headers: Headers, cookies: Mapping[str, str], now: datetime) -> Person:
        """Who asks at `now`: by the bearer where there is one, good or not, else by the session's cookie.

        Raises NotSignedInError where that is nobody, CoreUnavailableError where Core cannot be asked.
        """
        token = _bearer(headers)
        if token is not None:
            return self._holder(token, now)
        person = self._sessions.person(cookies.get(COOKIE, ""), now)
        if person is None:
            raise NotSignedInError("Nobody is signed in: sign in, or send a token of Core's as the bearer.")
        return person

    def sign_in(self, token: str, cookies: Mapping[str, str], now: datetime) -> tuple[Person, str]:
        """Exchanges a person's token for a session: whose it is, and the cookie's value. A former session ends.

        Raises NotSignedInError, CoreUnavailableError as `person` does, SignInRefusedError for a service's token.
        """
        person = self._holder(token, now)
        if person.is_service:
            raise SignInRefusedError("This is a service's token: services send theirs as the bearer.")
        self._sessions.end(cookies.get(COOKIE, ""))
        return person, self._sessions.begin(person, token, now)

    def sign_out(self, headers: Headers, cookies: Mapping[str, str], now: datetime) -> None:
        """Ends the session, and reports to Core that its token, or the person's bearer, is not to be used any more.

        Without a valid credential one is signed out already.
        """
        tokens = {self._sessions.end(cookies.get(COOKIE, "")), _bearer(headers)}
        for token in tokens - {None}:
            with suppress(NotSignedInError, CoreUnavailableError):
                if self._tokens.person(str(token), now).token_id is not None:
                    self._core.revoke(str(token))

    def _holder(self, token: str, now: datetime) -> Person:
        person = self._tokens.person(token, now)
        # Core knows of a sign-out by the token's id only.
        if person.token_id is not None and self._core.has_revoked(token, now):
            raise NotSignedInError("The token was signed out: sign in again.")
        return person


def _bearer(headers: Headers) -> str | None:
    """The bearer's token, empty where something else is sent in its place, None where nothing is."""
    sent = headers.getlist("authorization")
    if not sent:
        return None
    found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
    return "" if found is None else found[1]
