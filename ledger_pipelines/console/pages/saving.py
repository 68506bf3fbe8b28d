"""What every page that edits does after saving: it says what was saved, what follows, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from starlette.background import BackgroundTask
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse

from ledger_pipelines.console.context import Console
from ledger_pipelines.console.following import follow
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pages.edit_words import with_labels
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.billing_runs import BILLED_EDITS
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Edit
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.history import EditFilter, RecordedEdit, find_edit, list_edits
from ledger_pipelines.store.edits.tables import ALL
from ledger_pipelines.store.queries.month_states import month_states
from ledger_pipelines.workflows.edits import consequences, dated

_EDITABLE = {editable.name: editable for editable in ALL}
_UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Saved:
    """An edit that was just saved; None where it changed nothing.

    `notes` are sentences on what follows, `warnings` on what of it one may not expect.
    """

    edit: RecordedEdit | None
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()


def back_to(
    request: Request,
    console: Console,
    dagster: Webserver,
    person: Person,
    path: str,
    before: int,
    **query: str,
) -> RedirectResponse:
    """Has the drafts follow what this person saved after the edit of this number, and leads to a page that says so."""
    mine = list_edits(console.database, EditFilter(person=person.name), limit=1)
    saved = mine[0] if mine and mine[0].id > before else None
    edit_id = _UNCHANGED if saved is None else str(saved.id)
    root = request.scope.get("root_path", "")
    is_billed = saved is not None and saved.table_name in BILLED_EDITS
    return RedirectResponse(
        f"{root}{path}?{urlencode({**query, 'saved': edit_id})}",
        303,
        background=BackgroundTask(follow, console, dagster, person.name) if is_billed else None,
    )


def saved_of(database: Database, query: QueryParams) -> Saved | None:
    """What the address says was just saved."""
    number = query.get("saved", "")
    if number == _UNCHANGED:
        return Saved(None)
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    with engine_of(database).connect() as connection:
        edit = find_edit(connection, int(number))
    return None if edit is None else Saved(edit, _notes(database, edit), _warnings(database, edit))


def _warnings(database: Database, edit: RecordedEdit) -> list[str]:
    editable = _EDITABLE.get(edit.table_name)
    if editable is None:
        return []
    done = Edit(edit.before and dated(edit.before), edit.after and dated(edit.after))
    return [with_labels(note, editable) for note in consequences(database, editable, done)]


def _notes(database: Database, edit: RecordedEdit) -> list[str]:
    if edit.table_name not in BILLED_EDITS:
        return []
    open_months, closed_months = month_states(database)
    notes = [
        "The open months' drafts are shown as they will be at once, and a run writes them."
        if open_months
        else "No month is open: no statement follows."
    ]
    if closed_months:
        notes.append("Closed months stay as they are.")
    return notes
