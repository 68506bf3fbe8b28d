"""Dagster's own storage: dagster-postgres, in the ledger's server and a schema of its own.

A class of ours for two reasons. `dg` and `dagster`, started without the `ledger` command, find the same database
and history: they read dagster.yaml before any code of the project runs, and no variable could be set by then. And
the connections are pooled: dagster-postgres opens a new one for every event, which was a third of the time of a
close (4,600 connections for a year, 4 ms each).
"""

from __future__ import annotations

import os

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine

from ledger_pipelines.connections import ledger_database
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.migrations import create_schemas

#: Connections that a process keeps, and how many more it may open while many threads ask at once.
_POOL_SIZE, _OVERFLOW = 2, 30


class LedgerStorage(DagsterPostgresStorage):
    """dagster-postgres at LEDGER_DAGSTER_URL, else where the ledger's settings say, over one pool of connections."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        # Asked before it is used whether it still lives: the server may have been restarted in between.
        self._engine = create_pg_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=_POOL_SIZE,
            max_overflow=_OVERFLOW,
            pool_pre_ping=True,
        )
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
