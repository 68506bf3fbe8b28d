"""`/cfo/mappings`: whose revenue an invoice is and under which subcategory, edited with a preview of the changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pages.acting import back, plain
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.months import add_months, month_range, nearest_month
from ledger_pipelines.runs.starting import start_cfo_sync
from ledger_pipelines.store.cfo.mappings import (
    CATEGORIES,
    ENTITIES,
    MappingTable,
    Row,
    change_mapping,
    list_mappings,
    with_change,
)
from ledger_pipelines.store.edits.editing import Editor
from ledger_pipelines.store.edits.history import last_edit_id
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.workflows.cfo.correcting import Correction, preview_corrections

router = APIRouter(prefix="/cfo")

TABLES = {"entities": ENTITIES, "categories": CATEGORIES}
_DONE = {"saved": "Saved.", "removed": "Removed."}
_Text = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one mapping as a form has it: which (none: a new one), its values as written, or its removal."""

    which: MappingTable
    position: str
    values: dict[str, str]
    is_removal: bool = False

    def place(self) -> int | None:
        """The position of the mapping that is changed, None for a new one. Raises LedgerError for what is no number."""
        return _integer(self.position) if self.position else None

    def wanted(self) -> Row | None:
        """The mapping as it is to be, None where it is to go. Raises LedgerError where it cannot be."""
        if self.is_removal:
            return None
        texts = {name: plain(self.values.get(name, ""), 500) for name in self.which.columns[1:]}
        matched = texts[self.which.matched] or None
        return {"position": _integer(self.values["position"]), **texts, self.which.matched: matched}


@router.get("/mappings")
def edit_mapping(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    table: Annotated[str, Query(max_length=20)] = "entities",
    at: Annotated[str, Query(max_length=12)] = "",
    remove: bool = False,
) -> HTMLResponse:
    """One mapping to edit, filled in by the address where it says more, and what that would change."""
    which = TABLES.get(table, ENTITIES)
    rows = list_mappings(console.database, which)
    present = next((row for row in rows if str(row["position"]) == at), {})
    given = {name: str(present.get(name) or "") for name in which.columns} | {"position": at}
    asked = {name: request.query_params[name][:500] for name in which.columns if name in request.query_params}
    change = Change(which, at, given | asked, remove)
    news = _DONE.get(request.query_params.get("did", ""))
    return _render(request, console, person, change, is_asked=bool(asked or remove), news=news)


@router.post("/mappings")
def save_mapping(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    table: _Text,
    seen: Annotated[int, Form(ge=0, lt=2**62)],
    at: _Text = "",
    position: _Text = "",
    client_name: _Text = "",
    entity: _Text = "",
    business_unit: _Text = "",
    keyword: _Text = "",
    subcategory: _Text = "",
    reason: _Text = "",
    remove: Annotated[bool, Form()] = False,
) -> Response:
    """Saves a mapping, adds one, or removes it. What was handed over stays until it is corrected."""
    which = TABLES.get(table, ENTITIES)
    given = {
        "position": position,
        "client_name": client_name,
        "entity": entity,
        "business_unit": business_unit,
        "keyword": keyword,
        "subcategory": subcategory,
    }
    change = Change(which, at, {name: given[name] for name in which.columns}, remove)
    try:
        by = Editor(person.name, plain(reason) or None, seen)
        change_mapping(console.database, which, change.place(), change.wanted(), by=by)
    except ConflictError as error:
        return _render(request, console, person, change, is_asked=True, refusal=str(error), status=409)
    except LedgerError as error:
        return _render(request, console, person, change, is_asked=True, refusal=str(error), status=422)
    return back(request, "/cfo/mappings", table=table, did="removed" if remove else "saved")


@router.post("/correct")
def correct(request: Request, console: ConsoleDep, dagster: DagsterDep, person: Clerk) -> Response:
    """Gives the transactions of open months the entities that the mappings say now, as a run."""
    open_ = [one.month for one in preview_corrections(console.database) if not one.is_closed]
    if not open_:
        return back(request, "/cfo", did="nothing")
    try:
        with console.database.connect() as connection:
            first = read_first_month(connection)
        months = [nearest_month(month, first, console.today) for month in open_]
        asked = start_cfo_sync(
            console.database,
            dagster,
            month_range(min(months), add_months(max(months), 1)),
            config={"invoices": [], "force": False, "correct": True},
            purpose="correct",
            person=person.name,
            today=console.today,
        )
    except LedgerError as error:
        change = Change(ENTITIES, "", dict.fromkeys(ENTITIES.columns, ""))
        return _render(request, console, person, change, is_asked=False, refusal=str(error), status=409)
    return back(request, f"/sync/requests/{asked.request.id}", did="started" if asked.is_new else "joined")


def _render(
    request: Request,
    console: Console,
    person: Person,
    change: Change,
    *,
    is_asked: bool,
    news: str | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    # Before the rows: what is edited in between is reported as a conflict.
    seen = last_edit_id(console.database)
    rows = list_mappings(console.database, change.which)
    corrections: Sequence[Correction] = ()
    if is_asked and change.which is ENTITIES and refusal is None:
        try:
            after = with_change(rows, change.which, change.place(), change.wanted())
            corrections = preview_corrections(console.database, after)
        except LedgerError as error:
            refusal, status = str(error), 422
    return page(
        request,
        "cfo_mappings.html",
        person,
        status=status,
        table="entities" if change.which is ENTITIES else "categories",
        which=change.which,
        rows=rows,
        change=change,
        is_asked=is_asked,
        corrections=corrections,
        seen=seen,
        news=news,
        refusal=refusal,
    )


def _integer(text: str) -> int:
    plain_text = text.strip()
    if not (plain_text.isascii() and plain_text.isdigit() and len(plain_text) < 10):
        raise LedgerError(f"The position {text[:20]!r} is no whole number: the first that matches wins.")
    return int(plain_text)
