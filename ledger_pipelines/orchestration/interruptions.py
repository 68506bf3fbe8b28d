"""Whether somebody interrupted this process, whatever became of the exception that an interruption raises.

Dagster only notes a signal that comes between two steps, forgets it at the end of the run, and takes one that comes
within a step that may be tried again for a failure: it goes on. A library may swallow the exception, too.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_INTERRUPTING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@contextmanager
def noticed_interruptions() -> Iterator[Callable[[], bool]]:
    """Within it, a function says whether SIGINT, SIGTERM or SIGHUP came since, whoever handled it.

    Only the main thread of a process may watch its signals; elsewhere the function says no. Blocks may be nested.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    seen = bytearray()

    def interrupted() -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(reading, 4096))
        return not _INTERRUPTING.isdisjoint(seen)

    former = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield interrupted
    finally:
        interrupted()
        signal.set_wakeup_fd(former)
        if former != -1 and seen:
            os.write(former, seen)
        os.close(reading)
        os.close(writing)
