"""`/sync`: the steps in their order, executing them for months that are said first, watching, and what was executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Request
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.listing import Heading, Listing, fetch, read_state
from ledger_pipelines.console.pages.acting import back
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, refuse_strange_months
from ledger_pipelines.runs.requests import settle
from ledger_pipelines.runs.starting import start_steps, stop_run
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries import execution_pages as stored
from ledger_pipelines.store.queries.executions import executions_of_run, last_successes, read_executions
from ledger_pipelines.store.run_requests import RunRequest, executions_of, read_request
from ledger_pipelines.workflows.sync_steps import (
    ACCRUAL_STEP,
    IMPORT_STEPS,
    SyncStep,
    months_in_words,
    steps_from,
    sync_months,
)

router = APIRouter(route_class=ExactRoute)

STEPS = (*IMPORT_STEPS, ACCRUAL_STEP)
HEADINGS = (
    Heading("id", "No.", is_number=True),
    Heading("step_name", "Step"),
    Heading("status", "Status"),
    Heading("months", "Months", is_sortable=False),
    Heading("person", "Asked for by"),
    Heading("created_at", "When"),
    Heading("seconds", "Seconds", is_number=True),
    Heading("rows_changed", "Rows changed", is_number=True, line="added and removed"),
    Heading("error_message", "What went wrong", is_sortable=False),
)
_ID = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person fills in: from which step, and a year or a range, all as they wrote it."""

    from_step: str = ""
    year: str = ""
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """What a wish comes to: its steps and months, in words, and its identifying token; or why it is refused."""

    steps: Sequence[SyncStep] = ()
    months: Sequence[date] = ()
    words: str = ""
    closed: str = ""
    token: str = ""
    refusal: str | None = None


