"""What killed processes leave behind, ended by whoever comes next: a step's own start, a command, or the sensor."""

import dagster as dg

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned, is_held

#: A run whose tag says its own id is executed by a command: somebody waits for it, so its steps fail at once instead
#: of trying later, and the command's process holds it. A copy of the run has another id.
ATTENDED_TAG = "ledger/attended"
_IN_PROGRESS = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_KILLED = "The process that executed this run was killed."


def settle_abandoned_runs(instance: dg.DagsterInstance, database: Database) -> list[str]:
    """Ends killed executions in sync_executions and in Dagster's history; returns the ids of the runs ended.

    A run is known to be killed by its step, or, where a command executed it, by nobody holding it.
    """
    with database.connect(application_name="ledger settle") as connection:
        killed = {execution.dagster_run_id for execution in fail_abandoned(connection)}
        for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
            if run.tags.get(ATTENDED_TAG) == run.run_id and not is_held(connection, run.run_id):
                killed.add(run.run_id)
    settled = []
    for run_id in sorted(filter(None, killed)):
        # Read again: a run that ended by itself meanwhile is not held either.
        found = instance.get_run_by_id(run_id)
        if found is not None and not found.is_finished:
            instance.report_run_failed(found, _KILLED)
            settled.append(run_id)
    return settled
