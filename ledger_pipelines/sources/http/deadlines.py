"""Connections on which no answer takes longer, as a whole, than it is given.

The read timeout of the libraries ends a silence; a source that sends a byte a second is never silent. Here: the end
of an answer's time, from its first header to its last byte. Not here: the sentence for it (`http`).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_BUFFER = 1 << 16
_seconds: ContextVar[float] = ContextVar("seconds that a whole answer may take")


class AnswerDeadlineError(TimeoutError):
    """An answer went on for longer than it was given."""


@contextlib.contextmanager
def whole_answer_within(seconds: float) -> Iterator[None]:
    """Gives each answer to a request made here at most `seconds`; reading on raises AnswerDeadlineError."""
    token = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(token)


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a moment of the monotonic clock, whatever its timeout for one silence is."""

    def __init__(self, sock: Any, end: float) -> None:
        self._sock = sock
        self._end = end
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise AnswerDeadlineError("the answer took too long")
        silence = self._sock.gettimeout()
        if silence is not None and silence <= left:
            return self._read(buffer)
        self._sock.settimeout(left)
        try:
            return self._read(buffer)
        except TimeoutError:
            raise AnswerDeadlineError("the answer took too long") from None
        finally:
            self._sock.settimeout(silence)

    def _read(self, buffer: Any) -> int | None:
        count: int | None = self._file.readinto(buffer)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedSocket:
    """As much of a socket as an answer asks for."""

    def __init__(self, sock: Any, end: float) -> None:
        self._sock = sock
        self._end = end

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._end), _BUFFER)


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        super().__init__(_TimedSocket(sock, time.monotonic() + _seconds.get()), *args, **more)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """An adapter of `requests` whose answers end in time; every request on it stands in `whole_answer_within`."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
