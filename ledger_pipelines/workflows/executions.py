"""Executions of steps and requests for runs: their results, for any caller and any way of asking Dagster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.executions import ListedExecution, read_executions
from ledger_pipelines.store.run_requests import Outcome, RunRequest, end_request, note_run, unended_requests

#: How Dagster says that a run has ended.
ENDED: tuple[Outcome, ...] = ("SUCCESS", "FAILURE", "CANCELED")
#: For how long Dagster may not know the run of a request: asked to launch it, it takes seconds.
LAUNCH_PATIENCE = timedelta(minutes=2)
#: How often a row that is waited for is looked at, and how often Dagster is asked about it, in seconds.
_LOOK_SECONDS, _ASK_SECONDS = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class RunState:
    """A run of Dagster's: its id, its status in Dagster's words, and why it failed."""

    run_id: str
    status: str
    message: str | None = None


#: What Dagster knows of a request's run; None: that there is none.
RunOf = Callable[[RunRequest], RunState | None]


def end_requests(
    connection: psycopg.Connection,
    run_of: RunOf,
    *,
    now: datetime,
    requests: Sequence[RunRequest] | None = None,
) -> list[RunRequest]:
    """Ends those requests (all, by default) whose runs have ended, or that Dagster has no run for; returns them."""
    ended = []
    for request in unended_requests(connection) if requests is None else requests:
        state = run_of(request)
        outcome: Outcome | None
        message: str | None
        if state is None:
            if now - request.requested_at < LAUNCH_PATIENCE:
                continue
            outcome, message = _of_no_run(request)
        else:
            if state.run_id != request.run_id:
                # The launching process was stopped before it could record the run.
                note_run(connection, request.id, state.run_id)
            outcome = next((one for one in ENDED if one == state.status), None)
            if outcome is None:
                continue
            message = _message_of(outcome, state)
        end_request(connection, request.id, outcome, message)
        ended.append(request)
    return ended


def wait_for_executions(
    database: Database, ids: Sequence[int], *, until: float, settle: Callable[[], None]
) -> list[ListedExecution]:
    """The executions once all have ended, or as they are at `until`, on the monotonic clock.

    `settle` ends what nobody will end; it is called now and then while something has not ended.
    """
    asked = time.monotonic()
    with database.connect(application_name="ledger wait") as connection:
        while True:
            found = read_executions(connection, ids)
            now = time.monotonic()
            if all(one.has_ended for one in found) or now >= until:
                return found
            if now - asked >= _ASK_SECONDS:
                settle()
                asked = time.monotonic()
                continue
            time.sleep(min(_LOOK_SECONDS, max(until - now, 0.0)))


def _of_no_run(request: RunRequest) -> tuple[Outcome, str]:
    if request.run_id is None:
        return "LOST", "Dagster was asked for the run and never had it: ask again."
    return "LOST", f"Dagster has no run {request.run_id[:8]} any more: it was deleted. Ask again."


def _message_of(outcome: Outcome, state: RunState) -> str | None:
    if outcome == "CANCELED":
        return "The run was cancelled before this step began."
    if outcome == "FAILURE":
        return f"The run failed before this step began: {state.message or 'in Dagster its log says why.'}"
    return None
