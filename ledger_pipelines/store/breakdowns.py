"""What broke down under a command or a step, in a sentence: the database, the disk, a lock.

Here: from an exception of a library to what a person does about it. Not here: sources (`sources.failures`), and our own
defects, whose exceptions stay as they are.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import psycopg
import sqlalchemy.exc

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.printable import one_line

_AGAIN = "then run it again: what was not finished has changed nothing"
_GONE = f"The database stopped answering in the middle: see that it runs, {_AGAIN}."
_BUSY = (
    f"Another run was at the same rows, and one of the two had to give up: wait until it has ended, {_AGAIN}."
)
#: By what PostgreSQL's codes begin with; the longest that fits is taken.
_DATABASE: Mapping[str, str] = MappingProxyType(
    {
        "08": _GONE,
        "57P": _GONE,
        "25006": f"The database takes no changes, it is read-only now: find out why, and when it takes some, {_AGAIN}.",
        "25P03": f"The database ended our transaction for being idle: raise its idle timeouts, {_AGAIN}.",
        "40": _BUSY,
        "55P03": _BUSY,
        "53100": f"The disk of the database is full: make room there, {_AGAIN}.",
        "53200": f"The database has no memory left: give it more, {_AGAIN}.",
        "53300": f"The database takes no more connections: raise max_connections or end others, {_AGAIN}.",
        "57014": f"The database gave up a statement that took too long: raise its statement_timeout, {_AGAIN}.",
        "58": f"The database cannot use its disk: look into its log, {_AGAIN}.",
        "XX00": f"The database's files are damaged: look into its log, and restore it from a backup, {_AGAIN}.",
    }
)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE = frozenset({errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})
_TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})


def sentence_of(error: BaseException) -> str | None:
    """What broke down, and what to do; None where it was none of these things, and so may be a defect of ours."""
    for cause in _causes(error):
        if isinstance(cause, LedgerError):
            return str(cause)
        message = _of_disk(cause) if isinstance(cause, OSError) else _of_database(cause)
        if message is not None:
            return message
    return None


def _of_database(error: BaseException) -> str | None:
    # psycopg has a sqlstate; Dagster's own storage speaks by psycopg2, which calls it pgcode.
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(code, str):
        fitting = [start for start in _DATABASE if code.startswith(start)]
        return _DATABASE[max(fitting, key=len)] if fitting else _denied(error, code)
    # Without a code nobody answered: the connection is gone.
    is_gone = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or (
        isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
        and getattr(error.orig, "pgcode", None) is None
        and getattr(error.orig, "sqlstate", None) is None
    )
    return _GONE if is_gone else None


def _denied(error: BaseException, code: str) -> str | None:
    if code != psycopg.errors.InsufficientPrivilege.sqlstate:
        return None
    what = one_line(str(error).partition("\n")[0])
    return f"The database's user may not do what this takes ({what}): grant it, {_AGAIN}."


def _of_disk(error: OSError) -> str | None:
    reason = (error.strerror or "").lower()
    name = error.filename2 or error.filename
    where = one_line(str(name)) if name else "A file"
    if error.errno in _NO_ROOM:
        return f"{where} cannot be written ({reason}): make room there, {_AGAIN}."
    if error.errno in _UNWRITABLE:
        return f"{where} cannot be used ({reason}): see who may write there, {_AGAIN}."
    if error.errno in _TOO_MANY:
        return f"This process may not open more files ({reason}): raise the limit (`ulimit -n`), {_AGAIN}."
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from, the outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop(0)
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [getattr(found, "orig", None), found.__cause__, found.__context__]
