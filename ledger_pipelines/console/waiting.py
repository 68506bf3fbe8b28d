"""For how long a request that started work waits for its end, and the answers of what takes longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, TypeVar

from fastapi import Query, Request

from ledger_pipelines.errors import LedgerError

#: Seconds: the gateway gives up after thirty without a byte.
_DEFAULT_SECONDS, _MOST_SECONDS = 20, 25
#: How many requests may wait at once: each holds one of the console's threads.
_WAITING = threading.BoundedSemaphore(10)
#: How much may be done aside at once, of what asks systems that may hang.
_ASIDE = threading.BoundedSemaphore(10)
#: Seconds that a page waits for such a system.
PATIENCE = 20.0

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
    """The result of the work, which gets its deadline: that is now where too many wait already."""
    if not _WAITING.acquire(blocking=False):
        return work(time.monotonic())
    try:
        return work(until)
    finally:
        _WAITING.release()


class StillAtWorkError(LedgerError):
    """What was asked for goes on, and its end is not waited for."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work gives, done in a thread of its own, for it asks a database that may hang.

    Raises what it raises, and StillAtWorkError where it takes longer, or too much of the kind is under way: in the first
    case the work goes on.
    """
    if not _ASIDE.acquire(blocking=False):
        raise StillAtWorkError("Too much waits for another system already: try again in a minute.")
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)
        finally:
            _ASIDE.release()

    threading.Thread(target=run, name="aside", daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():
            raise
        raise StillAtWorkError(
            f"That takes longer than {seconds:.0f} seconds and goes on: look again in some minutes."
        ) from None


def location(request: Request, path: str) -> dict[str, str]:
    """The header that says where what was begun is seen, under the prefix that the caller used."""
    return {"Location": f"{request.scope.get('root_path', '')}{path}"}
