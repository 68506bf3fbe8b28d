"""Codex's rate limit: so many requests a minute for each route and client address."""

from __future__ import annotations

import time
from collections.abc import Callable

_WINDOW_SECONDS = 60.0


class RateLimit:
    """Windows of a minute, each of which starts with its first request, as the real service counts.

    `clock` gives seconds that never go back.
    """

    def __init__(self, limit: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """No limit when `limit` is None."""
        self._limit = limit
        self._clock = clock
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def allows(self, route: str, client: str) -> bool:
        """Counts one request of `client` to `route`, and says whether it is within the limit."""
        if self._limit is None:
            return True
        now = self._clock()
        since, count = self._windows.get((route, client), (now, 0))
        if now - since >= _WINDOW_SECONDS:
            since, count = now, 0
        self._windows[route, client] = (since, count + 1)
        return count < self._limit
