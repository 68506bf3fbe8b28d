"""Closing months through Dagster: what must hold before the run, and closing for good what it has checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger_pipelines.closing.readiness import (
    BrokenInvariant,
    Facts,
    FailedStep,
    reasons_against,
    refuse_unfinished,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months
from ledger_pipelines.runs.jobs import RunOutcome, refuse_strange_months
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.writes import Versions, read_versions
from ledger_pipelines.workflows import closing
from ledger_pipelines.workflows.history import history_to_read, refuse_unread

#: The job that closes months.
JOB = "month_close"


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """A close that may begin.

    `history_since` is from when on the run reads the history, too, where it never was read; `before` is how often the
    rows of each month and table had been changed.
    """

    months: list[date]
    history_since: date | None
    before: Versions


def plan_close(database: Database, months: Sequence[date], *, finalise: bool, today: date) -> ClosePlan:
    """What a close of these months will do.

    Raises LedgerError for a month that is none of the ledger's, with `finalise` for one that has not ended, and where
    no source is configured.
    """
    if finalise:
        refuse_unfinished(months, today)
    refuse_strange_months(months, today)
    settings = read_settings()
    closing.refuse_unconfigured(settings)
    with database.connect() as connection:
        before = read_versions(connection)
    return ClosePlan(list(months), history_to_read(database, settings, months), before)


def close_for_good(
    database: Database, plan: ClosePlan, outcome: RunOutcome, *, person: str
) -> closing.Closed:
    """Closes the plan's months as the run checked them.

    Raises LedgerError where a month was never read or another run interfered, and NotClosedError with all reasons where
    something of the months' books stands against it.
    """
    refuse_unread(database, read_settings(), plan.months)
    facts = _facts(plan.months, outcome)
    return closing.close_for_good(database, facts, run_id=outcome.run_id, before=plan.before, person=person)


def refuse_broken(months: Sequence[date], outcome: RunOutcome) -> None:
    """Raises LedgerError with what failed in a run that closes nothing for good: its steps, then its invariants."""
    if outcome.failures:
        raise LedgerError(outcome.failures[0])
    broken = [one for one in reasons_against(_facts(months, outcome)) if one.kind == "invariant"]
    if broken:
        raise LedgerError(f"{describe_months(months)} cannot be closed, {broken[0].message}")


def _facts(months: Sequence[date], outcome: RunOutcome) -> Facts:
    return Facts(
        months,
        invariants=[
            BrokenInvariant(check.asset, check.check, check.description)
            for check in outcome.checks
            if not check.passed and check.is_error
        ],
        failures=[
            FailedStep(step, message)
            for step, message in zip(outcome.failed_steps, outcome.failures, strict=True)
        ],
    )
