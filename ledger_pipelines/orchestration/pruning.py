"""What Dagster keeps of old runs, removed: its own retention covers the ticks of schedules and sensors alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Pruned:
    """The ids of the runs that were removed, or would be, and how many old ones stay because they are the latest word."""

    removed: list[str]
    retained: int


def prune_runs(
    instance: dg.DagsterInstance,
    before: datetime,
    *,
    dry_run: bool = False,
    on_run: Callable[[str], None] = lambda _: None,
) -> Pruned:
    """Removes the runs that ended before this instant, with their events.

    What Dagster's pages show of the present stays: a run that has not ended, that holds the latest event of a kind
    about an asset's partition (such as its materialization) or the latest result of a check, and each job's last run.
    Results of checks stay in any case.
    """
    latest = _latest_words(instance)
    old = _ended_before(instance, before)
    removed = [run_id for run_id in old if run_id not in latest]
    if not dry_run:
        for run_id in removed:
            instance.delete_run(run_id)
            on_run(run_id)
    return Pruned(removed, len(old) - len(removed))


def _ended_before(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    filters = dg.RunsFilter(statuses=_ENDED, updated_before=before)
    found: list[str] = []
    while page := instance.get_run_ids(filters, cursor=found[-1] if found else None, limit=_PAGE):
        found += page
    return found


def _latest_words(instance: dg.DagsterInstance) -> set[str]:
    """The runs whose events are the last ones of their kind."""
    storage, run_storage = instance.event_log_storage, instance.run_storage
    if not isinstance(storage, SqlEventLogStorage) or not isinstance(run_storage, SqlRunStorage):
        raise TypeError("Dagster's storage is no database that can be asked for its latest events.")
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    of_assets = (
        sa.select(sa.func.max(events.id))
        .where(events.asset_key.is_not(None))
        .group_by(events.asset_key, events.partition, events.dagster_event_type)
    )
    of_checks = sa.select(sa.func.max(checks.id)).group_by(
        checks.asset_key, checks.check_name, checks.partition, checks.execution_status
    )
    with storage.index_connection() as connection:
        found = {
            str(run_id)
            for query in (
                sa.select(events.run_id).where(events.id.in_(of_assets)),
                sa.select(checks.run_id).where(checks.id.in_(of_checks)),
            )
            for (run_id,) in connection.execute(query.distinct())
        }
    runs = RunsTable.c
    of_jobs = sa.select(sa.func.max(runs.id)).group_by(runs.pipeline_name)
    with run_storage.connect() as connection:
        found |= {
            str(run_id)
            for (run_id,) in connection.execute(sa.select(runs.run_id).where(runs.id.in_(of_jobs)))
        }
    return found
