"""`/client/{account}/settings`: what is agreed with a company, edited in place, with its preview beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pages import previews
from ledger_pipelines.console.pages.client_lists import device_list, people_list
from ledger_pipelines.console.pages.edit_forms import (
    MONTHS_NAMED,
    EditForm,
    change_of,
    month_text,
    parsed_month,
    row_fields,
    row_of,
    with_sent,
)
from ledger_pipelines.console.pages.edit_words import told_changes, told_row
from ledger_pipelines.console.pages.forms import FormDep, Submitted
from ledger_pipelines.console.pages.rendering import is_partial, page, part
from ledger_pipelines.console.pages.saving import back_to, saved_of
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.months import describe_months, unbroken_spans
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.edits.history import EditFilter, last_edit_id, list_edits
from ledger_pipelines.store.edits.tables import FEATURES, ITEMS, OVERRIDES, Editable
from ledger_pipelines.store.edits.values import parsed
from ledger_pipelines.store.queries.client_records import has_record, plan_names
from ledger_pipelines.store.queries.month_states import month_states, open_months_of
from ledger_pipelines.workflows.client_settings import (
    ClientSettings,
    UnknownAccountError,
    billed_months,
    client_settings,
)

router = APIRouter(route_class=ExactRoute)

KINDS: Mapping[str, Editable] = {
    "agreement": OVERRIDES["client"],
    "charge": ITEMS["charge"],
    "feature": OVERRIDES["feature"],
    "manual-device": ITEMS["asset"],
    "manual-person": ITEMS["user"],
    "device": OVERRIDES["asset"],
    "person": OVERRIDES["user"],
}
#: On which part of the page a kind is edited.
_PARTS = {"device": "devices", "person": "people"}
_SNAPSHOTS = {"device": "assets", "person": "contacts"}
_RECENT = 10


@router.get("/client/{account}/settings")
def show_settings(account: str, request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """What is agreed with the company; `edit` in the address opens a form in place."""
    settings = _settings(console, account)
    query = request.query_params
    kind, form = query.get("edit", ""), None
    if kind in KINDS and kind != "agreement":
        try:
            form = _form(console, settings, kind, Submitted(query))
        except LedgerError as error:
            raise Refused(422, str(error)) from None
    return _page(request, console, person, settings, form)


@router.post("/client/{account}/settings/{kind}")
def edit_settings(
    account: str,
    kind: str,
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    form: FormDep,
    dagster: DagsterDep,
) -> Response:
    """Saves, removes or previews (`do`) what a form sends. A preview writes nothing."""
    if kind not in KINDS:
        raise Refused(404, f"There is nothing called {kind[:40]!r} to edit.")
    settings = _settings(console, account)
    before = last_edit_id(console.database)
    shown: EditForm | None = None
    try:
        shown = _form(console, settings, kind, form)
        change = change_of(shown.editable, shown.names, shown.fields, form)
        _refuse_others_record(console, settings, kind, form["name"])
        if form["do"].startswith("preview"):
            is_removal = form["do"] == "preview-removal"
            row = row_of(shown.editable, shown.names, form)
            proposal = row.removal(console.database) if is_removal else change.proposal(console.database)
            proposals = [proposal] if is_removal or change.fields else []
            previewed = previews.of_company(console, account, proposals)
            return _previewed(request, console, person, settings, _as_sent(shown, form), previewed)
        by = form.editor(person)
        if form["do"] == "remove":
            row_of(shown.editable, shown.names, form).remove(console.database, by)
        elif change.fields:
            change.save(console.database, by)
    except LedgerError as error:
        is_stale = isinstance(error, ConflictError)
        if shown is None:
            raise Refused(422, str(error)) from None
        failed = replace(_as_sent(shown, form, is_stale=is_stale), problem=str(error))
        if is_partial(request):
            return part(request, "edit_preview.html", person, form=failed, currency=console.settings.currency)
        return _page(request, console, person, settings, failed, status=409 if is_stale else 422)
    part_name = _PARTS.get(kind)
    chosen = {} if part_name is None else {"part": part_name}
    return back_to(
        request, console, dagster, person, f"/client/{quote(account, safe='')}/settings", before, **chosen
    )


def _settings(console: Console, account: str) -> ClientSettings:
    try:
        return client_settings(console.database, account)
    except UnknownAccountError as error:
        raise Refused(404, str(error)) from None


def _form(console: Console, settings: ClientSettings, kind: str, asked: Submitted) -> EditForm:
    """The form of a row, as it is stored. Raises LedgerError where the month or the name is none."""
    editable, account = KINDS[kind], settings.company.account_number
    owner = {"account_number": account} if "account_number" in editable.key else {}
    other = next((name for name in editable.key if name != "account_number"), None)
    names = owner | ({} if other is None else {other: asked["name"]})
    since = parsed_month(asked["was_from"])
    row_id = asked.number("row_id")
    found: list[Row] = []
    if other is None or asked["name"]:
        values = {name: parsed(editable, name, text) for name, text in names.items()}
        found = [
            row
            for row in list_rows(console.database, editable, **values)
            if row["from_month"] == since and (row_id is None or row.get("id") == row_id)
        ]
    row = found[0] if found and (asked["is_row"] == "1" or kind not in ("agreement",)) else None
    return EditForm(
        kind,
        editable,
        names,
        row,
        row_fields(editable, row, _proposed(console, kind, asked["name"])),
        month_text(row),
        last_edit_id(console.database),
    )


def _proposed(console: Console, kind: str, name: str) -> Mapping[str, Any]:
    if kind == "agreement":
        with pooled_connection(console.database) as connection:
            return {"billing_plan": [(one, one) for one in plan_names(connection)]}
    if kind == "feature":
        options = list_rows(console.database, FEATURES, **({"feature_type": name} if name else {}))
        return {"value": [(one["value"], one["value"]) for one in options]}
    return {}


def _as_sent(shown: EditForm, form: Submitted, *, is_stale: bool = False) -> EditForm:
    """The form as its person sent it; the edits that they have seen are those of then, or of now where they were told."""
    return replace(
        shown,
        fields=with_sent(shown.fields, form, is_stale=is_stale),
        from_month=form["from_month"],
        reason=form["reason"],
        seen=shown.seen if is_stale else form.number("seen") or 0,
    )


def _refuse_others_record(console: Console, settings: ClientSettings, kind: str, name: str) -> None:
    table = _SNAPSHOTS.get(kind)
    if table is None:
        return
    editable = KINDS[kind]
    record_id = parsed(editable, editable.key[0], name)
    with pooled_connection(console.database) as connection:
        if record_id is None or not has_record(connection, table, settings.company, record_id):
            raise LedgerError(
                f"The newest snapshot of {settings.company.account_number} has no {kind} {name!r}."
            )


def _previewed(
    request: Request,
    console: Console,
    person: Person,
    settings: ClientSettings,
    form: EditForm,
    previewed: previews.Previewed,
) -> HTMLResponse:
    """The preview: alone where it is put beside the form, else with the whole page."""
    shown = replace(form, previewed=previewed)
    if is_partial(request):
        return part(request, "edit_preview.html", person, form=shown, currency=console.settings.currency)
    return _page(request, console, person, settings, shown)


def _page(
    request: Request,
    console: Console,
    person: Person,
    settings: ClientSettings,
    form: EditForm | None,
    *,
    status: int = 200,
) -> HTMLResponse:
    database, account = console.database, settings.company.account_number
    asked = request.query_params.get("part", "")
    shown_part = _PARTS.get(form.kind, "") if form is not None else asked
    open_months, closed = month_states(database)
    is_agreement = form is not None and form.kind == "agreement"
    context: dict[str, Any] = {
        "settings": settings,
        "account": account,
        "currency": console.settings.currency,
        "form": None if is_agreement else form,
        "part": shown_part if shown_part in _PARTS.values() else "",
        "agreement": form if is_agreement else _agreement(request, console, settings),
        "open_months": open_months_of(database, account, most=previews.MOST_MONTHS),
        "closed_months": closed,
        "months_named": MONTHS_NAMED,
        "told_months": _told_months,
        "told_row": told_row,
        "told_changes": told_changes,
        "saved": saved_of(database, request.query_params),
    }
    if context["part"] == "devices":
        context["listing"] = device_list(database, settings.company, request.query_params)
    elif context["part"] == "people":
        context["listing"] = people_list(database, settings.company, request.query_params)
    else:
        charges = list_rows(database, ITEMS["charge"], account_number=account)
        context |= {
            "charges": charges,
            "billed": billed_months(charges, open_months, settings.company.month),
            "manual_devices": list_rows(database, ITEMS["asset"], account_number=account),
            "manual_people": list_rows(database, ITEMS["user"], account_number=account),
            "recent": list_edits(database, EditFilter(account=account), limit=_RECENT),
        }
    return page(request, "client_settings.html", person, status=status, **context)


def _told_months(months: Sequence[date]) -> str:
    return ", ".join(describe_months(span) for span in unbroken_spans(months))


def _agreement(request: Request, console: Console, settings: ClientSettings) -> EditForm:
    """The form of the agreement that holds, or of the one that the address names."""
    asked = request.query_params.get("agreement")
    since = month_text(settings.agreement) if asked is None else asked.removeprefix("ever")
    is_row = "1" if settings.agreements else ""
    names = {"name": "", "was_from": since, "row_id": "", "is_row": is_row}
    try:
        return _form(console, settings, "agreement", Submitted(names))
    except LedgerError as error:
        raise Refused(422, str(error)) from None
