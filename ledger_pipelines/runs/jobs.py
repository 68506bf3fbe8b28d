"""Starting work through Dagster from outside it: the one way for the command line and the console.

Whatever a person starts here is a run in Dagster's history like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from ledger_pipelines.closing.readiness import BrokenInvariant, Facts, FailedStep, reasons_against
from ledger_pipelines.definitions import definitions
from ledger_pipelines.defs.ledger_periods import overview_of
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.logs import is_json
from ledger_pipelines.months import describe_months, parse_month, refuse_strange_months
from ledger_pipelines.orchestration.code_location import LOCATION, socket_of
from ledger_pipelines.orchestration.interruptions import noticed_interruptions
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG, settle_abandoned_runs
from ledger_pipelines.orchestration.partitions import first_partition
from ledger_pipelines.orchestration.run_failures import failure_sentence
from ledger_pipelines.orchestration.steps import INTERRUPTED
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.month_overview import month_overviews
from ledger_pipelines.store.run_processes import held_run
from ledger_pipelines.workflows.run_tags import run_tags


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One check of a run: its asset and name, whether it passed, and what it says, a line for each month that fails."""

    asset: str
    check: str
    passed: bool
    is_error: bool
    description: str


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: its id, the sentences of what failed (none when it succeeded), and its checks.

    `failed_steps` are the steps of the failures, in their order.
    """

    run_id: str
    failures: list[str]
    checks: list[CheckOutcome]
    failed_steps: list[str]

    @property
    def succeeded(self) -> bool:
        return not self.failures

    @property
    def steps_that_failed(self) -> list[FailedStep]:
        """The steps that failed, with their sentences."""
        pairs = zip(self.failed_steps, self.failures, strict=True)
        return [FailedStep(step, message) for step, message in pairs]


def run_job(
    database: Database,
    job_name: str,
    months: Sequence[date],
    *,
    today: date,
    on_step: Callable[[str, str], None] = lambda step, state: None,
    assets: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
    person: str = "",
) -> RunOutcome:
    """Runs a job, or only these of its assets, over a span of months, in this process, as one run.

    `months` is one unbroken span in order; `on_step` gets a step's name and `started`, `done` or `failed`;
    `settings` is the run config of steps, by step; the run is tagged with the `person` who started it.
    What killed runs left behind is settled first. Raises LedgerError when a month is not one of the ledger's,
    KeyboardInterrupt when the run was stopped.
    """
    refuse_strange_months(months, first_partition(), today)
    for name in ("dagster", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    run_id = str(uuid4())
    with (
        noticed_interruptions() as interrupted,
        held_run(database, run_id),
        dg.DagsterInstance.get() as instance,
    ):
        settle_abandoned_runs(instance, database)
        run = _made_run(instance, run_id, job_name, months, assets=assets, settings=settings, person=person)
        instance.add_event_listener(run_id, lambda event: _report_step(event, on_step))
        job = InMemoryJob(definitions().resolve_job_def(job_name))
        events = list(execute_run_iterator(job, run, instance))
        if interrupted():
            raise KeyboardInterrupt
    evaluations = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    checks = _outcomes(evaluations)
    failed = [event for event in events if event.is_step_failure]
    failures = [failure_sentence(event) for event in failed]
    if any(event.event_type == dg.DagsterEventType.RUN_CANCELED for event in events):
        raise KeyboardInterrupt
    if INTERRUPTED in failures or any(_is_interruption(event) for event in failed):
        raise KeyboardInterrupt
    steps = [event.step_key or "" for event in failed]
    return RunOutcome(run_id=run_id, failures=failures, checks=checks, failed_steps=steps)


def _is_interruption(event: dg.DagsterEvent) -> bool:
    """Whether the step failed because the run was stopped just before or after its own work."""
    error = event.step_failure_data.error
    return error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__


def _made_run(
    instance: dg.DagsterInstance,
    run_id: str,
    job_name: str,
    months: Sequence[date],
    *,
    assets: Sequence[str] | None,
    settings: Mapping[str, Mapping[str, object]],
    person: str,
) -> dg.DagsterRun:
    """A run as the pages of Dagster would make it: one of the code location, which lists it and can execute it again."""
    tags = {
        **run_tags(months, person),
        ATTENDED_TAG: run_id,
        # The caller that waits for it starts it again.
        "dagster/max_retries": "0",
    }
    server = GrpcServerCodeLocationOrigin(
        host="localhost", socket=str(socket_of(read_settings().home)), location_name=LOCATION
    )
    job = definitions().resolve_job_def(job_name)
    return instance.create_run_for_job(
        job_def=job,
        run_id=run_id,
        run_config={
            # On a terminal the progress says it.
            "loggers": {"console": {"config": {"log_level": "INFO" if is_json() else "CRITICAL"}}},
            "ops": {step: {"config": dict(config)} for step, config in settings.items()},
        },
        tags={**job.run_tags, **tags},
        asset_selection=None if assets is None else {dg.AssetKey(asset) for asset in assets},
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(server, SINGLETON_REPOSITORY_NAME), job_name
        ),
    )


def refuse_broken(months: Sequence[date], outcome: RunOutcome) -> None:
    """Raises LedgerError with what failed in a run that closes nothing for good: its steps, then its invariants."""
    if outcome.failures:
        raise LedgerError(outcome.failures[0])
    failed = [check for check in outcome.checks if not check.passed and check.is_error]
    facts = Facts(
        months, invariants=[BrokenInvariant(one.asset, one.check, one.description) for one in failed]
    )
    broken = reasons_against(facts)
    if broken:
        raise LedgerError(f"{describe_months(months)} cannot be closed, {broken[0].message}")


def show_months(database: Database) -> None:
    """Shows which months are open and which are closed at the asset `ledger_periods`, as they are now."""
    with database.connect() as connection:
        months = month_overviews(connection)
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(overview_of(months))


def steps_of(job_name: str, assets: Sequence[str] | None = None) -> list[str]:
    """The steps of a job, or those that fill these of its assets."""
    if assets is None:
        return [node.name for node in definitions().resolve_job_def(job_name).nodes]
    return sorted({definitions().resolve_assets_def(asset).op.name for asset in assets})


def ensure_storage(database: Database) -> None:
    """Makes Dagster's tables, where there are none, before several of its processes would do so at once."""
    with database.connect() as connection:
        if connection.execute("SELECT to_regclass('dagster.runs')").fetchone() != (None,):
            return
    with dg.DagsterInstance.get() as instance:
        instance.get_runs(limit=1)


