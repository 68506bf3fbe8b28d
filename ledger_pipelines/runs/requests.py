"""Asking Dagster for runs from the console: the same asked for twice is one run, and no request waits for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, refuse_strange_months
from ledger_pipelines.runs.webserver import (
    DagsterAwayError,
    DagsterRefusedError,
    DagsterRun,
    DagsterSilentError,
    Webserver,
)
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.queries.executions import ListedExecution
from ledger_pipelines.store.run_requests import (
    RunRequest,
    begin_request,
    end_request,
    executions_of,
    note_run,
    read_request,
    unended_request,
)
from ledger_pipelines.tracing import traceparent
from ledger_pipelines.workflows.executions import RunState, end_requests, wait_for_executions
from ledger_pipelines.workflows.run_tags import REQUEST_TAG, TRACE_TAG, run_tags

#: How often a request that others end at the same moment is looked at anew.
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRun:
    """A run as somebody wants it, for one unbroken span of months.

    `steps` are the executions that are to be recorded, by name; `assets` those of the job, all where there is none;
    `config` is that of its steps; `details` is kept for who looks at its end.
    """

    job: str
    months: Sequence[date]
    person: str
    steps: Sequence[str] = ()
    assets: Sequence[str] = ()
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)
    purpose: str = ""

    @property
    def key(self) -> str:
        """What makes two of them the same."""
        config = json.dumps(self.config, sort_keys=True, default=str) if self.config else ""
        what = [self.job, *self.steps, self.purpose, describe_months(self.months), config]
        return " ".join(filter(None, what))


@dataclass(frozen=True, slots=True)
class AskedRun:
    """The result of asking: the request, its executions in the order of its steps, and whether it was made now."""

    request: RunRequest
    executions: list[int]
    is_new: bool


def ask_for_run(database: Database, webserver: Webserver, wanted: WantedRun, *, today: date) -> AskedRun:
    """Has Dagster launch the run, unless the same is under way. Where Dagster refuses, or is away, the request has ended.

    Raises LedgerError where a month is outside the ledger: then nothing is asked for.
    """
    with database.connect(application_name="ledger console") as connection:
        refuse_strange_months(wanted.months, read_first_month(connection), today)
        for _ in range(_TRIES):
            request = begin_request(
                connection,
                wanted.key,
                job=wanted.job,
                months=wanted.months,
                steps=wanted.steps,
                person=wanted.person,
                details=wanted.details,
            )
            if request is not None:
                _launch(database, webserver, wanted, request)
                return _asked(database, request.id, is_new=True)
            found = unended_request(connection, wanted.key)
            if found is not None:
                settle(database, webserver, [found])
                if unended_request(connection, wanted.key) is not None:
                    return _asked(database, found.id, is_new=False)
    raise LedgerError(f"{wanted.key} was asked for by several people at this moment: ask again.")


def settle(database: Database, webserver: Webserver, requests: Sequence[RunRequest] | None = None) -> None:
    """Ends those requests (all, by default) whose runs have ended, and executions whose process was killed.

    While Dagster does not answer, nothing is known of runs that wait.
    """
    with database.connect(application_name="ledger console") as connection:
        fail_abandoned(connection)
        try:
            end_requests(
                connection, lambda one: _state_of(webserver, one), now=datetime.now(UTC), requests=requests
            )
        except (DagsterAwayError, DagsterRefusedError):
            return


def wait_for(
    database: Database, webserver: Webserver, asked: AskedRun, *, until: float
) -> list[ListedExecution]:
    """The executions of a request once they have ended, or as they are at `until`, on the monotonic clock."""
    requests = [asked.request]
    return wait_for_executions(
        database, asked.executions, until=until, settle=lambda: settle(database, webserver, requests)
    )


def request_now(database: Database, webserver: Webserver, request_id: UUID) -> RunRequest | None:
    """A request as it is now, ended where its run has."""
    with database.connect(application_name="ledger console") as connection:
        request = read_request(connection, request_id)
        if request is not None and request.ended_at is None:
            settle(database, webserver, [request])
            request = read_request(connection, request_id)
    return request


def run_of_request(webserver: Webserver, request: RunRequest) -> DagsterRun | None:
    """The run that answers a request; of its copies, which have its tags, none."""
    found = webserver.runs(tags={REQUEST_TAG: str(request.id)}, limit=100)
    return found[-1] if found else None


def _launch(database: Database, webserver: Webserver, wanted: WantedRun, request: RunRequest) -> None:
    tags = {
        **run_tags(wanted.months, wanted.person),
        REQUEST_TAG: str(request.id),
        **({} if (asking := traceparent()) is None else {TRACE_TAG: asking}),
        # The caller that waits for it asks again.
        "dagster/max_retries": "0",
    }
    try:
        run_id = webserver.launch(wanted.job, tags, assets=wanted.assets, config=wanted.config)
    except DagsterSilentError:
        # It may have been launched: a later look finds the run by its tag, or that there is none.
        return
    except LedgerError as error:
        with database.connect(application_name="ledger console") as connection:
            end_request(connection, request.id, "REFUSED", str(error))
        return
    with database.connect(application_name="ledger console") as connection:
        note_run(connection, request.id, run_id)


def _state_of(webserver: Webserver, request: RunRequest) -> RunState | None:
    run = run_of_request(webserver, request)
    if run is None:
        return None
    message = None
    if run.status == "FAILURE":
        message = " ".join(one.message for one in webserver.failures(run.run_id)[:1]) or None
    return RunState(run.run_id, run.status, message)


def _asked(database: Database, request_id: UUID, *, is_new: bool) -> AskedRun:
    with database.connect(application_name="ledger console") as connection:
        request = read_request(connection, request_id)
        if request is None:
            raise LedgerError(f"The request {request_id} is gone: ask again.")
        return AskedRun(request, executions_of(connection, request_id), is_new)
