"""Closing months through Dagster: what must hold before the run, and closing for good what it has checked.

The command and the console do both by this; what the run found is read from the tables that its steps write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger_pipelines.closing.readiness import FailedStep, refuse_unfinished
from ledger_pipelines.months import refuse_strange_months
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import read_first_month
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


def plan_close(
    database: Database,
    months: Sequence[date],
    *,
    finalise: bool,
    today: date,
    settings: Settings | None = None,
) -> ClosePlan:
    """What a close of these months will do.

    Raises LedgerError for a month outside the ledger, with `finalise` for one that has not ended, and where
    no source is configured.
    """
    if finalise:
        refuse_unfinished(months, today)
    settings = read_settings() if settings is None else settings
    with database.connect() as connection:
        refuse_strange_months(months, read_first_month(connection), today)
        closing.refuse_unconfigured(settings)
        before = read_versions(connection)
    return ClosePlan(list(months), history_to_read(database, settings, months), before)


def close_for_good(
    database: Database,
    plan: ClosePlan,
    run_id: str,
    *,
    failures: Sequence[FailedStep],
    person: str,
    settings: Settings | None = None,
) -> closing.Closed:
    """Closes the plan's months as the run checked them; `failures` are the steps that failed, as Dagster reports.

    Raises LedgerError where a month was never read, an edit came after it was billed, or another run interfered, and
    NotClosedError with all reasons where something of the months' books prevents it.
    """
    refuse_unread(database, read_settings() if settings is None else settings, plan.months)
    with database.connect() as connection:
        facts = closing.facts_of_run(connection, plan.months, run_id, failures)
    return closing.close_for_good(database, facts, run_id=run_id, before=plan.before, person=person)