def settle_killed(database: Database) -> list[str]:
    """Ends the runs whose processes were killed, and returns their ids."""
    with dg.DagsterInstance.get() as instance:
        return settle_abandoned_runs(instance, database)


def _report_step(event: dg.EventLogEntry, on_step: Callable[[str, str], None]) -> None:
    happened = event.dagster_event
    if happened is None or happened.step_key is None:
        return
    states = {"STEP_START": "started", "STEP_SUCCESS": "done", "STEP_FAILURE": "failed"}
    state = states.get(happened.event_type_value)
    if state is not None:
        on_step(happened.step_key, state)


def _outcomes(evaluations: Sequence[dg.AssetCheckEvaluation]) -> list[CheckOutcome]:
    """One for each check: what it says of the whole range, else of each month that it was made for."""
    by_check: dict[dg.AssetCheckKey, list[dg.AssetCheckEvaluation]] = {}
    for evaluation in evaluations:
        by_check.setdefault(evaluation.asset_check_key, []).append(evaluation)
    outcomes = []
    for key, found in by_check.items():
        of_range = [evaluation for evaluation in found if evaluation.partition is None]
        failed = [evaluation for evaluation in of_range or found if not evaluation.passed]
        outcomes.append(
            CheckOutcome(
                asset=key.asset_key.to_user_string(),
                check=key.name,
                passed=not failed,
                is_error=any(evaluation.severity == dg.AssetCheckSeverity.ERROR for evaluation in failed),
                description=_failure_message(failed),
            )
        )
    return outcomes


def _failure_message(failed: Sequence[dg.AssetCheckEvaluation]) -> str:
    """What the evaluations say, a line each; months with the same message share one."""
    shared: dict[str, list[date]] = {}
    lines = []
    for evaluation in failed:
        message, month = evaluation.description or "", evaluation.partition
        if month is None or not message.startswith(f"{month}: "):
            lines.append(message)
        else:
            shared.setdefault(message.removeprefix(f"{month}: "), []).append(parse_month(month))
    lines += [f"{describe_months(months)}: {message}" for message, months in shared.items()]
    return "\n".join(lines)
