"""For how long a request that started work waits for its end, and the answers of what takes longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Query, Request

#: Seconds: the gateway gives up after thirty without a byte.
_DEFAULT_SECONDS, _MOST_SECONDS = 20, 25
#: How many requests may wait at once: each holds one of the console's threads.
_WAITING = threading.BoundedSemaphore(10)

T = TypeVar("T")

#: `?wait=`: seconds, or `false` for not at all.
Wait = Annotated[
    str,
    Query(
        pattern="^(false|true|[0-9]{1,4})$",
        description="How many seconds to wait for the end (25 at most), or false.",
    ),
]
DEFAULT_WAIT = str(_DEFAULT_SECONDS)


def deadline(wait: str) -> float:
    """When a request that comes now is to be answered, on the monotonic clock."""
    seconds = {"false": 0, "true": _DEFAULT_SECONDS}.get(wait)
    return time.monotonic() + min(int(wait) if seconds is None else seconds, _MOST_SECONDS)


def waited(until: float, work: Callable[[float], T]) -> T:
    """What the work gives, told until when it may wait: not at all where too many wait already."""
    if not _WAITING.acquire(blocking=False):
        return work(time.monotonic())
    try:
        return work(until)
    finally:
        _WAITING.release()


def location(request: Request, path: str) -> dict[str, str]:
    """The header that says where what was begun is seen, under the prefix that the caller used."""
    return {"Location": f"{request.scope.get('root_path', '')}{path}"}
