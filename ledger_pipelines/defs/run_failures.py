"""Runs that failed while nobody waited for them: what was killed is ended, and each job that fails raises an alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import dagster as dg

from ledger_pipelines.orchestration.orphaned_runs import (
    ATTENDED_TAG,
    KILLED_TAG,
    RUN_FAILED,
    months_of_run,
    settle_abandoned_runs,
)
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.run_failures import reason_of
from ledger_pipelines.store.alerts import DueAlert, update_alerts

#: How many runs of a job are looked at: one that has failed as often and more has been failing for long.
_RUNS = 50
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
#: Dagster's own tag of a failed run that it tries again by itself: the result is that run's successor's.
_WILL_RETRY_TAG = "dagster/will_retry"


def failing_jobs(instance: dg.DagsterInstance, jobs: Iterable[str]) -> list[DueAlert]:
    """One for each of the jobs whose runs fail, with the run that failed first since the last that succeeded.

    A run that a command executes does not count when it fails, for somebody waits for it, nor one that is tried again;
    one that was killed does in any case. When a run succeeds, the job fails no longer.
    """
    return [alert for job in jobs if (alert := _failing(instance, job)) is not None]


def _failing(instance: dg.DagsterInstance, job_name: str) -> DueAlert | None:
    first = None
    for run in instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_ENDED), limit=_RUNS):
        if run.status == dg.DagsterRunStatus.SUCCESS:
            break
        is_killed = run.tags.get(KILLED_TAG) == run.run_id
        is_attended = run.tags.get(ATTENDED_TAG) == run.run_id
        is_reported_elsewhere = is_attended or run.tags.get(_WILL_RETRY_TAG) == "true"
        if is_killed or not is_reported_elsewhere:
            first = run
    if first is None:
        return None
    message = (
        f"A run of {job_name}{months_of_run(first)} failed: {reason_of(instance, first.run_id)} "
        f"Mend what is wrong and run it again; in Dagster it is run {first.run_id[:8]}."
    )
    return DueAlert(RUN_FAILED, message, subject=job_name)


def _jobs(context: dg.SensorEvaluationContext) -> Iterable[dg.JobDefinition]:
    repository = context.repository_def
    return [] if repository is None else repository.get_all_jobs()


@dg.sensor(
    name="run_failures",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends what was killed before it could say so, and raises an alert for each job whose runs fail.",
)
def run_failures(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> Iterator[dg.SkipReason]:
    """Starts nothing. The alert of a job is cleared when a run of it succeeds."""
    settled = settle_abandoned_runs(context.instance, ledger.database)
    if settled:
        context.log.warning(f"Ended {len(settled)} killed runs: {', '.join(settled)}.")
    # Whatever people start by hand on single assets is a job of Dagster's own, and somebody waits for it.
    jobs = sorted(job.name for job in _jobs(context) if not job.name.startswith("__"))
    failing = failing_jobs(context.instance, jobs)
    with ledger.database.connect(application_name="ledger run_failures") as connection:
        for event in update_alerts(connection, [RUN_FAILED], failing, datetime.now(UTC)):
            context.log.warning(f"Alert {event.event}: {event.message}")
    yield dg.SkipReason("; ".join(alert.message for alert in failing) or "No job fails.")
