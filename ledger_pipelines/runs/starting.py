"""The runs that people start in the console: a sync's steps, a month, the statements after an edit, the CFO sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import refuse_strange_months, unbroken_spans
from ledger_pipelines.runs.requests import AskedRun, WantedRun, ask_for_run, run_of_request, settle
from ledger_pipelines.runs.syncing import plan_sync
from ledger_pipelines.runs.webserver import WAITING, DagsterRefusedError, Webserver
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.run_requests import (
    RunRequest,
    begin_request,
    end_request,
    executions_of,
    unended_requests,
)
from ledger_pipelines.workflows.sync_steps import SyncStep

MONTH_CLOSE, CFO_SYNC = "month_close", "cfo_sync"
#: The assets that are made of people's edits and of what was read before.
STATEMENTS = ("ticket_hours", "billing_statement_lines", "billing_statements")
#: What marks a request for statements after an edit.
_FOLLOWS_EDITS = "follows_edits"
#: The jobs that a person may start by their name, for months.
JOBS = (MONTH_CLOSE, "import_steps", "process_accruals", "codex_tickets", "codex_assets", CFO_SYNC)


def start_steps(
    database: Database,
    webserver: Webserver,
    steps: Sequence[SyncStep],
    months: Sequence[date],
    *,
    settings: Settings,
    person: str,
    today: date,
) -> AskedRun:
    """Starts steps of a sync as one run, each with its execution; those whose source is not configured are left out.

    Where the source of the first is not configured, its execution has failed. Raises LedgerError for months that are none
    of the ledger's.
    """
    with database.connect() as connection:
        refuse_strange_months(months, read_first_month(connection), today)
    try:
        plan = plan_sync(steps, settings)
    except LedgerError as error:
        return _failed(database, steps[0], months, str(error), person=person)
    wanted = WantedRun(
        job=plan.job,
        months=months,
        person=person,
        steps=[step.id for step in steps if step.id not in plan.left_out],
        assets=plan.assets,
    )
    return ask_for_run(database, webserver, wanted, today=today)


def start_job(
    database: Database,
    webserver: Webserver,
    job: str,
    months: Sequence[date],
    *,
    person: str,
    today: date,
    config: Mapping[str, Mapping[str, object]] | None = None,
) -> AskedRun:
    """Starts one of the jobs for a span of months. Raises LedgerError where there is none of this name."""
    if job not in JOBS:
        raise LedgerError(f"There is no job {job!r}: choose {', '.join(JOBS)}.")
    wanted = WantedRun(job=job, months=months, person=person, config=config or {})
    return ask_for_run(database, webserver, wanted, today=today)


def start_cfo_sync(
    database: Database,
    webserver: Webserver,
    months: Sequence[date],
    *,
    config: Mapping[str, object],
    purpose: str,
    person: str,
    today: date,
) -> AskedRun:
    """Starts handing over; `purpose` distinguishes it from others of the same months, such as the invoice's id."""
    wanted = WantedRun(
        job=CFO_SYNC,
        months=months,
        person=person,
        steps=["cfo-sync"],
        config={"cfo_transactions": config},
        purpose=purpose,
    )
    return ask_for_run(database, webserver, wanted, today=today)


def follow_edits(
    database: Database, webserver: Webserver, months: Sequence[date], *, person: str, today: date
) -> list[AskedRun]:
    """Has the statements of these open months made anew: call it after an edit, with the months that have drafts.

    However many edits wait, of one span of months at most one run waits beside the one at work: a run that has not begun
    will read this edit, too. Raises LedgerError where Dagster's answer is needed and it is away.
    """
    return [_follow(database, webserver, span, person=person, today=today) for span in unbroken_spans(months)]


def _follow(
    database: Database, webserver: Webserver, months: Sequence[date], *, person: str, today: date
) -> AskedRun:
    wanted = WantedRun(
        job=MONTH_CLOSE,
        months=months,
        person=person,
        assets=STATEMENTS,
        details={_FOLLOWS_EDITS: True},
        purpose="statements",
    )
    at_work = []
    for request in _following(database, webserver, months):
        run = run_of_request(webserver, request)
        if run is None or run.status in WAITING:
            return AskedRun(request, [], is_new=False)
        at_work.append(request)
    if at_work:
        # One for all that are edited while these are at work, however many people ask at once.
        wanted = replace(wanted, purpose=f"statements after {at_work[-1].id}")
    return ask_for_run(database, webserver, wanted, today=today)


def _following(database: Database, webserver: Webserver, months: Sequence[date]) -> list[RunRequest]:
    """The requests of these months that follow edits and have not ended, the oldest first."""

    def unended() -> list[RunRequest]:
        with database.connect() as connection:
            return [
                one
                for one in unended_requests(connection)
                if one.details.get(_FOLLOWS_EDITS) and one.months == list(months)
            ]

    settle(database, webserver, unended())
    return unended()


def stop_run(webserver: Webserver, run_id: str) -> None:
    """Stops a run. Raises DagsterRefusedError where there is none, or it has ended."""
    run = webserver.run(run_id)
    if run is None:
        raise DagsterRefusedError(f"Dagster has no run {run_id[:40]}.")
    if run.has_ended:
        raise DagsterRefusedError(f"The run {run_id[:8]} has ended already: there is nothing to stop.")
    webserver.terminate(run_id)


def _failed(
    database: Database, step: SyncStep, months: Sequence[date], message: str, *, person: str
) -> AskedRun:
    """A request that ends before anybody is asked: it is in the history, with the reason."""
    with database.connect() as connection, connection.transaction():
        request = begin_request(
            connection,
            f"refused {step.id} {len(months)}",
            job="import_steps",
            months=months,
            steps=[step.id],
            person=person,
            details={},
        )
        if request is None:
            raise LedgerError(message)
        end_request(connection, request.id, "REFUSED", message)
        return AskedRun(request, executions_of(connection, request.id), is_new=True)
