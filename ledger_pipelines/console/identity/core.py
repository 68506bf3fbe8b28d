"""The calls to Core about single tokens: that one was signed out, and whether one is still valid."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock

import requests

_LOG = logging.getLogger(__name__)
_TIMEOUT = (1.0, 1.0)
#: How often Core is asked of one token, and how long it is left alone when it did not answer.
_EVERY = timedelta(seconds=60)
_PAUSE = timedelta(seconds=30)
_MOST_TOKENS = 10_000


class Core:
    """Core by its address, None where none is configured. For several threads.

    A Core that does not answer stops nobody: a token holds until its end, and a sign-out of ours is one.
    """

    def __init__(self, url: str | None, *, ca_file: str | None = None) -> None:
        self._url = None if url is None else url.rstrip("/")
        self._verify: str | bool = ca_file or True
        self._lock = Lock()
        self._asked_at: dict[bytes, datetime] = {}
        self._revoked: set[bytes] = set()
        self._silent_until: datetime | None = None

    @property
    def login_url(self) -> str | None:
        """Where people sign in."""
        return None if self._url is None else f"{self._url}/login"

    def has_revoked(self, token: str, now: datetime) -> bool:
        """Whether Core says that the token was signed out or is not good. Each token is asked of once a minute, and what
        was signed out stays so.
        """
        if _digest(token) in self._revoked:
            return True
        if self._url is None or not self._is_due(token, now):
            return False
        answer = self._post("/api/token/validate", token)
        if answer is None:
            with self._lock:
                self._silent_until = now + _PAUSE
            return False
        if answer != HTTPStatus.UNAUTHORIZED:
            return False
        with self._lock:
            if len(self._revoked) >= _MOST_TOKENS:
                self._revoked.clear()
            self._revoked.add(_digest(token))
            # Where it was forgotten, its next use must not pass for the minute.
            self._asked_at.pop(_digest(token), None)
        return True

    def revoke(self, token: str) -> None:
        """Reports to Core that the token was signed out. Where Core does not take it, the log says so."""
        if self._url is not None and self._post("/api/token/revoke", token) is None:
            _LOG.warning("Core could not be told of a sign-out: its token holds elsewhere until its end")

    def _is_due(self, token: str, now: datetime) -> bool:
        with self._lock:
            if self._silent_until is not None and now < self._silent_until:
                return False
            digest = _digest(token)
            before = self._asked_at.get(digest)
            if before is not None and now - before < _EVERY:
                return False
            if len(self._asked_at) >= _MOST_TOKENS:
                self._asked_at.clear()
            # Before the answer: those who come meanwhile go on.
            self._asked_at[digest] = now
            return True

    def _post(self, path: str, token: str) -> int | None:
        """The status of Core's answer, None where there is none."""
        try:
            answer = requests.post(
                f"{self._url}{path}",
                json={"token": token},
                timeout=_TIMEOUT,
                verify=self._verify,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            _LOG.warning("Core does not answer at %s: %s", path, type(error).__name__)
            return None
        return answer.status_code


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
