"""`/periods`: each month's state, its figures, its checks, what stands between it and closing, and closing itself."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Admin, Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.listing import Heading, listed, read_state
from ledger_pipelines.console.pages.acting import back
from ledger_pipelines.console.pages.forms import FormDep, Submitted
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.problems import Refused, wants_page
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import (
    add_months,
    format_month,
    month_of,
    month_range,
    parse_month,
)
from ledger_pipelines.runs.console_closing import begin_close, finish_close
from ledger_pipelines.runs.starting import MONTH_CLOSE, start_job
from ledger_pipelines.store.queries.month_overview import month_overviews
from ledger_pipelines.store.queries.periods import changed_since_closed, read_checks, read_events
from ledger_pipelines.store.run_requests import read_request
from ledger_pipelines.workflows.closing import reopen, what_stands_against

router = APIRouter(route_class=ExactRoute)
#: Seconds that reopening waits for a run that reads the month: the gateway gives up after thirty.
_PATIENCE = 20.0

HEADINGS = (
    Heading("month", "Month"),
    Heading("is_closed", "Status", line="a closed month is final: nothing changes its rows"),
    Heading("statements", "Statements", is_number=True),
    Heading("totals", "Total", is_number=True, is_sortable=False),
    Heading("failures", "Checks", line="what the checks of the month found last"),
    Heading("closed_at", "Closed"),
)
MonthField = Annotated[str, Form(max_length=10)]
MonthPath = Annotated[str, Path(max_length=10)]
RequestPath = Annotated[UUID, Path()]


@router.get("/periods")
def show_periods(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """The months, the latest first; closed ones that would differ now; and the last events."""
    return _months_page(request, console, person)


def _months_page(
    request: Request, console: Console, person: Person, given: Submitted | None = None, problem: str = ""
) -> HTMLResponse:
    """The page, with what was given to its form where that is refused."""
    latest = format_month(add_months(month_of(console.today), -1))
    with console.database.connect() as connection:
        months = month_overviews(connection)
        differing = changed_since_closed(connection, [one.month for one in months if one.is_closed])
        events = read_events(connection)
    state = read_state(request.query_params, HEADINGS, sort="-month")
    return page(
        request,
        "periods.html",
        person,
        status=422 if problem else 200,
        listing=listed(months, HEADINGS, state),
        differing=differing,
        events=events,
        first=latest if given is None else given["month"],
        until="" if given is None else given["until"],
        problem=problem,
    )


@router.get("/periods/{month}")
def show_period(request: Request, console: ConsoleDep, person: Clerk, month: MonthPath) -> HTMLResponse:
    """One month: what stands between it and closing, its checks, its events."""
    asked = parse_month(month)
    with console.database.connect() as connection:
        overviews = month_overviews(connection)
        checks, events = read_checks(connection, asked), read_events(connection, asked)
    found = [one for one in overviews if one.month == asked]
    still_closed = [one.month for one in overviews if one.is_closed and one.month > asked]
    if not found:
        raise Refused(404, f"{format_month(asked)} is none of the ledger's months, or was never run.")
    reasons = [] if found[0].is_closed else what_stands_against(console.database, [asked])
    return page(
        request,
        "period.html",
        person,
        period=found[0],
        reasons=reasons,
        has_ended=asked < month_of(console.today),
        checks=checks,
        events=events,
        is_reopened=request.query_params.get("did") == "reopened" and not found[0].is_closed,
        still_closed=still_closed,
    )


@router.post("/periods/run")
def run_months(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Clerk,
    form: FormDep,
) -> Response:
    """Has Dagster run a month, or all from it to another, both included; what cannot be is said beside the form."""
    try:
        months = _asked_months(form)
        asked = start_job(
            console.database, dagster, MONTH_CLOSE, months, person=person.name, today=console.today
        )
    except LedgerError as error:
        if not wants_page(request):
            raise
        return _months_page(request, console, person, form, str(error))
    # How it goes is shown there, also where Dagster did not take it.
    return back(request, f"/sync/requests/{asked.request.id}", did="started" if asked.is_new else "joined")


def _asked_months(form: Submitted) -> list[date]:
    if unknown := sorted(form.fields.keys() - {"month", "until"}):
        raise LedgerError(f"The form has no {unknown[0][:40]!r}: it has month and until.")
    if not form["month"]:
        raise LedgerError("“Run from” is empty: say which month is run first, as YYYY-MM.")
    first = parse_month(form["month"])
    last = parse_month(form["until"]) if form["until"] else first
    if last < first:
        raise LedgerError(
            f"“Run from” is {format_month(first)} and “to (included)” is {format_month(last)}: give the same month "
            "or a later one, or leave “to (included)” empty."
        )
    return month_range(first, add_months(last, 1))


@router.post("/periods/close")
def begin_closing(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Clerk, month: MonthField
) -> Response:
    """Begins to close a month for good: a run checks it first."""
    asked = begin_close(
        console.database,
        dagster,
        [parse_month(month)],
        settings=console.settings,
        person=person.name,
        today=console.today,
    )
    return back(request, f"/periods/closing/{asked.request.id}")


@router.get("/periods/closing/{request_id}")
def show_closing(
    request: Request, console: ConsoleDep, person: Clerk, request_id: RequestPath
) -> HTMLResponse:
    """Waits for the run that checks the month; what it found is asked for by POST, because that may close it."""
    with console.database.connect() as connection:
        if read_request(connection, request_id) is None:
            raise Refused(404, "There is no such close: begin it anew.")
    return page(request, "closing.html", person, request_id=request_id, state=None)


@router.post("/periods/closing/{request_id}")
def go_on_closing(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Clerk, request_id: RequestPath
) -> HTMLResponse:
    """Closes the month where its run has ended and nothing prevents it, or says how far it is."""
    state = finish_close(console.database, dagster, request_id, settings=console.settings, person=person.name)
    return page(request, "closing.html", person, request_id=request_id, state=state)


@router.post("/periods/reopen")
def reopen_period(
    request: Request,
    console: ConsoleDep,
    person: Admin,
    month: MonthField,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Reopens a closed month, with a reason."""
    asked = parse_month(month)
    reopen(console.database, asked, person=person.name, reason=reason, patience=_PATIENCE)
    return back(request, f"/periods/{format_month(asked)}", did="reopened")
