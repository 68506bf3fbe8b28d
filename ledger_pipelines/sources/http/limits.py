"""Keeping under a source's requests a minute, and asking several things at a time.

Here: when a request may go out. Not here: what happens when the source refuses it all the same (`retries`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import TypeVar

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

from ledger_pipelines.sources.http.clock import Clock

T = TypeVar("T")


class RateLimit:
    """At most `requests` in any 60 seconds, or in any `seconds`, whichever thread asks.

    With `per_hour`, at most that many in any hour, too. Waits; refuses nothing.

    The bucket is used without the library's own limiter, which sleeps by a clock of its own and keeps a
    thread running for as long as the process.
    """

    def __init__(
        self, requests: int, clock: Clock | None = None, *, seconds: float = 60.0, per_hour: int | None = None
    ) -> None:
        self._clock = clock or Clock()
        rates = [Rate(requests, round(seconds * Duration.SECOND))]
        # The library takes no limit that another one keeps anyway.
        if per_hour is not None and requests < per_hour < requests * 3600 / seconds:
            rates.append(Rate(per_hour, int(Duration.HOUR)))
        self._bucket = InMemoryBucket(rates)
        self._lock = Lock()

    def allow(self, requests: int) -> None:
        """From now on at most this many in any 60 seconds; those that went out count."""
        with self._lock:
            self._bucket.rates = [Rate(requests, int(Duration.MINUTE))]

    def wait(self) -> None:
        """Returns when one more request may go out, and counts it."""
        while (pause := self._take()) > 0:
            self._clock.sleep(pause)

    def _take(self) -> float:
        """0 when the request is counted, else the seconds until there may be room."""
        with self._lock:
            now = int(self._clock.monotonic() * 1000)
            self._bucket.leak(now)
            item = RateItem("request", now)
            if self._bucket.put(item):
                return 0.0
            pause = self._bucket.waiting(item)
            # Never nothing: the library gives 0 where the room is free within the same millisecond.
            return max(pause, 1) / 1000 if isinstance(pause, int) else 0.001


class RouteLimits:
    """A `RateLimit` for each route: systems such as Codex count every route for itself."""

    def __init__(self, per_minute: int, clock: Clock | None = None, *, per_hour: int | None = None) -> None:
        self._per_minute = per_minute
        self._per_hour = per_hour
        self._clock = clock
        self._limits: dict[str, RateLimit] = {}
        self._lock = Lock()

    def wait(self, route: str) -> None:
        """Returns when one more request may go out on this route."""
        with self._lock:
            limit = self._limits.get(route)
            if limit is None:
                limit = RateLimit(self._per_minute, self._clock, per_hour=self._per_hour)
                self._limits[route] = limit
        limit.wait()


def run_concurrently(calls: Iterable[Callable[[], T]], workers: int) -> Iterator[T]:
    """The results in the order of the calls, `workers` of them running at a time.

    The first call that raises ends it: calls not yet begun never run, and those that run are not waited for.
    """
    executor = ThreadPoolExecutor(workers, thread_name_prefix="source")
    finished = False
    try:
        futures: list[Future[T]] = [executor.submit(copy_context().run, call) for call in calls]
        futures.reverse()
        while futures:
            yield futures.pop().result()
        finished = True
    finally:
        executor.shutdown(wait=finished, cancel_futures=True)
