"""The CFO's own PostgreSQL: a second server, which the tests stop and start as they like."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg

from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer

#: Nothing needs to survive a crash of the machine, but what was committed survives one of the server: commits are
#: written before they are answered, though the disk need not have them.
_SETTINGS = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "shared_buffers": "64MB"}
_NAME = "cfo_transactions"


class CfoServer:
    """The CFO's server. Its databases keep their URLs when it is stopped and started again."""

    def __init__(self) -> None:
        # A short path: a Unix socket's name may have about a hundred characters.
        self._home = Path(tempfile.mkdtemp(prefix="ledger-cfo-"))
        self._server = EmbeddedServer(self._home, settings=_SETTINGS)
        self._server.database(_NAME)
        self._url = self._server.database("postgres").url

    def emptied_database(self) -> Database:
        """The CFO's database with nothing in it but an empty table of transactions, as `prepare_cfo_database` makes it.

        The same one each time: making another takes twenty times as long as emptying it.
        """
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_NAME}'")
        self.execute(f"ALTER DATABASE {_NAME} RESET ALL")
        database = self._named(self._server.database(_NAME))
        with database.connect() as connection, connection.transaction():
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            connection.execute("GRANT USAGE ON SCHEMA public TO public")
        prepare_cfo_database(database)
        return database

    def execute(self, statement: str) -> None:
        """Runs a statement beside the CFO's databases, such as one about roles."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """Stops at once, as a crash would: transactions under way are lost, connections cut."""
        pid = self._server.pid
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        while _is_alive(pid):
            time.sleep(0.005)

    def start(self) -> None:
        """Starts where it is stopped; what was committed is there again."""
        self._server = EmbeddedServer(self._home)

    def close(self) -> None:
        """Stops it for good and removes its data."""
        self._server.release()
        shutil.rmtree(self._home, ignore_errors=True)

    @staticmethod
    def _named(database: Database) -> Database:
        return replace(database, schema=None, variable="CFO_DATABASE_URL")


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def cut_connections(database: Database) -> int:
    """Ends every other connection to the database, whatever it is doing; how many there were."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        rows = connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        ).fetchall()
    return len(rows)
