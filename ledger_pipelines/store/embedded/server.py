"""The running embedded server: started or joined, held, and given up."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import make_folder, open_private, private_folder
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import sockets
from ledger_pipelines.store.embedded.cluster import (
    HAS_HERE,
    HERE,
    PidFile,
    forget_server,
    make_cluster,
    take_over,
)
from ledger_pipelines.store.embedded.locks import Locks
from ledger_pipelines.store.embedded.programs import Programs, find_programs

#: Recovery after a crash reads up to `max_wal_size`, from a slow disk.
_START_PATIENCE = 300.0
_STOP_PATIENCE = 60.0
_PAUSE = 0.02


class EmbeddedServer:
    """A running embedded PostgreSQL; `database(name)` gives one of its databases, made when it is missing.

    The server is held for as long as this object lives, or until `release`.
    """

    def __init__(self, home: Path, *, settings: dict[str, str] | None = None) -> None:
        """Starts the server of `home`/postgres, or joins it where it runs already.

        `settings` (postgresql.conf names) are added when the cluster is first made.
        Raises LedgerError when it cannot be started.
        """
        home = home.resolve()
        self.data = home / "postgres"
        try:
            make_folder(home)
            running = _Running(home, settings or {})
        except OSError as error:
            raise LedgerError(
                f"The folder {home} cannot be used for the embedded PostgreSQL ({error.strerror}): set LEDGER_HOME to "
                "one of yours, or LEDGER_DATABASE_URL to a server of your own."
            ) from None
        self._socket_folder = running.socket_folder
        self.release: Callable[[], object] = weakref.finalize(self, running.give_up)
        """Gives the server up; it stops when nobody else holds it."""

    def database(self, name: str = "ledger") -> Database:
        """The database `name` of this server."""
        with psycopg.connect(sockets.url(self._socket_folder, "postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return Database(sockets.url(self._socket_folder, name))

    @property
    def pid(self) -> int | None:
        """The server's process id."""
        found = PidFile.read(self.data)
        return None if found is None else found.pid


class _Running:
    """What this process has of the server: its share in holding it, and how to stop it."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self._home = home
        self._data = home / "postgres"
        self._process = os.getpid()
        self._programs = find_programs(home, self._data)
        self._locks = Locks(home)
        with self._locks.starting() as lock:
            if not (self._data / "PG_VERSION").exists():
                make_cluster(self._data, self._programs, settings, lock)
            take_over(self._data, self._programs)
            self.socket_folder = self._joined_or_started()
            self._holding = self._locks.hold()

    def give_up(self) -> None:
        """Ends this process's share, and the server when it was the last."""
        if os.getpid() != self._process:
            return  # A fork of the process that holds it: not its to give up.
        with self._locks.starting():
            if self._locks.is_last(self._holding):
                self._stop()
            os.close(self._holding)

    def _joined_or_started(self) -> Path:
        deadline = time.monotonic() + _START_PATIENCE
        while time.monotonic() < deadline:
            folder = self._answering()
            if folder is not None:
                return folder
            lock = None if self._is_somebody_elses() else self._locks.try_serving()
            if lock is not None:
                self._start(lock)
            time.sleep(_PAUSE)
        raise LedgerError(
            f"The embedded PostgreSQL in {self._data} runs and does not answer: end its process "
            f"{PidFile.read(self._data)}, or set LEDGER_DATABASE_URL to a server of your own."
        )

    def _answering(self) -> Path | None:
        """The socket's folder of the server that works in this very data folder, if one answers."""
        found = PidFile.read(self._data)
        folder = None if found is None else found.socket_path(self._data)
        return folder if folder is not None and works_in(self._data, folder, self._programs) else None

    def _is_somebody_elses(self) -> bool:
        """Whether a server that others started (`pg_ctl`, an older release) is about to answer or to end here.

        Ours hold a lock as long as they live. `postmaster.pid` says little: it is copied with its folder, and a number
        of a process is given again.
        """
        found = PidFile.read(self._data)
        if found is None or (HAS_HERE and found.data == HERE):
            return False
        with suppress(psutil.Error, OSError):
            process = psutil.Process(found.pid)
            is_server = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
            return is_server and self._data.samefile(process.cwd())
        return False

    def _start(self, lock: int) -> None:
        """Starts the server, which inherits the lock. Raises LedgerError when it ends instead of answering."""
        left = PidFile.read(self._data)
        if left is not None and not _answers(left.socket_path(self._data)):
            sockets.remove_private(left.socket_path(self._data), self._programs)
        forget_server(self._data)
        log = private_folder(self._home / "logs") / "postgresql.log"
        try:
            folder = sockets.socket_folder(self._data, self._programs)
            with open_private(log) as output:
                began = output.tell()
                process = subprocess.Popen(  # noqa: S603 - an argument list
                    self._programs.command(
                        "postgres",
                        *("-D", HERE if HAS_HERE else str(self._data)),
                        *("-c", "listen_addresses="),
                        # A restore makes the partitions of all months, with their indexes, in one transaction.
                        *("-c", "max_locks_per_transaction=256"),
                        *("-c", f"unix_socket_directories={sockets.listening(folder, self._data)}"),
                    ),
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=[lock],
                    **self._programs.options(self._data),
                )
        finally:
            os.close(lock)
        # Its end is noticed at once, whenever that is: a dead server that waits to be noticed counts as a live one.
        threading.Thread(target=process.wait, daemon=True).start()
        deadline = time.monotonic() + _START_PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            found = PidFile.read(self._data)
            if found is not None and found.is_ready:
                return
            time.sleep(_PAUSE)
        sockets.remove_private(folder, self._programs)
        raise LedgerError(
            f"The embedded PostgreSQL in {self._data} could not be started ({_reason(log, began)}); see {log}, or set "
            "LEDGER_DATABASE_URL to a server of your own."
        )

    def _stop(self) -> None:
        found = PidFile.read(self._data)
        if found is None or (not self._locks.is_served() and not self._is_somebody_elses()):
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, at once, by force
            with suppress(ProcessLookupError):
                os.kill(found.pid, number)
            deadline = time.monotonic() + _STOP_PATIENCE
            while time.monotonic() < deadline:
                if not self._locks.is_served() and not _is_alive(found.pid):
                    sockets.remove_private(found.socket_path(self._data), self._programs)
                    return
                time.sleep(_PAUSE)


def works_in(data: Path, folder: Path, programs: Programs) -> bool:
    """Whether the server that listens in `folder` works in this data folder: it alone can read what we put there."""
    name, word = f"ledger-{secrets.token_hex(8)}", secrets.token_hex(16)
    try:
        with psycopg.connect(
            sockets.url(folder, "postgres"), autocommit=True, connect_timeout=10
        ) as connection:
            put = data / name
            try:
                put.touch(mode=0o600)
                put.write_text(word)
                programs.give(put)
                row = connection.execute("SELECT pg_read_file(%s, true)", [name]).fetchone()
            finally:
                put.unlink(missing_ok=True)
    except psycopg.Error:
        return False
    return row == (word,)


def _answers(folder: Path) -> bool:
    """Whether anything listens there, be it only to say that it starts."""
    try:
        psycopg.connect(sockets.url(folder, "postgres"), connect_timeout=10).close()
    except psycopg.OperationalError as error:
        return error.sqlstate is not None
    return True


def _is_alive(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _reason(log: Path, began: int) -> str:
    """The last line with which the server says why it ends."""
    with suppress(OSError), log.open("rb") as output:
        output.seek(began)
        lines = output.read().decode(errors="replace").splitlines()
        message = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        if message or lines:
            return (message or lines)[-1]
    return "it said nothing"
