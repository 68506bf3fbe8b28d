"""What killed processes leave behind, ended by what runs next: a step's own start, a command, or the daemon."""

from datetime import UTC, datetime

import dagster as dg
import psycopg

from ledger_pipelines.orchestration.run_failures import reason_of
from ledger_pipelines.store.alerts import DueAlert, raise_alert
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned
from ledger_pipelines.store.run_processes import is_executed
from ledger_pipelines.store.run_requests import RunRequest
from ledger_pipelines.workflows.executions import RunState, end_requests
from ledger_pipelines.workflows.run_tags import REQUEST_TAG

#: A run whose tag says its own id is executed by a command: somebody waits for it, so its steps fail at once instead
#: of trying later. A copy of the run has another id. Dagster's pages do not show tags that begin so.
ATTENDED_TAG = ".dagster/ledger_attended"
#: A run whose tag has its own id was killed: nobody learned how it ended, not even who waited for it.
KILLED_TAG = ".dagster/ledger_killed"
#: The kind of the alert for a job whose runs fail; the job is its subject.
RUN_FAILED = "run_failed"
_BEGUN = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_KILLED = "The process that executed this run was killed."
_NEVER_STARTED = "The process that should have executed this run never started."
#: How long a run may be without any process: one that is launched has it within milliseconds, and one that was only
#: made is in nobody's way.
_UNREGISTERED_SECONDS = {dg.DagsterRunStatus.NOT_STARTED: 300.0}
_LAUNCHED_SECONDS = 30.0
#: Tags of runs that were handed to Celery's broker or to a cluster: until a worker or a pod takes it, such a run has no
#: process, and Dagster's own `start_timeout_seconds` says how long that may be.
_HANDED_OVER = {"dagster-celery/task_id", "dagster/image"}


def settle_abandoned_runs(instance: dg.DagsterInstance, database: Database) -> list[str]:
    """Ends killed executions in sync_executions and in Dagster's history; returns the ids of the runs ended.

    A run is killed when its process is gone, whether within a step, between two, or before the first. Requests whose
    runs have ended are ended, too.
    """
    settled = []
    with database.connect(application_name="ledger settle") as connection:
        of_steps = {execution.dagster_run_id for execution in fail_abandoned(connection)}
        for record in instance.get_run_records(dg.RunsFilter(statuses=_BEGUN)):
            run_id = record.dagster_run.run_id
            reason = _why_killed(connection, record, of_steps)
            if reason is not None and _ended(instance, connection, run_id, reason):
                settled.append(run_id)
        end_requests(connection, lambda request: _run_of(instance, request), now=datetime.now(UTC))
    return sorted(settled)


def _run_of(instance: dg.DagsterInstance, request: RunRequest) -> RunState | None:
    """The run of a request as Dagster's history has it."""
    filters = dg.RunsFilter(tags={REQUEST_TAG: str(request.id)})
    runs = instance.get_runs(filters)
    if not runs:
        return None
    # The copies of a run have its tags; it is the oldest of them.
    run = runs[-1]
    is_failed = run.status == dg.DagsterRunStatus.FAILURE
    return RunState(run.run_id, run.status.value, reason_of(instance, run.run_id) if is_failed else None)


def months_of_run(run: dg.DagsterRun) -> str:
    """` for 2025-03`, ` for 2025-03 to 2025-06`, or nothing: for a sentence about a run."""
    ends = [run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end")]
    keys = dict.fromkeys(key for key in (run.tags.get("dagster/partition"), *ends) if key is not None)
    return f" for {' to '.join(key[:7] for key in keys)}" if keys else ""


def _why_killed(
    connection: psycopg.Connection, record: dg.RunRecord, of_steps: set[str | None]
) -> str | None:
    """What to say of a run that was killed; None of one that lives, or may yet begin."""
    run_id = record.dagster_run.run_id
    executed = is_executed(connection, run_id)
    if executed is not None:
        return None if executed else _KILLED
    if run_id in of_steps:
        return _KILLED
    run = record.dagster_run
    if run.status == dg.DagsterRunStatus.STARTING and _HANDED_OVER & run.tags.keys():
        return None
    age = datetime.now(UTC) - record.update_timestamp.replace(tzinfo=record.update_timestamp.tzinfo or UTC)
    patience = _UNREGISTERED_SECONDS.get(record.dagster_run.status, _LAUNCHED_SECONDS)
    return _NEVER_STARTED if age.total_seconds() > patience else None


def _ended(instance: dg.DagsterInstance, connection: psycopg.Connection, run_id: str, reason: str) -> bool:
    """Ends the run, unless it has ended: by itself, for it has no process then either, or by another who looks."""
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"ledger.settle:{run_id}"]
        )
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        _end(instance, connection, run, reason)
    return True


def _end(
    instance: dg.DagsterInstance, connection: psycopg.Connection, run: dg.DagsterRun, reason: str
) -> None:
    if run.status == dg.DagsterRunStatus.CANCELING:
        # Somebody wanted it to end.
        instance.report_run_canceled(run, reason)
        return
    instance.add_run_tags(run.run_id, {KILLED_TAG: run.run_id})
    instance.report_run_failed(run, reason)
    # At once: the next run of the job may succeed before anybody looks for failed ones.
    message = (
        f"A run of {run.job_name}{months_of_run(run)} failed: {reason} In Dagster it is run {run.run_id[:8]}."
    )
    raise_alert(connection, DueAlert(RUN_FAILED, message, subject=run.job_name), datetime.now(UTC))
