"""What Dagster keeps of runs and checks, read from its own storage."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster_postgres import DagsterPostgresStorage

from ledger_pipelines.store.database import Database


def run_statuses(database: Database) -> list[str]:
    """The statuses of all runs, oldest first."""
    return [run.status.value for run in reversed(_storage(database).run_storage.get_runs())]


def evaluations(database: Database, asset: str, check: str) -> list[dg.AssetCheckEvaluation]:
    """What a check found each time that it was made, newest first; those of single months of a range, too."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    records = _storage(database).event_log_storage.get_asset_check_execution_history(key, limit=100)
    events = [record.event.dagster_event for record in records if record.event is not None]
    # Of a range's evaluation Dagster also keeps that it was planned.
    return [
        event.asset_check_evaluation_data
        for event in events
        if event is not None and event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]


def materialization_metadata(database: Database, asset: str, partition: str) -> dict[str, Any]:
    """The values that the latest materialisation of a month shows, by name."""
    wanted = dg.EventRecordsFilter(
        event_type=dg.DagsterEventType.ASSET_MATERIALIZATION,
        asset_key=dg.AssetKey(asset),
        asset_partitions=[partition],
    )
    (record,) = _storage(database).event_log_storage.get_event_records(wanted, limit=1)
    materialization = record.asset_materialization
    assert materialization is not None
    return {name: value.value for name, value in materialization.metadata.items()}


def last_shown(database: Database, asset: str) -> dict[str, Any]:
    """The values that the latest materialisation of an asset without months shows, by name."""
    wanted = dg.EventRecordsFilter(
        event_type=dg.DagsterEventType.ASSET_MATERIALIZATION, asset_key=dg.AssetKey(asset)
    )
    (record,) = _storage(database).event_log_storage.get_event_records(wanted, limit=1)
    materialisation = record.asset_materialization
    assert materialisation is not None
    return {name: value.value for name, value in materialisation.metadata.items()}


def _storage(database: Database) -> DagsterPostgresStorage:
    # It opens a connection for each question and keeps none.
    return DagsterPostgresStorage(database.dagster_url, should_autocreate_tables=False)
