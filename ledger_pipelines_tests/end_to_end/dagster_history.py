"""What Dagster keeps of runs and checks, read from its own storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_postgres import DagsterPostgresStorage

from ledger_pipelines.store.database import Database


def run_statuses(database: Database) -> list[str]:
    """The statuses of all runs, oldest first."""
    with _storage(database) as storage:
        return [run.status.value for run in reversed(storage.run_storage.get_runs())]


def evaluations(database: Database, asset: str, check: str) -> list[dg.AssetCheckEvaluation]:
    """What a check found each time that it was made, newest first; those of single months of a range, too."""
    with _storage(database) as storage:
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        records = storage.event_log_storage.get_asset_check_execution_history(key, limit=100)
        found = [record.event.dagster_event for record in records if record.event is not None]
    return [event.asset_check_evaluation_data for event in found if event is not None]


@contextmanager
def _storage(database: Database) -> Iterator[DagsterPostgresStorage]:
    storage = DagsterPostgresStorage(database.dagster_url, should_autocreate_tables=False)
    try:
        yield storage
    finally:
        storage.dispose()
