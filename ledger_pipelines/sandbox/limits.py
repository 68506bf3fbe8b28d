"""How many requests are let through.

Codex: so many a minute for each route and client address. Holded: so many a minute for each key. Notion: so
many a second on average, with short bursts.
"""

from __future__ import annotations

import math
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

    def left(self, route: str, client: str) -> int:
        """How many more requests of `client` to `route` are within the limit; 0 where there is none."""
        _, count = self._windows.get((route, client), (0.0, 0))
        return max(0, (self._limit or 0) - count)

    def wait(self, route: str, client: str) -> int:
        """Whole seconds until the count for `client` and `route` starts again, at least one."""
        since, _ = self._windows.get((route, client), (0.0, 0))
        return max(1, math.ceil(since + _WINDOW_SECONDS - self._clock()))


class Allowance:
    """An average of so many requests a second, of which one second's and one more may come at once.

    `clock` gives seconds that never go back.
    """

    def __init__(self, per_second: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """No limit when `per_second` is None."""
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, client: str) -> bool:
        """Says whether a request of `client` is within its allowance, and if so takes it from there.

        One that is refused costs nothing: after a second there is room again.
        """
        if self._per_second is None:
            return True
        now = self._clock()
        most = self._per_second + 1.0
        since, left = self._left.get(client, (now, most))
        left = min(most, left + (now - since) * self._per_second)
        allowed = left >= 1
        self._left[client] = (now, left - 1 if allowed else left)
        return allowed
