"""One `ledger up` at a time on a ledger, for as long as it runs; it also sees to it that the database does."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psycopg
from rich.console import Console

from ledger_pipelines.connections import embedded_server, ledger_database
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.ledger_facts import UP_APPLICATION

#: Held by the one `ledger up` of a ledger.
_LOCK = 7_433_003
_LOOK_SECONDS = 5.0


@dataclass(slots=True)
class Alone:
    """The lock of the one `ledger up`, taken again when its connection is lost."""

    settings: Settings
    database: Database
    console: Console
    _connection: psycopg.Connection | None = None
    _looked: float = 0.0

    def take(self) -> None:
        """Raises LedgerError when another `ledger up` runs: two daemons would run each schedule twice."""
        connection = self.database.connect(application_name=f"{UP_APPLICATION}{os.getpid()}")
        (row,) = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchall()
        if not row[0]:
            others = connection.execute(
                """SELECT replace(application_name, %(name)s, '') FROM pg_stat_activity
                   WHERE starts_with(application_name, %(name)s) AND datname = current_database()
                     AND pid <> pg_backend_pid()""",
                {"name": UP_APPLICATION},
            ).fetchall()
            connection.close()
            process = f" (process {others[0][0]})" if others else ""
            raise LedgerError(
                f"`ledger up` runs on {self.database.label} already{process}: stop it first, or set another LEDGER_HOME."
            )
        self._connection = connection

    def look(self) -> bool:
        """Whether the database answers; the embedded one is started again when it does not."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return self._connection is not None
        try:
            if self._connection is None:
                self._return()
            else:
                self._connection.execute("SELECT 1")
        except (psycopg.Error, LedgerError) as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
                self._print(f"The database does not answer ({type(error).__name__}): it is waited for.")
            return False
        self._looked = time.monotonic()
        return True

    def _return(self) -> None:
        if self.settings.database_url is None:
            embedded_server.cache_clear()
            ledger_database(self.settings)
        self.take()
        self._print("The database answers again.")

    def release(self) -> None:
        """Gives the lock up."""
        if self._connection is not None:
            self._connection.close()

    def _print(self, text: str) -> None:
        self.console.print(text, style="yellow", highlight=False, soft_wrap=True)
