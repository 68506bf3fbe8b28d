"""Whether others answer: asked in a thread of its own; the last result is answered at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

#: How long what was found last counts; how often others are asked.
_KNOWN_SECONDS, _ASK_SECONDS = 10.0, 10.0
State = Literal["up", "down", "unknown"]


@dataclass(slots=True)
class Pulse:
    """Whether something answers: asked in a thread of its own, one at a time, and kept.

    `ask` raises where it does not, and gives False where there is nothing to ask.
    """

    ask: Callable[[], bool]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)
    _is_asking: bool = False
    _found: State = "unknown"
    _found_at: float = float("-inf")

    def state(self, *, wait: float = 0.0, fresh: float = _ASK_SECONDS) -> State:
        """What is known after waiting for `wait` seconds; asked anew where it is older than `fresh` seconds."""
        with self._lock:
            if not self._is_asking and time.monotonic() - self._found_at >= fresh:
                self._is_asking = True
                self._done.clear()
                threading.Thread(target=self._look, name="health", daemon=True).start()
        if wait and not self._done.wait(wait):
            # It hangs now; what answered a moment ago may only be busy.
            is_recent = time.monotonic() - self._found_at < _KNOWN_SECONDS
            return self._found if is_recent else "down"
        return self._found

    def _look(self) -> None:
        try:
            found: State = "up" if self.ask() else "unknown"
        except Exception:
            found = "down"
        with self._lock:
            self._found, self._found_at, self._is_asking = found, time.monotonic(), False
        self._done.set()


@dataclass(slots=True)
class Pulses:
    """The pulses of one console, by their names."""

    _known: dict[str, Pulse] = field(default_factory=dict)

    def of(self, name: str, ask: Callable[[], bool]) -> Pulse:
        """The one of this name, made where there is none yet."""
        return self._known.setdefault(name, Pulse(ask))
