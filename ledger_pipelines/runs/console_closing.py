"""Closing months in the console: a run checks them, and when it has ended they are closed as it checked them.

`begin_close` keeps with the request what the end needs; `finish_close` is for the next request, also after the console
was started again. In between nothing is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from ledger_pipelines.closing.readiness import FailedStep, Reason
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month, parse_month
from ledger_pipelines.runs.closing import ClosePlan, close_for_good, plan_close
from ledger_pipelines.runs.requests import AskedRun, WantedRun, ask_for_run, request_now
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.periods import read_events
from ledger_pipelines.store.run_requests import RunRequest
from ledger_pipelines.workflows.closing import Closed, NotClosedError

_FINALISE = "finalise"


@dataclass(frozen=True, slots=True)
class CloseState:
    """The state of a close: its run is at work, the months are closed, or they stay open for these reasons.

    `message` says it in a sentence.
    """

    state: Literal["running", "closed", "refused"]
    request: RunRequest
    message: str
    closed: Closed | None = None
    reasons: list[Reason] = field(default_factory=list)


def begin_close(
    database: Database,
    webserver: Webserver,
    months: Sequence[date],
    *,
    settings: Settings,
    person: str,
    today: date,
    refresh_snapshots: bool = False,
) -> AskedRun:
    """Starts the run that checks the months before they are closed for good.

    Raises LedgerError for months that have not ended or are outside the ledger, and where no source is configured.
    """
    plan = plan_close(database, months, finalise=True, today=today, settings=settings)
    before = [[format_month(month), table, version] for (month, table), version in plan.before.items()]
    wanted = WantedRun(
        job="month_close",
        months=months,
        person=person,
        config={
            "codex": {"refresh_snapshots": refresh_snapshots, "ask_for_undated": True},
            "backup_usage": {"refresh_snapshots": refresh_snapshots},
        },
        details={_FINALISE: True, "before": before},
        purpose=_FINALISE,
    )
    return ask_for_run(database, webserver, wanted, today=today)


def finish_close(
    database: Database, webserver: Webserver, request_id: UUID, *, settings: Settings, person: str
) -> CloseState:
    """Closes the months of a close that was begun, once its run has ended and nothing prevents it.

    Called again it says the same; where a month was reopened meanwhile, it closes nothing. Raises LedgerError where there
    is no such close, and DagsterAwayError where how the run ended cannot be known now.
    """
    request = request_now(database, webserver, request_id)
    if request is None or not request.details.get(_FINALISE):
        raise LedgerError("There is no such close: begin it anew.")
    if request.outcome is None:
        return CloseState("running", request, f"{_are(request.months)} being read, billed and checked.")
    if request.run_id is None or request.outcome not in ("SUCCESS", "FAILURE"):
        return CloseState("refused", request, f"Nothing was closed: {request.message}")
    if reopened := _reopened_since(database, request):
        # A return to an old page must not undo what an administrator has decided since.
        return CloseState("refused", request, f"{reopened} Begin closing anew.")
    failures = [] if request.outcome == "SUCCESS" else _failures(webserver, request)
    try:
        closed = close_for_good(
            database,
            ClosePlan(request.months, None, _versions(request.details["before"])),
            request.run_id,
            failures=failures,
            person=person,
            settings=settings,
        )
    except NotClosedError as error:
        return CloseState("refused", request, str(error), reasons=list(error.reasons))
    except LedgerError as error:
        return CloseState("refused", request, str(error))
    return CloseState("closed", request, f"{_are(request.months)} closed for good.", closed)


def _are(months: Sequence[date]) -> str:
    """`2026-03 is`, `2026-01 to 2026-03 are`."""
    return f"{describe_months(months)} {'is' if len(months) == 1 else 'are'}"


def _failures(webserver: Webserver, request: RunRequest) -> list[FailedStep]:
    """What failed in the run; there is always something, so that no failed run closes anything unseen."""
    assert request.run_id is not None  # noqa: S101 - every caller has checked it
    found = [FailedStep(one.step or "run", one.message) for one in webserver.failures(request.run_id)]
    return found or [FailedStep("run", request.message or "The run failed.")]


def _reopened_since(database: Database, request: RunRequest) -> str | None:
    """A sentence on the one of the months that was reopened last after the close was begun; None where none was."""
    with database.connect() as connection:
        found = [
            event
            for month in request.months
            for event in read_events(connection, month)
            if event.action == "reopened" and event.happened_at > request.requested_at
        ]
    if not found:
        return None
    last = max(found, key=lambda event: event.happened_at)
    return (
        f"{format_month(last.month)} was reopened by {last.person} on {last.happened_at:%Y-%m-%d at %H:%M} UTC, after "
        "this close was begun."
    )


def _versions(stored: Sequence[Sequence[Any]]) -> dict[tuple[date, str], int]:
    return {(parse_month(month), table): int(version) for month, table, version in stored}
