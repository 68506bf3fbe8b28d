"""What is billed beside a company's snapshot: devices and people that Codex does not have, and charges."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter

from ledger_pipelines.console.access import Writer
from ledger_pipelines.console.api.asked import (
    Account,
    Editing,
    FromMonth,
    RecordId,
    after_editing,
    with_reason,
)
from ledger_pipelines.console.api.override_bodies import (
    Added,
    Given,
    LineItem,
    LineItemGiven,
    LineItems,
    ManualAsset,
    ManualAssets,
    ManualUser,
    ManualUsers,
    Message,
    NewAsset,
    NewUser,
    done,
    nothing_known,
    refuse_other_month,
)
from ledger_pipelines.console.api.overrides import (
    NOTHING_SET,
    READ,
    WRITTEN,
    filled,
    json_value,
    save,
    type_of,
)
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, answer
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import Editor, list_rows, remove_row, set_row
from ledger_pipelines.store.edits.tables import ITEMS, Editable
from ledger_pipelines.store.edits.values import parsed, parsed_fields
from ledger_pipelines.workflows.edits import Edited, consequences

router = APIRouter(
    prefix="/api/overrides", route_class=ExactRoute, tags=["overrides"], dependencies=[after_editing]
)
_ASSET, _USER, _CHARGE = ITEMS["asset"], ITEMS["user"], ITEMS["charge"]
_REMOVED = problems(401, 403, 404, 422, 503)
#: The fields of a charge, as HiveMatrix names them, and our columns.
_OF_CHARGE = {
    **{name: name for name in ("description", "monthly_fee", "one_off_fee", "one_off_year", "one_off_month")},
    "yearly_fee": "yearly_fee",
    "yearly_bill_month": "yearly_month",
}


@router.get("/manual-assets/{account}", response_model=ManualAssets, responses=READ)
def manual_assets(console: ConsoleDep, _: Writer, account: Account) -> ExactJSONResponse:
    """A company's devices that Codex does not have."""
    rows = list_rows(console.database, _ASSET, account_number=account)
    names = ("id", "hostname", "billing_type", "custom_cost", "notes")
    return answer(
        ManualAssets(
            manual_assets=[ManualAsset(**{name: json_value(row[name]) for name in names}) for row in rows]
        )
    )


@router.post("/manual-assets/{account}", response_model=Added, status_code=201, responses=WRITTEN)
def add_manual_asset(
    console: ConsoleDep,
    by: Editing,
    account: Account,
    from_month: FromMonth,
    body: NewAsset | None = None,
) -> ExactJSONResponse:
    """Adds a device; one of the same name is changed instead."""
    body = filled(body)
    refuse_other_month(body.from_month, from_month)
    names = {"account_number": account, "hostname": _needed("hostname", body.hostname)}
    values = {
        "billing_type": _needed("billing_type", body.billing_type),
        **body.given("custom_cost", "notes"),
    }
    saved = save(console, _ASSET, names, values, from_month, with_reason(by, body.reason))
    return _added("Manual asset added", saved, body)


@router.delete("/manual-assets/{account}/{item_id}", response_model=Message, responses=_REMOVED)
def remove_manual_asset(
    console: ConsoleDep, by: Editing, account: Account, item_id: RecordId
) -> ExactJSONResponse:
    """Removes a device that was added."""
    return _remove(console, _ASSET, account, item_id, by, "Manual asset")


@router.get("/manual-users/{account}", response_model=ManualUsers, responses=READ)
def manual_users(console: ConsoleDep, _: Writer, account: Account) -> ExactJSONResponse:
    """A company's people whom Codex does not have."""
    rows = list_rows(console.database, _USER, account_number=account)
    names = ("id", "full_name", "custom_cost", "notes")
    found = [
        ManualUser(billing_type=row["payment_type"], **{name: json_value(row[name]) for name in names})
        for row in rows
    ]
    return answer(ManualUsers(manual_users=found))


@router.post("/manual-users/{account}", response_model=Added, status_code=201, responses=WRITTEN)
def add_manual_user(
    console: ConsoleDep,
    by: Editing,
    account: Account,
    from_month: FromMonth,
    body: NewUser | None = None,
) -> ExactJSONResponse:
    """Adds a person; one of the same name is changed instead."""
    body = filled(body)
    refuse_other_month(body.from_month, from_month)
    names = {"account_number": account, "full_name": _needed("full_name", body.full_name)}
    written = _needed("billing_type", body.billing_type)
    values = {"payment_type": type_of("user", written), **body.given("custom_cost", "notes")}
    saved = save(console, _USER, names, values, from_month, with_reason(by, body.reason))
    return _added("Manual user added", saved, body)


