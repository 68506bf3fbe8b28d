"""Writing a file so that it is either the old one or the new one, whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced(output: Path) -> Iterator[Path]:
    """A file beside `output` to be written in its place: moved there, and safe on the disk, when the block is done.

    Where it fails, what was there stays as it was. A link stays a link, and what is no file (a terminal, a pipe) is
    written directly. Raises OSError when it cannot be written.
    """
    target = output.resolve()
    if target.is_dir():
        raise IsADirectoryError(None, "Is a directory", str(output))
    if target.exists() and not target.is_file():
        yield target
        return
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    os.close(handle)
    beside = Path(name)
    try:
        beside.chmod(_mode(target))
        yield beside
        _to_disk(beside)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # the file is there; not every file system lets a folder be told to remember it
        _to_disk(target.parent)


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, else those that a new one gets here."""
    if target.exists():
        if not os.access(target, os.W_OK):
            raise PermissionError(None, "Permission denied", str(target))
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
