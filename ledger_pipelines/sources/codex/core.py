"""HiveMatrix Core's service tokens, and the other way to say who we are to its services: a fixed key.

Here: getting a token, keeping it, renewing it. Not here: the services that accept it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from threading import Lock
from typing import Any

import jwt

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError
from ledger_pipelines.sources.http.bodies import read_json
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.credentials import usable_key
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.http.retries import RetryPolicy

#: The year 5138: what claims to last longer means nothing.
_NO_END = 10**11
#: A token with less than this left is not sent any more: it could end on its way (wire/codex.md, Auth).
_SPARE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    subject: str | None
    #: Seconds since the epoch; 0 where the token does not say, so that it serves once.
    expires: float


class ServiceTokens:
    """A credential by the tokens that Core gives to a service for another. For several threads.

    Core asks for no credential of its own here. Raises SourceUnavailableError when Core does not give a
    token, CredentialRefusedError when it will not.
    """

    def __init__(
        self,
        core_url: str,
        *,
        calling_service: str = "ledger",
        target_service: str = "codex",
        ca_file: str | None = None,
        ca_setting: str | None = None,
        timeout: float = 30.0,
        retries: RetryPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._asked = {"calling_service": calling_service, "target_service": target_service}
        address = Address(
            "Core",
            core_url,
            "CORE_URL",
            "check CORE_URL, and that Core knows both services.",
            ca_file=ca_file,
            ca_setting=ca_setting,
        )
        self._source = HttpSource(address, read_timeout=timeout, retries=retries, clock=self._clock)
        self._lock = Lock()
        self._token: _Token | None = None

    def headers(self) -> Mapping[str, str]:
        """The header with a token that has at least 60 s left, a kept one where there is one."""
        return _bearer(self._current().text)

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forgets the refused token, unless another thread already got a newer one."""
        with self._lock:
            if self._token is not None and _bearer(self._token.text) == dict(refused):
                self._token = None
        return True

    def identity(self) -> str:
        """Who the current token says we are, for example `service:ledger`."""
        return self._current().subject or f"service:{self._asked['calling_service']}"

    def close(self) -> None:
        """Gives the connections back."""
        self._source.close()

    def _current(self) -> _Token:
        # Held while a token is fetched: other threads want that one too.
        with self._lock:
            latest = (self._clock.now() + _SPARE).timestamp()
            if self._token is None or self._token.expires < latest:
                self._token = self._fetch()
            return self._token

    def _fetch(self) -> _Token:
        try:
            answer = self._source.post("/service-token", self._asked, read_json)
        except AnswerError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            raise CredentialRefusedError(
                f"Core gives {self._asked['calling_service']} no token for {self._asked['target_service']} "
                f"at {self._source.url('/service-token')} ({error.status_line}): "
                "check CORE_URL, and that Core knows both services."
            ) from None
        text = answer.get("token") if isinstance(answer, Mapping) else None
        try:
            text = usable_key(text if isinstance(text, str) else "", "token")
        except ConfigurationError:
            raise AnswerError(
                f"Core answered without a token at {self._source.url('/service-token')}: check CORE_URL.",
                reason="body",
            ) from None
        claims = _claims(text)
        expires, subject = claims.get("exp"), claims.get("sub")
        return _Token(
            text,
            subject if isinstance(subject, str) else None,
            float(expires) if isinstance(expires, int | float) and expires < _NO_END else 0.0,
        )


def _claims(token: str) -> Mapping[str, Any]:
    """What a token says, unverified.

    Verifying is the business of the service that the token is for. Here only its end is wanted, and a wrong
    one does no harm: a token that ends early is refused, and then renewed.
    """
    try:
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return {}
    return claims


class FixedKey:
    """A credential by one key, sent as the bearer token."""

    def __init__(self, key: str) -> None:
        self._headers = _bearer(key)

    def headers(self) -> Mapping[str, str]:
        """The header with the key."""
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """There is no other key."""
        return False

    def identity(self) -> str:
        """A key does not say who it belongs to."""
        return "the holder of the api_key"

    def close(self) -> None:
        """Nothing is held."""


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
