"""`/api/integration-errors*`: what sources sent that could not be used (rules/sync_management.md)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ledger_pipelines.console.access import Writer
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, answer
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.months import parse_month
from ledger_pipelines.store.queries.integration_errors import (
    ErrorCount,
    ErrorFilter,
    FoundError,
    count_errors,
    find_errors,
)
from ledger_pipelines.workflows.integration_errors import errors_csv, ignore, resolve

router = APIRouter(route_class=ExactRoute, tags=["integration errors"])

_MOST_ID = 2**63 - 1
ErrorId = Annotated[int, Path(ge=1, le=_MOST_ID)]
_Name = Annotated[str | None, Query(max_length=200)]
_READ, _WRITTEN = problems(401, 403, 422, 503), problems(401, 403, 404, 413, 422, 503)


_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "description": "All that the filter shows.",
    }
}


class IntegrationErrors(BaseModel):
    """One page of errors, the newest first, and how many there are."""

    errors: list[FoundError]
    total: int


class Summary(BaseModel):
    """How many errors are open, resolved and ignored, and how many of each kind."""

    total: int
    open: int
    resolved: int
    ignored: int
    kinds: list[ErrorCount]


class Note(BaseModel):
    """Why: `notes`, or `note` as the page and the command have it, or by the table's own names."""

    model_config = ConfigDict(extra="forbid")

    notes: Annotated[str, Field(max_length=2000)] | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None
    resolution_notes: Annotated[str, Field(max_length=2000)] | None = None
    ignore_notes: Annotated[str, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Note:
        if not self.text.strip():
            raise ValueError("notes is missing: say why, it is kept with the error")
        return self

    @property
    def text(self) -> str:
        """What was written."""
        return self.notes or self.note or self.resolution_notes or self.ignore_notes or ""


class ManyErrors(Note):
    """Which errors, and why."""

    ids: Annotated[list[Annotated[int, Field(ge=1, le=_MOST_ID)]], Field(min_length=1, max_length=10_000)]


class Decided(BaseModel):
    """What was done, and of how many errors."""

    message: str
    updated: int


def _which(
    integration_name: _Name = None,
    operation_type: _Name = None,
    entity_type: _Name = None,
    status: Annotated[
        Literal["all", "open", "resolved", "ignored", "healed"] | None,
        Query(description="`healed`: resolved, for a run found it to be gone; `all` is the same as none."),
    ] = None,
    blocking: Annotated[bool | None, Query(description="Whether a month stays open because of it.")] = None,
    month: Annotated[str | None, Query(max_length=10, description="YYYY-MM, one that it troubles.")] = None,
    text: Annotated[
        str | None, Query(alias="q", max_length=200, description="In the message, the record's id or a note.")
    ] = None,
    number: Annotated[int | None, Query(alias="id", ge=1, le=_MOST_ID, description="One error's.")] = None,
) -> ErrorFilter:
    return ErrorFilter(
        integration_name,
        operation_type,
        entity_type,
        None if status == "all" else status,
        blocking,
        None if month is None else parse_month(month),
        text,
        number,
    )


Which = Annotated[ErrorFilter, Depends(_which)]


@router.get("/api/integration-errors", response_model=IntegrationErrors, responses=_READ)
def list_errors(
    *,
    console: ConsoleDep,
    _: Writer,
    which: Which,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> ExactJSONResponse:
    """The errors that the filter shows."""
    total, page = find_errors(console.database, which, limit=limit, offset=offset)
    return answer({"errors": [asdict(one) for one in page], "total": total})


@router.get("/api/integration-errors/summary", response_model=Summary, responses=_READ)
def summary(console: ConsoleDep, _: Writer) -> ExactJSONResponse:
    """How many errors there are, by kind."""
    with console.database.connect() as connection:
        kinds = count_errors(connection)
    totals = {
        status: sum(one.count for one in kinds if one.status == status)
        for status in ("open", "resolved", "ignored")
    }
    return answer({"total": sum(totals.values()), **totals, "kinds": [asdict(one) for one in kinds]})


@router.get("/api/integration-errors.csv", response_class=StreamingResponse, responses=_CSV | _READ)
def as_csv(console: ConsoleDep, _: Writer, which: Which) -> StreamingResponse:
    """The errors that the filter shows as CSV, however many."""
    # Before the answer begins: from then on nothing can be said of what is wrong.
    console.database.connect().close()
    return StreamingResponse(
        errors_csv(console.database, which),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="integration-errors.csv"'},
    )


@router.post("/api/integration-errors/bulk-resolve", response_model=Decided, responses=_WRITTEN)
def bulk_resolve(body: ManyErrors, console: ConsoleDep, person: Writer) -> ExactJSONResponse:
    """Marks many errors as mended; ids that there are not are passed over."""
    return _decided("Resolved", resolve(console.database, body.ids, body.text, person=person.name))


@router.post("/api/integration-errors/bulk-ignore", response_model=Decided, responses=_WRITTEN)
def bulk_ignore(body: ManyErrors, console: ConsoleDep, person: Writer) -> ExactJSONResponse:
    """Ignores many errors; ids that there are not are passed over."""
    return _decided("Ignored", ignore(console.database, body.ids, body.text, person=person.name))


@router.post("/api/integration-errors/{error_id}/resolve", response_model=Decided, responses=_WRITTEN)
def resolve_one(error_id: ErrorId, body: Note, console: ConsoleDep, person: Writer) -> ExactJSONResponse:
    """Marks an error as mended, until it is seen again."""
    count = resolve(console.database, [error_id], body.text, person=person.name)
    return _decided("Resolved", count, error_id)


@router.post("/api/integration-errors/{error_id}/ignore", response_model=Decided, responses=_WRITTEN)
def ignore_one(error_id: ErrorId, body: Note, console: ConsoleDep, person: Writer) -> ExactJSONResponse:
    """Ignores an error, also where it is seen again."""
    count = ignore(console.database, [error_id], body.text, person=person.name)
    return _decided("Ignored", count, error_id)


def _decided(word: str, count: int, error_id: int | None = None) -> ExactJSONResponse:
    if count == 0 and error_id is not None:
        raise Refused(404, f"There is no integration error {error_id}.")
    return answer(Decided(message=f"{word} {count:,}.", updated=count))
