"""`/api/sync/*`, `/api/integrations/*` and the accruals: the steps of a sync, started through Dagster.

Bodies as in seeds/sync_management.md; who waits longer than `?wait=` gets 202 and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ledger_pipelines.console.access import Writer
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, answer
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.console.waiting import DEFAULT_WAIT, Wait, deadline, location, waited
from ledger_pipelines.months import format_month, parse_month
from ledger_pipelines.runs.requests import AskedRun, wait_for
from ledger_pipelines.runs.starting import start_steps
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.queries.accruals import accrual_summary
from ledger_pipelines.store.queries.executions import (
    ExecutionFilter,
    ListedExecution,
    list_executions,
    read_executions,
)
from ledger_pipelines.workflows.sync_steps import (
    ACCRUAL_STEP,
    IMPORT_STEPS,
    SyncStep,
    step_named,
    sync_months,
)

router = APIRouter(route_class=ExactRoute, tags=["work"])

#: What an id of the table may be.
ExecutionId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Status = Literal["pending", "running", "completed", "failed"]


class Step(BaseModel):
    """A step that can be executed."""

    id: str
    name: str
    description: str


class AvailableSteps(BaseModel):
    """The import steps in their order, and the accruals."""

    import_steps: list[Step]
    accrual_steps: list[Step]


class Range(BaseModel):
    """Which months: from `start_date` to before `end_date`, both firsts of months, else `year`'s, else this year's."""

    # A misspelled month would have all of the year's executed.
    model_config = ConfigDict(extra="forbid")

    year: Annotated[int, Field(ge=1000, le=9998)] | None = None
    start_date: Annotated[str, Field(max_length=20)] | None = None
    end_date: Annotated[str, Field(max_length=20)] | None = None


class ExecuteStep(Range):
    """A step and its months; `step` is taken for `step_name`."""

    step_name: Annotated[str, Field(max_length=100)] | None = None
    step: Annotated[str, Field(max_length=100)] | None = None


class ProcessContracts(BaseModel):
    """The month whose accruals are to be made, by its first day."""

    model_config = ConfigDict(extra="forbid")

    period_start_date: Annotated[str, Field(max_length=20)]


class Execution(BaseModel):
    """An execution of a step. `result` has its counts, null until it has ended."""

    execution_id: int
    step_name: str
    status: Status
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    result: dict[str, int] | None
    months: list[str] = Field(description="YYYY-MM, in order.")
    person: str | None = Field(description="Who asked for it, where a person did.")
    run_id: str | None = Field(description="Dagster's run.")
    created_at: datetime


class AccrualSummary(BaseModel):
    """How many contracts there are, and what the month's run did with them."""

    total_contracts_processed: int
    successful_accruals: int
    failed_accruals: int = Field(description="Those with no accrual that a person should look at.")
    skipped_accruals: int = Field(description="Those with nothing to accrue in the month.")


class AccrualExecution(Execution):
    """An execution of the accruals, for one month; `summary` is null until it has ended well."""

    period_start_date: date
    summary: AccrualSummary | None


class Executions(BaseModel):
    """One page of executions, the newest first, and how many there are."""

    total: int
    executions: list[Execution]


_PROBLEMS = problems(401, 403, 413, 422, 503)
_STARTED: dict[int | str, dict[str, Any]] = {
    202: {"model": Execution, "description": "It has not ended yet; Location says where to look."}
}


_ACCRUING: dict[int | str, dict[str, Any]] = {
    202: {"model": AccrualExecution, "description": "It has not ended yet; Location says where to look."}
}


@router.get("/api/sync/available-steps", response_model=AvailableSteps, responses=problems(401, 403, 503))
def available_steps(_: Writer) -> ExactJSONResponse:
    """The steps that can be executed."""
    return answer(
        AvailableSteps(
            import_steps=[_step_of(step) for step in IMPORT_STEPS],
            accrual_steps=[_step_of(ACCRUAL_STEP)],
        )
    )


@router.get("/api/sync/execution-order", response_model=list[str], responses=problems(401, 403, 503))
def execution_order(_: Writer) -> ExactJSONResponse:
    """The import steps in their fixed order."""
    return answer([step.id for step in IMPORT_STEPS])


@router.post("/api/sync/execute-step", response_model=Execution, responses=_STARTED | _PROBLEMS)
def execute_step(
    *,
    body: ExecuteStep,
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Writer,
    wait: Wait = DEFAULT_WAIT,
) -> ExactJSONResponse:
    """Executes one step; 200 says how it ended, also where that is `failed`."""
    name = body.step_name or body.step
    if not name:
        raise Refused(422, "step_name is missing: say which step is to be executed.")
    return _executed(request, console, dagster, step=step_named(name), which=body, person=person, wait=wait)