@router.delete("/manual-users/{account}/{item_id}", response_model=Message, responses=_REMOVED)
def remove_manual_user(
    console: ConsoleDep, by: Editing, account: Account, item_id: RecordId
) -> ExactJSONResponse:
    """Removes a person who was added."""
    return _remove(console, _USER, account, item_id, by, "Manual user")


@router.get("/line-items/{account}", response_model=LineItems, responses=READ)
def line_items(console: ConsoleDep, _: Writer, account: Account) -> ExactJSONResponse:
    """A company's charges."""
    rows = list_rows(console.database, _CHARGE, account_number=account)
    found = [
        LineItem(
            id=row["id"],
            name=row["name"],
            **{name: json_value(row[column]) for name, column in _OF_CHARGE.items()},
        )
        for row in rows
    ]
    return answer(LineItems(line_items=found))


@router.post("/line-items/{account}", response_model=Added, status_code=201, responses=WRITTEN)
def add_line_item(
    console: ConsoleDep,
    by: Editing,
    account: Account,
    from_month: FromMonth,
    body: LineItemGiven | None = None,
) -> ExactJSONResponse:
    """Adds a charge; one of the same name, kind and occasion is changed instead."""
    body = filled(body)
    refuse_other_month(body.from_month, from_month)
    names = {"account_number": account, "name": _needed("name", body.name)}
    saved = save(console, _CHARGE, names, _charge(body), from_month, with_reason(by, body.reason))
    return _added("Custom line item added", saved, body)


@router.put("/line-items/{account}/{item_id}", response_model=Message, responses=WRITTEN | _REMOVED)
def change_line_item(
    console: ConsoleDep,
    by: Editing,
    account: Account,
    item_id: RecordId,
    from_month: FromMonth,
    body: LineItemGiven | None = None,
) -> ExactJSONResponse:
    """Changes what is given of a charge; giving another kind's fee makes it of that kind."""
    body = filled(body)
    row = _row(console, _CHARGE, account, item_id, "Line item")
    refuse_other_month(body.from_month, row["from_month"] if from_month is None else from_month)
    fields = {name: "" if value is None else str(value) for name, value in _charge(body).items()}
    values: dict[str, Any] = parsed_fields(_CHARGE, fields)
    if "name" in body.model_fields_set:
        values["name"] = parsed(_CHARGE, "name", _needed("name", body.name))
    if from_month is not None:
        values["from_month"] = from_month
    notes = [] if values else [nothing_known(body.ignored(), ("name", *_OF_CHARGE)) or NOTHING_SET]
    if values:
        by = with_reason(by, body.reason)
        edit = set_row(console.database, _CHARGE, _key(_CHARGE, row), values, by=by, row_id=item_id)
        notes = consequences(console.database, _CHARGE, edit)
    return answer(done("Line item updated", notes, body.ignored()))


@router.delete("/line-items/{account}/{item_id}", response_model=Message, responses=_REMOVED)
def remove_line_item(
    console: ConsoleDep, by: Editing, account: Account, item_id: RecordId
) -> ExactJSONResponse:
    """Removes a charge."""
    return _remove(console, _CHARGE, account, item_id, by, "Line item")


def _added(message: str, saved: Edited, body: Given) -> ExactJSONResponse:
    return answer({**done(message, saved.notes, body.ignored()), "id": (saved.edit.after or {})["id"]}, 201)


def _charge(body: LineItemGiven) -> dict[str, Any]:
    return {_OF_CHARGE[name]: value for name, value in body.given(*_OF_CHARGE).items()}


def _needed(name: str, value: str | None) -> str:
    if value is None or not value.strip():
        raise Refused(400, f"{name} is required")
    return value


def _row(console: Console, editable: Editable, account: str, item_id: int, what: str) -> Row:
    rows = list_rows(console.database, editable, account_number=account, id=item_id)
    if not rows:
        raise Refused(404, f"{what} not found")
    return rows[0]


def _key(editable: Editable, row: Row) -> dict[str, str | date | None]:
    return {name: row[name] for name in (*editable.key, "from_month")}


def _remove(
    console: Console, editable: Editable, account: str, item_id: int, by: Editor, what: str
) -> ExactJSONResponse:
    row = _row(console, editable, account, item_id, what)
    remove_row(console.database, editable, _key(editable, row), by=by, row_id=item_id)
    return answer(done(f"{what} deleted"))
