"""What every page does with a form that edits a row: preview, save, remove, and say what was wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fastapi import Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pages.edit_forms import Change, EditForm, change_of, row_of, with_sent
from ledger_pipelines.console.pages.edit_words import with_labels
from ledger_pipelines.console.pages.forms import Submitted
from ledger_pipelines.console.pages.previews import Previewed
from ledger_pipelines.console.pages.rendering import is_partial, part
from ledger_pipelines.console.pages.saving import back_to
from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.edits.history import last_edit_id
from ledger_pipelines.workflows.edits import foreseen_consequences
from ledger_pipelines.workflows.proposals import Proposal


def _allow(_: Change) -> None:
    """Refuses nothing."""


@dataclass(frozen=True, slots=True)
class EditPage:
    """A page that edits: how it previews proposals, shows itself with a form, and where one is after saving.

    `refuse` raises LedgerError for what this page does not save.
    """

    preview: Callable[[Sequence[Proposal]], Previewed]
    show: Callable[[EditForm, int], HTMLResponse]
    path: str
    query: dict[str, str]
    refuse: Callable[[Change], None] = _allow


def act(
    request: Request,
    console: Console,
    dagster: Webserver,
    person: Person,
    form: Submitted,
    edit_form: EditForm,
    page: EditPage,
) -> Response:
    """Does what the form's button says (`do`): save, remove, preview or preview-removal. A preview writes nothing.

    What cannot be is one sentence on the page, with the form as it was sent: 422, and 409 where somebody else edited the
    row meanwhile.
    """
    before = last_edit_id(console.database)
    try:
        if form["do"].startswith("preview"):
            return _previewed(request, console, person, form, edit_form, page)
        _write(console, person, form, edit_form, page)
    except LedgerError as error:
        is_stale = isinstance(error, ConflictError)
        message = with_labels(str(error), edit_form.editable)
        failed = replace(_as_sent(edit_form, form, is_stale=is_stale), problem=message)
        return _render(request, console, person, failed, page, 409 if is_stale else 422)
    return back_to(request, console, dagster, person, page.path, before, **page.query)


def _write(console: Console, person: Person, form: Submitted, edit_form: EditForm, page: EditPage) -> None:
    by = form.editor(person)
    if form["do"] == "remove":
        row_of(edit_form.editable, edit_form.names, form).remove(console.database, by)
        return
    change = change_of(edit_form.editable, edit_form.names, edit_form.fields, form)
    page.refuse(change)
    if change.fields:
        change.save(console.database, by)


def _previewed(
    request: Request, console: Console, person: Person, form: Submitted, edit_form: EditForm, page: EditPage
) -> HTMLResponse:
    proposals: list[Proposal] = []
    if form["do"] == "preview-removal":
        proposals = [row_of(edit_form.editable, edit_form.names, form).removal(console.database)]
    else:
        change = change_of(edit_form.editable, edit_form.names, edit_form.fields, form)
        page.refuse(change)
        if change.fields:
            proposals = [change.proposal(console.database)]
    previewed = page.preview(proposals)
    notes = [
        with_labels(note, edit_form.editable)
        for proposal in proposals
        for note in foreseen_consequences(console.database, proposal)
    ]
    with_preview = replace(_as_sent(edit_form, form), previewed=replace(previewed, notes=notes))
    return _render(request, console, person, with_preview, page, 200)


def _render(
    request: Request, console: Console, person: Person, form: EditForm, page: EditPage, status: int
) -> HTMLResponse:
    """The preview alone where it is put beside the form, else the whole page."""
    if is_partial(request):
        # With 200: what htmx puts in its place is what was asked for, a sentence too.
        return part(request, "edit_preview.html", person, form=form, currency=console.settings.currency)
    return page.show(form, status)


def _as_sent(edit_form: EditForm, form: Submitted, *, is_stale: bool = False) -> EditForm:
    """The form as its person sent it; it counts the edits that they had seen, or, once a conflict is shown, all."""
    return replace(
        edit_form,
        fields=with_sent(edit_form.fields, form, is_stale=is_stale),
        from_month=form["from_month"],
        reason=form["reason"],
        seen=edit_form.seen if is_stale else form.number("seen") or 0,
    )
