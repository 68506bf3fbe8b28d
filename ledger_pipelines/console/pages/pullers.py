"""`/admin/pullers`: what runs by itself and when, how it went, and running, stopping and switching it by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Admin
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pages.acting import back
from ledger_pipelines.console.pages.dagster_links import dagster_address, run_address
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, format_month, month_of, month_range, parse_month
from ledger_pipelines.runs.schedules import described_run, list_runs, list_schedules
from ledger_pipelines.runs.starting import JOBS, start_job, stop_run
from ledger_pipelines.runs.webserver import DagsterAwayError, Webserver
from ledger_pipelines.store.queries.execution_pages import latest_executions
from ledger_pipelines.store.queries.executions import executions_of_run

router = APIRouter(prefix="/admin/pullers")

T = TypeVar("T")
_Name = Annotated[str, Path(pattern="^[a-z0-9_]{1,100}$")]
_RunId = Annotated[str, Path(pattern="^[A-Za-z0-9-]{1,64}$")]
#: Dagster's run states, in our words.
STATES = {
    "SUCCESS": ("good", "done"),
    "FAILURE": ("bad", "failed"),
    "CANCELED": ("", "stopped"),
    "CANCELING": ("warn", "stopping"),
    "QUEUED": ("", "waiting"),
    "NOT_STARTED": ("", "waiting"),
    "STARTING": ("warn", "starting"),
    "STARTED": ("warn", "at work"),
}
_DONE = {
    "on": "It is on.",
    "off": "It is off: it starts nothing by itself until it is on again.",
    "stopped": "Dagster was told to stop the run.",
}
_RUNS, _LINES = 25, 500


@router.get("")
def show_pullers(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Admin,
    job: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Annotated[str | None, Query(pattern="^[A-Za-z0-9-]{1,64}$")] = None,
) -> HTMLResponse:
    """Schedules, sensors and runs as Dagster has them, and what each step recorded last."""
    news = _DONE.get(request.query_params.get("did", ""))
    return _render(request, console, dagster, person, job=job, cursor=cursor, news=news)


@router.post("/run")
def run_now(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Admin,
    job: Annotated[str, Form(max_length=100)],
    start: Annotated[str, Form(max_length=20)] = "",
    end: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Runs a job for a month, or from one up to another that is not included."""
    try:
        first = parse_month(start.strip())
        months = month_range(first, parse_month(end.strip()) if end.strip() else add_months(first, 1))
        asked = start_job(console.database, dagster, job, months, person=person.name, today=console.today)
    except LedgerError as error:
        return _render(request, console, dagster, person, job=job, refusal=str(error), status=422)
    return back(request, f"/sync/requests/{asked.request.id}", did="started" if asked.is_new else "joined")


@router.post("/schedules/{name}/{switch}")
def switch_schedule(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Admin, name: _Name, switch: str
) -> Response:
    """Switches a schedule on or off."""
    act = {"on": dagster.start_schedule, "off": dagster.stop_schedule}.get(switch)
    return _acted(request, console, dagster, person, act, name, switch)


@router.post("/sensors/{name}/{switch}")
def switch_sensor(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Admin, name: _Name, switch: str
) -> Response:
    """Switches a sensor on or off."""
    act = {"on": dagster.start_sensor, "off": dagster.stop_sensor}.get(switch)
    return _acted(request, console, dagster, person, act, name, switch)


@router.post("/runs/{run_id}/stop")
def stop(
    request: Request, console: ConsoleDep, dagster: DagsterDep, person: Admin, run_id: _RunId
) -> Response:
    """Stops a run, also one that another person started."""
    return _acted(request, console, dagster, person, lambda one: stop_run(dagster, one), run_id, "stopped")


@router.get("/runs/{run_id}")
def show_run(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Admin,
    run_id: _RunId,
    after: Annotated[str | None, Query(max_length=500)] = None,
    with_all: Annotated[bool, Query(alias="all")] = False,
) -> HTMLResponse:
    """A run, what its steps recorded, and its log; with Dagster's own details where all is asked for."""
    run, away = _asked(lambda: dagster.run(run_id))
    if run is None and away is None:
        raise Refused(404, f"Dagster has no run {run_id}.")
    log, log_away = (
        (None, None) if run is None else _asked(lambda: dagster.log(run_id, after=after, limit=_LINES))
    )
    with console.database.connect() as connection:
        executions = executions_of_run(connection, run_id)
    return page(
        request,
        "puller_run.html",
        person,
        run_id=run_id,
        run=None if run is None else described_run(console.database, run),
        has_ended=run is None or run.has_ended,
        executions=executions,
        log=log,
        with_all=with_all,
        away=away or log_away,
        states=STATES,
        address=run_address(dagster_address(request, console, person), run_id),
    )


def _asked(ask: Callable[[], T]) -> tuple[T | None, str | None]:
    """What Dagster answers, or why it does not: its regions say so, and the rest of the page stands."""
    try:
        return ask(), None
    except LedgerError as error:
        return None, str(error)


def _acted(
    request: Request,
    console: Console,
    dagster: Webserver,
    person: Person,
    act: Callable[[str], None] | None,
    name: str,
    did: str,
) -> Response:
    if act is None:
        raise Refused(404, "A schedule is switched on or off, and nothing else.")
    try:
        act(name)
    except DagsterAwayError as error:
        return _render(request, console, dagster, person, refusal=str(error), status=503)
    except LedgerError as error:
        return _render(request, console, dagster, person, refusal=str(error), status=409)
    return back(request, "/admin/pullers", did=did)


def _render(
    request: Request,
    console: Console,
    dagster: Webserver,
    person: Person,
    *,
    job: str | None = None,
    cursor: str | None = None,
    news: str | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    schedules, away = _asked(lambda: list_schedules(console.database, dagster))
    sensors, runs = None, None
    if away is None:
        sensors, away = _asked(dagster.sensors)
    if away is None:
        chosen = job if job in JOBS else None
        runs, away = _asked(
            lambda: list_runs(console.database, dagster, job=chosen, limit=_RUNS, cursor=cursor)
        )
    with console.database.connect() as connection:
        latest = latest_executions(connection)
    return page(
        request,
        "pullers.html",
        person,
        status=status,
        schedules=schedules,
        sensors=sensors,
        runs=runs,
        next_cursor=runs[-1].run_id if runs and len(runs) == _RUNS else None,
        away=away,
        latest=latest,
        jobs=JOBS,
        job=job,
        this_month=format_month(month_of(console.today)),
        states=STATES,
        address=dagster_address(request, console, person),
        news=news,
        refusal=refusal,
    )