@router.get("/sync")
def show_sync(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """The steps, what executing would do, and the history."""
    return _render(request, console, person, _wish_of(request.query_params))


@router.post("/sync")
def execute(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Clerk,
    from_step: Annotated[str, Form(max_length=100)] = "",
    year: Annotated[str, Form(max_length=10)] = "",
    start: Annotated[str, Form(max_length=20)] = "",
    end: Annotated[str, Form(max_length=20)] = "",
    said: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Executes the steps for the months that the page said before; where it said others, it says these first."""
    wish = Wish(from_step, year.strip(), start.strip(), end.strip())
    wanted = _range_of(console, wish)
    if wanted.refusal is not None:
        return _render(request, console, person, wish, refusal=wanted.refusal, status=422)
    if said != wanted.token:
        return _render(request, console, person, wish, question="This is what it comes to. Execute it?")
    try:
        asked = start_steps(
            console.database,
            dagster,
            wanted.steps,
            wanted.months,
            settings=console.settings,
            person=person.name,
            today=console.today,
        )
    except LedgerError as error:
        return _render(request, console, person, wish, refusal=str(error), status=422)
    did = "started" if asked.is_new else "joined"
    return back(request, f"/sync/requests/{asked.request.id}", did=did)


@router.get("/sync/requests/{request_id}")
def watch(request: Request, console: ConsoleDep, person: Clerk, request_id: UUID) -> HTMLResponse:
    """A run that was asked for, and its steps, as they are now."""
    return _watched(request, console, person, request_id)


@router.post("/sync/requests/{request_id}/look")
def look_again(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Clerk, request_id: UUID
) -> HTMLResponse:
    """The same, after asking Dagster for its result: what has ended is ended in the ledger, too."""
    with console.database.connect() as connection:
        found = read_request(connection, request_id)
    if found is not None and found.ended_at is None:
        settle(console.database, dagster, [found])
    return _watched(request, console, person, request_id)


@router.post("/sync/requests/{request_id}/stop")
def stop(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Clerk, request_id: UUID
) -> Response:
    """Stops a run that was asked for."""
    with console.database.connect() as connection:
        found = read_request(connection, request_id)
    if found is None or found.run_id is None:
        raise Refused(404, "There is no such run to stop.")
    try:
        stop_run(dagster, found.run_id)
    except LedgerError as error:
        return _watched(request, console, person, request_id, refusal=str(error), status=409)
    return back(request, f"/sync/requests/{request_id}", did="stopped")


@router.get("/sync/executions/{execution_id}")
def show_execution(request: Request, console: ConsoleDep, person: Clerk, execution_id: _ID) -> HTMLResponse:
    """One execution: its months, what it counted, and the rows that it changed."""
    with console.database.connect() as connection:
        found = read_executions(connection, [execution_id])
    if not found:
        raise Refused(404, f"There is no execution {execution_id}.")
    return page(request, "execution.html", person, execution=found[0])


def _wish_of(query: QueryParams) -> Wish:
    given = {name: query.get(name, "").strip()[:100] for name in ("from_step", "year", "start", "end")}
    return Wish(**given)


def _range_of(console: Console, wish: Wish) -> Range:
    try:
        steps = steps_from(wish.from_step or None)
        with console.database.connect() as connection:
            first, closed = read_first_month(connection), closed_months(connection)
        months = sync_months(
            _year(wish.year), wish.start or None, wish.end or None, first_month=first, today=console.today
        )
        refuse_strange_months(months, first, console.today)
    except LedgerError as error:
        return Range(refusal=str(error))
    shut = [month for month in months if month in closed]
    return Range(
        steps,
        months,
        months_in_words(months),
        describe_months(shut),
        token=f"{steps[0].id} {len(steps)} {describe_months(months)}",
    )


def _year(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        raise LedgerError(f"{text[:20]!r} is no year: write it in four digits.")
    return int(text)


def _render(
    request: Request,
    console: Console,
    person: Person,
    wish: Wish,
    *,
    refusal: str | None = None,
    question: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    with console.database.connect() as connection:
        last = last_successes(connection, [step.id for step in STEPS])
        steps = [
            {
                "step": step,
                "missing": None if step.source is None else console.settings.missing_for(step.source),
                "source": None if step.source is None else _source_name(console, step.source),
                "last": last.get(step.id),
            }
            for step in STEPS
        ]
    return page(
        request,
        "sync.html",
        person,
        status=status,
        steps=steps,
        wish=wish,
        wanted=_range_of(console, wish),
        refusal=refusal,
        question=question,
        listing=_history(request, console),
        step_names=[(step.id, step.id) for step in STEPS],
        statuses=[(one, one) for one in stored.STATUSES],
    )


def _source_name(console: Console, source_id: str) -> str:
    return next(source.name for source in console.settings.sources if source.id == source_id)


def _history(request: Request, console: Console) -> Listing:
    query = request.query_params if request.method == "GET" else QueryParams()
    state = read_state(query, HEADINGS, ("step_name", "status", "run_id"), sort="-id")
    found = stored.found_executions(
        step_name=state.filters.get("step_name"),
        status=state.filters.get("status"),
        run_id=state.filters.get("run_id"),
        text=state.search,
    )
    return fetch(console.database, found, HEADINGS, state, found.selected_columns.id)


def _watched(
    request: Request,
    console: Console,
    person: Person,
    request_id: UUID,
    *,
    refusal: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    with console.database.connect() as connection:
        found: RunRequest | None = read_request(connection, request_id)
        if found is None:
            raise Refused(404, "There is no such run: see the history of executions.")
        # Those that the request made, and those that its run executed beside them.
        executions = read_executions(connection, executions_of(connection, request_id))
        if found.run_id is not None:
            known = {one.id for one in executions}
            executions += [one for one in executions_of_run(connection, found.run_id) if one.id not in known]
    return page(
        request,
        "sync_request.html",
        person,
        status=status,
        asked=found,
        executions=executions,
        did=request.query_params.get("did"),
        refusal=refusal,
    )
