"""`/client/{account}/settings`: what is agreed with a company, edited in place, with its preview beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from ledger_pipelines.console.pages.edit_actions import EditPage, act
from ledger_pipelines.console.pages.edit_forms import (
    MONTHS_NAMED,
    Change,
    EditForm,
    month_text,
    parsed_month,
    row_fields,
)
from ledger_pipelines.console.pages.edit_words import describe_changes, edit_label
from ledger_pipelines.console.pages.forms import FormDep, Submitted
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.pages.saving import saved_of
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, parse_month, unbroken_spans
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.edits.history import EditFilter, last_edit_id, list_edits
from ledger_pipelines.store.edits.tables import FEATURES, ITEMS, OVERRIDES, Editable
from ledger_pipelines.store.edits.values import parsed
from ledger_pipelines.store.queries.client_records import has_record, plan_names
from ledger_pipelines.store.queries.month_states import month_states
from ledger_pipelines.workflows.client import refuse_second_one_off
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
    try:
        edit_form = _form(console, settings, kind, form)
    except LedgerError as error:
        raise Refused(422, str(error)) from None
    part_name = _PARTS.get(kind)
    page_of = EditPage(
        preview=lambda proposals: previews.of_company(console, account, proposals),
        show=lambda one, status: _page(request, console, person, settings, one, status=status),
        path=f"/client/{quote(account, safe='')}/settings",
        query={} if part_name is None else {"part": part_name},
        refuse=lambda change: _refuse(console, settings, kind, change),
    )
    return act(request, console, dagster, person, form, edit_form, page_of)


def _settings(console: Console, account: str) -> ClientSettings:
    try:
        return client_settings(console.database, account)
    except UnknownAccountError as error:
        raise Refused(404, str(error)) from None


def _form(console: Console, settings: ClientSettings, kind: str, asked: Submitted) -> EditForm:
    """The form of a row, as it is stored. Raises LedgerError where the month or the name is invalid."""
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


def _refuse(console: Console, settings: ClientSettings, kind: str, change: Change) -> None:
    """Raises LedgerError for another company's record, and for a second charge of one name and month."""
    if kind == "charge":
        _refuse_second_one_off(console, change)
    table = _SNAPSHOTS.get(kind)
    if table is None:
        return
    editable = KINDS[kind]
    name = change.names[editable.key[0]]
    record_id = parsed(editable, editable.key[0], name)
    with pooled_connection(console.database) as connection:
        if record_id is None or not has_record(connection, table, settings.company, record_id):
            raise LedgerError(
                f"The newest snapshot of {settings.company.account_number} has no {kind} {name!r}."
            )


def _refuse_second_one_off(console: Console, change: Change) -> None:
    if "one_off_fee" in change.fields:
        month = parse_month(f"{change.fields['one_off_year']:0>4}-{change.fields['one_off_month']:0>2}")
        charges = list_rows(console.database, change.editable, account_number=change.names["account_number"])
        refuse_second_one_off(charges, change.names["name"], month, but_id=change.row_id)


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
    part = _PARTS.get(form.kind, "") if form is not None else asked
    open_months, closed = month_states(database)
    is_agreement = form is not None and form.kind == "agreement"
    context: dict[str, Any] = {
        "settings": settings,
        "account": account,
        "currency": console.settings.currency,
        "form": None if is_agreement else form,
        "part": part if part in _PARTS.values() else "",
        "agreement": form if is_agreement else _agreement(request, console, settings),
        "closed_months": closed,
        "months_named": MONTHS_NAMED,
        "months_label": _months_label,
        "edit_label": edit_label,
        "describe_changes": describe_changes,
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


def _months_label(months: Sequence[date]) -> str:
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
