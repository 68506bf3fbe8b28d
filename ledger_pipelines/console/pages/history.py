"""`/history`: who edited what, when, why, and what it was before; and putting an edit back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import ADMINS, Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.listing import ROWS, Heading, Listing, read_state
from ledger_pipelines.console.pages import previews
from ledger_pipelines.console.pages.edit_words import (
    ADMINS_TABLES,
    TABLE_NAMES,
    describe_changes,
    describe_difference,
    edit_label,
    editable_of,
    with_labels,
)
from ledger_pipelines.console.pages.forms import FormDep
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.pages.saving import back_to, saved_of
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.history import (
    EditFilter,
    RecordedEdit,
    count_edits,
    find_edit,
    last_edit_id,
    list_edits,
)
from ledger_pipelines.store.edits.putting_back import foresee
from ledger_pipelines.workflows.edits import changed_since, put_back_edit

router = APIRouter(route_class=ExactRoute)

HEADINGS = (
    Heading("edited_at", "When (UTC)", is_sortable=False),
    Heading("person", "Who", is_sortable=False),
    Heading("what", "What", is_sortable=False),
    Heading("changes", "Before and after", is_sortable=False),
    Heading("reason", "Why", is_sortable=False),
    Heading("back", "Put back", is_sortable=False),
)
_FILTERS = ("table", "account", "person", "from", "to")
_WORDS: dict[str, Any] = {"edit_label": edit_label, "describe_changes": describe_changes}


@router.get("/history")
def show_history(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """The edits that the address filters, the latest first."""
    state = read_state(request.query_params, HEADINGS, _FILTERS)
    filters = state.filters
    problem = ""
    try:
        since, until = _day(filters.get("from")), _day(filters.get("to"), days=1)
    except LedgerError as error:
        since = until = None
        problem = str(error)
    table = filters.get("table")
    which = EditFilter(
        tables=None if table is None else (table,),
        account=filters.get("account"),
        person=filters.get("person"),
        since=since,
        until=until,
        text=state.search or None,
    )
    edits = list_edits(console.database, which, limit=ROWS, offset=state.offset)
    listing = Listing(HEADINGS, state, edits, count_edits(console.database, which))
    return page(
        request,
        "history.html",
        person,
        listing=listing,
        tables=list(TABLE_NAMES.items()),
        problem=problem,
        saved=saved_of(console.database, request.query_params),
        **_WORDS,
    )


@router.get("/history/{edit_id}")
def show_edit(edit_id: str, request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """One edit, and what putting it back would change."""
    return _edit_page(request, console, person, _found(console, edit_id), reason="")


@router.post("/history/{edit_id}/put-back")
def put_edit_back(
    edit_id: str, request: Request, console: ConsoleDep, person: Clerk, form: FormDep, dagster: DagsterDep
) -> Response:
    """Makes the row what it was before the edit, by an edit of its own."""
    edit = _found(console, edit_id)
    if not may_put_back(person, edit):
        raise Refused(403, "Plans and feature options are put back by an administrator.")
    before = last_edit_id(console.database)
    try:
        put_back_edit(console.database, edit.id, form.editor(person))
    except LedgerError as error:
        status = 409 if isinstance(error, ConflictError) else 422
        return _edit_page(
            request,
            console,
            person,
            edit,
            reason=form["reason"],
            problem=_error_message(edit, error),
            status=status,
        )
    return back_to(request, console, dagster, person, _path_back(form["back"]), before)


def may_put_back(person: Person, edit: RecordedEdit) -> bool:
    """Whether the person may put the edit back: plans and feature options take an administrator."""
    return edit.table_name not in ADMINS_TABLES or person.permission in ADMINS


def _path_back(asked: str) -> str:
    """Where to go after putting back: a client's settings, else the history. Never out of the console."""
    parts = asked.split("/")
    is_settings = len(parts) == 4 and parts[:2] == ["", "client"] and parts[3] == "settings"
    return f"/client/{quote(parts[2], safe='')}/settings" if is_settings and parts[2] else "/history"


def _edit_page(
    request: Request,
    console: Console,
    person: Person,
    edit: RecordedEdit,
    *,
    reason: str,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    context: dict[str, Any] = {"foreseen": None, "notes": [], "previewed": None, "impossible": ""}
    seen = last_edit_id(console.database)
    try:
        foreseen = foresee(console.database, edit.id)
        context |= {
            "foreseen": describe_difference(foreseen.now, foreseen.then, editable_of(edit)),
            "notes": [with_labels(note, editable_of(edit)) for note in changed_since(foreseen)],
            "previewed": previews.of_putting_back(console, edit),
        }
    except LedgerError as error:
        context["impossible"] = _error_message(edit, error)
    return page(
        request,
        "history_edit.html",
        person,
        status=status,
        edit=edit,
        reason=reason,
        problem=problem,
        seen=seen,
        currency=console.settings.currency,
        is_permitted=may_put_back(person, edit),
        back=request.query_params.get("back", ""),
        table=TABLE_NAMES.get(edit.table_name, edit.table_name),
        **context,
        **_WORDS,
    )


def _error_message(edit: RecordedEdit, error: LedgerError) -> str:
    return with_labels(str(error), editable_of(edit))


def _found(console: Console, text: str) -> RecordedEdit:
    edit = None
    if text.isascii() and text.isdigit() and len(text) < 19:
        with engine_of(console.database).connect() as connection:
            edit = find_edit(connection, int(text))
    if edit is None:
        raise Refused(404, f"There is no edit {text[:20]!r}.")
    return edit


def _day(text: str | None, days: int = 0) -> datetime | None:
    """The beginning of the day, in UTC. Raises LedgerError where it is no date."""
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=days), time(), UTC)
    except (ValueError, OverflowError):
        raise LedgerError(f"{text!r} is no day: write it as YYYY-MM-DD, for example 2025-03-31.") from None
