"""What killed processes leave behind, ended by whoever comes next: a step's own start, a command, or the sensor."""

from collections.abc import Iterator

import dagster as dg
from dagster import SensorEvaluationContext

from ledger_pipelines.defs.resources import LedgerResource
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned, is_held

#: Runs with this tag are executed by a command: somebody waits for them, so their steps fail at once instead of
#: trying later, and the command's process holds them.
ATTENDED_TAG = "ledger/attended"
_IN_PROGRESS = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_KILLED = "The process that executed this run was killed."


def settle_abandoned_runs(instance: dg.DagsterInstance, database: Database) -> list[str]:
    """Ends killed executions in sync_executions and in Dagster's history; returns the ids of the runs ended.

    A run is known to be killed by its step, or, where a command executed it, by nobody holding it. It gives its
    places in the concurrency pools back, for which others would wait for ever.
    """
    in_progress = instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS))
    with database.connect(application_name="ledger settle") as connection:
        killed = {execution.dagster_run_id for execution in fail_abandoned(connection)}
        for run in in_progress:
            if ATTENDED_TAG in run.tags and not is_held(connection, run.run_id):
                killed.add(run.run_id)
    settled = [run for run in in_progress if run.run_id in killed]
    for run in settled:
        instance.report_run_failed(run, _KILLED)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id for run in settled]


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
