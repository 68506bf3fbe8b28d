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

from ledger_pipelines.definitions import definitions
from ledger_pipelines.defs.abandoned import ATTENDED_TAG, settle_abandoned_runs
from ledger_pipelines.defs.partitions import first_partition, is_partition, partition_key
from ledger_pipelines.defs.run_failures import failure_sentence
from ledger_pipelines.defs.steps import INTERRUPTED
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, month_of
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import held_run

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


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


def run_job(
    database: Database,
    job_name: str,
    months: Sequence[date],
    *,
    today: date,
    on_step: Callable[[str, str], None] = lambda step, state: None,
    assets: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> RunOutcome:
    """Runs a job, or only these of its assets, over a span of months, in this process, as one run.

    `months` is one unbroken span in order; `on_step` is told a step's name and `started`, `done` or `failed`;
    `settings` is the run config of steps, by step.
    What killed runs left behind is settled first. Raises LedgerError when a month is not one of the ledger's.
    """
    _refuse_strange_months(months, today)
    for name in ("dagster", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    job = definitions().resolve_job_def(job_name)
    selection = None if assets is None else [dg.AssetKey(asset) for asset in assets]
    run_id = str(uuid4())
    tags = {
        _RANGE_START: partition_key(months[0]),
        _RANGE_END: partition_key(months[-1]),
        ATTENDED_TAG: run_id,
    }
    with held_run(database, run_id), dg.DagsterInstance.get() as instance:
        settle_abandoned_runs(instance, database)
        instance.add_event_listener(run_id, lambda event: _tell(event, on_step))
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            tags=tags,
            raise_on_error=False,
            asset_selection=selection,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {step: {"config": dict(config)} for step, config in settings.items()},
            },
        )
        checks = [
            _check(evaluation)
            for evaluation in result.get_asset_check_evaluations()
            if evaluation.partition is None
        ]
        failed = [event for event in result.all_events if event.is_step_failure]
        failures = [failure_sentence(event) for event in failed]
    if INTERRUPTED in failures:
        raise KeyboardInterrupt
    steps = [event.step_key or "" for event in failed]
    return RunOutcome(run_id=run_id, failures=failures, checks=checks, failed_steps=steps)


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


def _refuse_strange_months(months: Sequence[date], today: date) -> None:
    if not months:
        raise LedgerError("The range has no month: its end is excluded, so it must come after its start.")
    for month in months:
        if not is_partition(month, today):
            first = first_partition()
            raise LedgerError(
                f"{format_month(month)} is outside the ledger: its months are {format_month(first)} "
                f"to {format_month(month_of(today))}."
            )


def _tell(event: dg.EventLogEntry, on_step: Callable[[str, str], None]) -> None:
    happened = event.dagster_event
    if happened is None or happened.step_key is None:
        return
    states = {"STEP_START": "started", "STEP_SUCCESS": "done", "STEP_FAILURE": "failed"}
    state = states.get(happened.event_type_value)
    if state is not None:
        on_step(happened.step_key, state)


def _check(evaluation: dg.AssetCheckEvaluation) -> CheckOutcome:
    return CheckOutcome(
        asset=evaluation.asset_key.to_user_string(),
        check=evaluation.check_name,
        passed=evaluation.passed,
        is_error=evaluation.severity == dg.AssetCheckSeverity.ERROR,
        description=evaluation.description or "",
    )
