"""Where the server listens: in its data's folder, or where that has no name for a socket, in a private one."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.embedded.cluster import HAS_HERE, HERE
from ledger_pipelines.store.embedded.programs import Programs

_NAME = ".s.PGSQL.5432"
#: What `sockaddr_un` holds of a path.
_LONGEST = 107 if sys.platform == "linux" else 103
_PREFIX = "ledger-socket-"


def socket_folder(data: Path, programs: Programs) -> Path:
    """The folder for the server's socket: the data's own, else a new one for the server's user only.

    Raises LedgerError when there is none short enough.
    """
    if _is_usable(data):
        return data
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - a new folder with a random name
        if (
            Path(parent).is_dir()
            and os.access(parent, os.W_OK)
            and _is_usable(Path(parent) / f"{_PREFIX}12345678")
        ):
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            programs.give(folder)
            return folder
    raise LedgerError(
        f"The path of {data} is too long for a socket, and there is no folder for temporary files that is not: "
        "set LEDGER_HOME to a shorter one."
    )


def listening(folder: Path, data: Path) -> str:
    """The server's setting `unix_socket_directories` for this folder."""
    if folder == data and HAS_HERE:
        return HERE
    quoted = str(folder).replace('"', '""')
    return f'"{quoted}"'


def url(folder: Path, database: str) -> str:
    """The URL of a database of the server that listens in this folder."""
    return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(os.fsencode(folder))}"


def remove_private(folder: Path, programs: Programs) -> None:
    """Removes a private folder of `socket_folder`, whose server is gone; any other folder is left alone."""
    try:
        found = folder.lstat()
    except OSError:
        return
    owner = os.geteuid() if programs.user is None else programs.user
    if folder.name.startswith(_PREFIX) and stat.S_ISDIR(found.st_mode) and found.st_uid == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _is_usable(folder: Path) -> bool:
    # libpq takes a comma for the end of one host and the beginning of the next.
    return len(os.fsencode(folder / _NAME)) <= _LONGEST and "," not in str(folder)
