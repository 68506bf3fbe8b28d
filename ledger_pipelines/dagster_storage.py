"""Dagster's own storage: dagster-postgres, in the ledger's server and a schema of its own.

A class of ours only so that `dg` and `dagster`, started without the `ledger` command, find the same database
and history: they read dagster.yaml before any code of the project runs, and no variable could be set by then.
"""

from __future__ import annotations

import os

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from ledger_pipelines.environment import ledger_database
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.migrations import create_schemas


class LedgerStorage(DagsterPostgresStorage):
    """dagster-postgres at LEDGER_DAGSTER_URL, else where the ledger's settings say."""

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
