"""Writing a file so that it is either the old one or the new one, whole; and files that only their owner reads."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


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
    with suppress(OSError):  # the file is there; not every file system can sync a folder
        _to_disk(target.parent)


def make_folder(path: Path) -> Path:
    """The folder, made for its owner only if it is missing; one that is there is left as it is, and all above it.

    Root makes it for the owner of the folder it is in. Raises OSError when it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        give_to_owner_of(path.parent, path)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return path


def private_folder(path: Path) -> Path:
    """The folder, made if it is missing, and closed to all but its owner, if it was not. Raises OSError."""
    found = make_folder(path).stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(0o700)
    return path


def open_private(path: Path) -> BinaryIO:
    """The file, opened to be appended to, and readable by its owner only. Raises OSError when it cannot be written."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):
        os.fchmod(handle, 0o600)
    give_to_owner_of(path.parent, path)
    return os.fdopen(handle, "ab", buffering=0)


def give_to_owner_of(folder: Path, path: Path) -> None:
    """Lets root leave nothing behind in another user's folder that this user cannot use."""
    if os.geteuid() == 0:
        owner = folder.stat()
        if owner.st_uid != path.lstat().st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


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
