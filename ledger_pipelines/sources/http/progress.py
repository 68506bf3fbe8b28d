"""The listener to a source's answers as they come: somebody who waits for many pages sees how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Called with what people call the source, and the route of the request that was answered; from any thread.
Listener = Callable[[str, str], None]

_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Reports to the listener every answer that this process gets within the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def notify_of_answer(source: str, route: str) -> None:
    """Reports to the listener that a request of this route was answered and read."""
    for listener in tuple(_listeners):
        listener(source, route)