def _integration(path: str, step: SyncStep) -> None:
    """Makes the route of an integration, which is the same as execute-step of its step."""

    @router.post(
        path,
        name=f"{step.id} by its integration",
        response_model=Execution,
        responses=_STARTED | _PROBLEMS,
        description=f"{step.description}: the same as execute-step of `{step.id}`.",
    )
    def execute(
        *,
        request: Request,
        console: ConsoleDep,
        dagster: DagsterDep,
        person: Writer,
        body: Range | None = None,
        wait: Wait = DEFAULT_WAIT,
    ) -> ExactJSONResponse:
        return _executed(
            request, console, dagster, step=step, which=body or Range(), person=person, wait=wait
        )


for _path, _step in zip(
    (
        "/api/integrations/holded/sync-services",
        "/api/integrations/holded/sync-invoices-and-clients",
        "/api/integrations/fourgeeks/sync-students-from-clients",
        "/api/integrations/fourgeeks/sync-enrollments-from-clients",
        "/api/integrations/notion/sync-page-ids",
    ),
    IMPORT_STEPS,
    strict=True,
):
    _integration(_path, _step)


@router.post(
    "/api/accruals/process-contracts",
    response_model=AccrualExecution,
    responses=_ACCRUING | _PROBLEMS,
)
def process_contracts(
    *,
    body: ProcessContracts,
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Writer,
    wait: Wait = DEFAULT_WAIT,
) -> ExactJSONResponse:
    """Makes the accruals of one month."""
    until = deadline(wait)
    month = parse_month(body.period_start_date)
    asked = _ask(console, dagster, ACCRUAL_STEP, [month], person)
    found = _ended(console, dagster, asked, until)
    summary = None
    if found.status == "completed":
        with console.database.connect() as connection:
            counts = accrual_summary(connection, month, (found.result or {}).get("contracts_processed", 0))
        summary = AccrualSummary(**counts)
    content = AccrualExecution(**execution_of(found).model_dump(), period_start_date=month, summary=summary)
    return _answered(request, found, content)


@router.get("/api/sync/executions", response_model=Executions, responses=problems(401, 403, 422, 503))
def executions(
    *,
    console: ConsoleDep,
    _: Writer,
    step_name: Annotated[str | None, Query(max_length=100)] = None,
    status: Status | None = None,
    since: Annotated[
        datetime | None, Query(alias="from", description="Made at or after this instant.")
    ] = None,
    until: Annotated[datetime | None, Query(alias="to", description="Made before this instant.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> ExactJSONResponse:
    """The executions of steps, by any person or schedule."""
    which = ExecutionFilter(step_name, status, _in_utc(since), _in_utc(until))
    with console.database.connect() as connection:
        total, page = list_executions(connection, which, limit=limit, offset=offset)
    return answer(Executions(total=total, executions=[execution_of(one) for one in page]))


@router.get(
    "/api/sync/executions/{execution_id}",
    response_model=Execution,
    responses=problems(401, 403, 404, 422, 503),
)
def execution(execution_id: ExecutionId, console: ConsoleDep, _: Writer) -> ExactJSONResponse:
    """One execution, as it is now."""
    with console.database.connect() as connection:
        found = read_executions(connection, [execution_id])
    if not found:
        raise Refused(404, f"There is no execution {execution_id}.")
    return answer(execution_of(found[0]))


def execution_of(found: ListedExecution) -> Execution:
    """An execution as its clients read it."""
    counts = {name: value for name, value in (found.result or {}).items() if isinstance(value, int)}
    return Execution(
        execution_id=found.id,
        step_name=found.step_name,
        status=found.status,
        started_at=found.started_at,
        completed_at=found.completed_at,
        error_message=found.error_message,
        result=counts if found.status == "completed" else None,
        months=[format_month(month) for month in found.months],
        person=found.person,
        run_id=found.run_id,
        created_at=found.created_at,
    )


def _executed(
    request: Request,
    console: Console,
    dagster: Webserver,
    *,
    step: SyncStep,
    which: Range,
    person: Person,
    wait: str,
) -> ExactJSONResponse:
    until = deadline(wait)
    with console.database.connect() as connection:
        first = read_first_month(connection)
    months = sync_months(which.year, which.start_date, which.end_date, first_month=first, today=console.today)
    found = _ended(console, dagster, _ask(console, dagster, step, months, person), until)
    return _answered(request, found, execution_of(found))


def _ask(
    console: Console, dagster: Webserver, step: SyncStep, months: Sequence[date], person: Person
) -> AskedRun:
    return start_steps(
        console.database,
        dagster,
        [step],
        months,
        settings=console.settings,
        person=person.name,
        today=console.today,
    )


def _ended(console: Console, dagster: Webserver, asked: AskedRun, until: float) -> ListedExecution:
    (found,) = waited(until, lambda end: wait_for(console.database, dagster, asked, until=end))
    return found


def _answered(request: Request, found: ListedExecution, content: BaseModel) -> ExactJSONResponse:
    if found.has_ended:
        return answer(content)
    return answer(content, 202, location(request, f"/api/sync/executions/{found.id}"))


def _step_of(step: SyncStep) -> Step:
    return Step(id=step.id, name=step.name, description=step.description)


def _in_utc(instant: datetime | None) -> datetime | None:
    """An instant without a zone is one of UTC."""
    return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant
