"""What killed processes leave behind, ended by whoever comes next: a step's own start, a command, or the sensor."""

from collections.abc import Iterator

import dagster as dg
from dagster import SensorEvaluationContext

from ledger_pipelines.defs.resources import LedgerResource
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned

_KILLED = "The process that executed this run was killed."


def settle_abandoned_runs(instance: dg.DagsterInstance, database: Database) -> list[str]:
    """Ends killed executions in sync_executions and in Dagster's history; returns the ids of the runs ended."""
    with database.connect(application_name="ledger settle") as connection:
        abandoned = fail_abandoned(connection)
    settled = []
    for run_id in sorted({execution.dagster_run_id for execution in abandoned if execution.dagster_run_id}):
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, _KILLED)
            settled.append(run_id)
    return settled


@dg.sensor(
    name="run_failures",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records as failed what was killed before it could say so.",
)
def run_failures(context: SensorEvaluationContext, ledger: LedgerResource) -> Iterator[dg.SkipReason]:
    """Settles abandoned runs; starts nothing itself."""
    settled = settle_abandoned_runs(context.instance, ledger.database)
    yield dg.SkipReason(
        f"Ended {len(settled)} killed runs: {', '.join(settled)}." if settled else "Nothing was killed."
    )
