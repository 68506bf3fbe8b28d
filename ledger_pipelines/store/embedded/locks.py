"""Locks of the operating system on files: they end with whoever holds them, and a copied file is not locked.

`starting` is held while a cluster is made, started or stopped; `holding` is shared by all processes that use the
server; `serving` belongs to the server itself, which inherits it and keeps it until its last process is gone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_pipelines.files import give_to_owner_of, private_folder


class Locks:
    """The lock files of one home."""

    def __init__(self, home: Path) -> None:
        """Raises OSError when they cannot be made."""
        self._folder = private_folder(home / "locks")

    @contextmanager
    def starting(self) -> Iterator[int]:
        """Waits until nobody else makes, starts or stops the server; gives the lock's file descriptor."""
        handle = self._open("starting")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            # Closed, not unlocked: where a program that we started holds it too, it stays locked until that ends.
            os.close(handle)

    def hold(self) -> int:
        """Counts this process among those that use the server; closing the descriptor ends that."""
        handle = self._open("holding")
        fcntl.flock(handle, fcntl.LOCK_SH)
        return handle

    @staticmethod
    def is_last(holding: int) -> bool:
        """Whether nobody else uses the server; a descriptor that was asked about counts no more.

        Of several that ask at once, one gets a yes: whoever looks last finds the others gone.
        """
        return _is_taken(holding)

    def try_serving(self) -> int | None:
        """The lock for a server to inherit, None where one runs."""
        handle = self._open("serving")
        if _is_taken(handle):
            return handle
        os.close(handle)
        return None

    def is_served(self) -> bool:
        """Whether a process of a server that we started is alive."""
        handle = self.try_serving()
        if handle is not None:
            os.close(handle)
        return handle is None

    def _open(self, name: str) -> int:
        path = self._folder / name
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        give_to_owner_of(self._folder, path)
        return handle


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
