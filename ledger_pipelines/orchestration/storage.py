"""Dagster's own storage: dagster-postgres, in the ledger's server and a schema of its own.

A class of ours for four reasons. `dg` and `dagster`, started without the `ledger` command, find the same database
and history: they read dagster.yaml before any code of the project runs, and no variable could be set by then.
The connections are pooled: dagster-postgres opens a new one for every event, which was a third of the time of a
close (4,600 connections for a year, 4 ms each). What tables and columns there are is asked once: Dagster asks it
for each event, for it may meet the tables of an older version, some 280 times in a close. And an event is written in
one transaction, not in one for each table, and is there whole or not at all: a fifth of the time of eleven small months.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage, PostgresRunStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Connection, event
from sqlalchemy.exc import DisconnectionError

from ledger_pipelines.connections import ledger_database
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.migrations import create_schemas

#: Connections that a process keeps, and how many more it may open while many threads ask at once.
_POOL_SIZE, _OVERFLOW = 2, 30


class _EventLog(PostgresEventLogStorage):
    """Writes an event, or a batch of them, in one transaction, and remembers which tables and columns are there.

    Dagster writes an event's row, its asset's, and its check's in a transaction each.
    """

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._found: set[str] = set()
        self._of_thread = threading.local()

    def store_event(self, event: EventLogEntry) -> None:
        with self._transaction():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        with self._transaction():
            super().store_event_batch(events)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that this thread writes within is one transaction; within another one, a part of it."""
        if getattr(self._of_thread, "connection", None) is not None:
            yield
            return
        with self.index_transaction() as connection:
            self._of_thread.connection = connection
            try:
                yield
            finally:
                self._of_thread.connection = None

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        current = getattr(self._of_thread, "connection", None)
        if current is not None:
            yield current
        else:
            with super()._connect() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._found and super().has_table(table_name):
            self._found.add(table_name)
        return table_name in self._found

    def _has_asset_key_col_on_connection(self, conn: Any, column_name: str) -> bool:
        name = f"asset_keys.{column_name}"
        if name not in self._found and super()._has_asset_key_col_on_connection(conn, column_name):
            self._found.add(name)
        return name in self._found


class _Runs(PostgresRunStorage):
    """Remembers that the columns of newer versions are there."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._has_stats = self._has_backfill_id = False

    def has_run_stats_index_cols(self) -> bool:
        self._has_stats = self._has_stats or super().has_run_stats_index_cols()
        return self._has_stats

    def has_backfill_id_column(self) -> bool:
        self._has_backfill_id = self._has_backfill_id or super().has_backfill_id_column()
        return self._has_backfill_id


class LedgerStorage(DagsterPostgresStorage):
    """dagster-postgres at LEDGER_DAGSTER_URL, else where the ledger's settings say, over one pool of connections."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._run_storage, self._event_log_storage = _Runs(postgres_url), _EventLog(postgres_url)
        self._engine = create_pg_engine(
            postgres_url, isolation_level="AUTOCOMMIT", pool_size=_POOL_SIZE, max_overflow=_OVERFLOW
        )
        event.listen(self._engine, "checkout", _refuse_ended)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = self._engine

    @classmethod
    def config_type(cls) -> dict[str, object]:
        """It takes no configuration in dagster.yaml, so that no secret can stand there."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: object
    ) -> LedgerStorage:
        """Connects. Raises LedgerError when there is no database to connect to."""
        url = os.environ.get("LEDGER_DAGSTER_URL")
        if url is None:
            database = ledger_database(read_settings())
            create_schemas(database)
            url = database.dagster_url
        return cls(url, inst_data=inst_data)


def _refuse_ended(connection: Any, *_: object) -> None:
    """Has the pool open another connection where the server has ended this one, as when it was restarted.

    What an ended connection has to read is its end. Asking the server instead (`pool_pre_ping`) is a round trip more for
    each event.
    """
    readable = select.poll()
    readable.register(connection.fileno(), select.POLLIN)
    if readable.poll(0):
        raise DisconnectionError
