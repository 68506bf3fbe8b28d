"""What is agreed with one company, device or person in place of the plan, as HiveMatrix's services edit it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, Body

from ledger_pipelines.console.access import Writer
from ledger_pipelines.console.api.asked import (
    Account,
    Editing,
    FromMonth,
    RecordId,
    after_editing,
    number,
    with_reason,
)
from ledger_pipelines.console.api.override_bodies import (
    AssetAnswer,
    AssetOverride,
    ClientAnswer,
    ClientOverride,
    ClientOverrides,
    FeatureOverride,
    FeatureOverrides,
    Given,
    Message,
    RecordOverride,
    UserAnswer,
    UserOverride,
    done,
    nothing_known,
    refuse_other_month,
)
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, answer
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.months import format_month
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import Editor, list_rows
from ledger_pipelines.store.edits.tables import OVERRIDES, Editable
from ledger_pipelines.store.edits.values import parsed_key
from ledger_pipelines.tables.rates import PREPAID, RATES
from ledger_pipelines.workflows.client_settings import holding
from ledger_pipelines.workflows.company_pages import feature_values
from ledger_pipelines.workflows.edits import (
    Edited,
    counting_fields,
    remove_edit,
    set_edit,
)
from ledger_pipelines.workflows.edits import set_features as set_features_of

G = TypeVar("G", bound=Given)

router = APIRouter(
    prefix="/api/overrides", route_class=ExactRoute, tags=["overrides"], dependencies=[after_editing]
)
READ = problems(401, 403, 422, 503)
WRITTEN = problems(400, 401, 403, 422, 503)
_CLIENT, _FEATURE = OVERRIDES["client"], OVERRIDES["feature"]
_OF_CLIENT = ("billing_plan", "support_level", *RATES, *PREPAID)
#: HiveMatrix's word for a person who costs nothing.
_FREE = {"no charge": "Free"}
#: Said of a body with nothing but what reading gives.
NOTHING_SET = "Nothing was changed: what is to be set stands by its name in the body itself."
#: What a company's features are read with, and what else a body may say: clients send back what they read.
_READ_OF_FEATURES = {*Given.model_fields, *Given.read_only, *FeatureOverrides.model_fields}


@router.get(
    "/client/{account}", response_model=ClientAnswer, response_model_exclude_unset=True, responses=READ
)
def client_overrides(
    console: ConsoleDep, _: Writer, account: Account, from_month: FromMonth
) -> ExactJSONResponse:
    """What is agreed with a company in place of its plan."""
    row = row_of(console, _CLIENT, {"account_number": account}, from_month)
    names = [] if row is None else counting_fields(_CLIENT, row)
    others = others_hold(console, _CLIENT, {"account_number": account}, from_month)
    if row is None or not names:
        return answer(
            {"overrides": None, "message": ". ".join(filter(None, ("No overrides configured", others)))}
        )
    found = ClientOverrides(company_account_number=account, **{name: json_value(row[name]) for name in names})
    return answer({"overrides": found.model_dump(exclude_unset=True), **_message(others)})


@router.put("/client/{account}", response_model=Message, responses=WRITTEN)
@router.post("/client/{account}", response_model=Message, responses=WRITTEN)
def set_client_overrides(
    console: ConsoleDep,
    by: Editing,
    account: Account,
    from_month: FromMonth,
    body: ClientOverride | None = None,
) -> ExactJSONResponse:
    """Sets what is given; what is absent stays, null takes it off, what is not known is ignored and listed."""
    body = filled(body)
    refuse_other_month(body.from_month, from_month)
    values = body.given(*_OF_CLIENT)
    names = {"account_number": account}
    notes = [] if values else [nothing_known(body.ignored(), _OF_CLIENT) or NOTHING_SET]
    # Of a company with nothing agreed there is nothing to take off.
    has_any = bool(list_rows(console.database, _CLIENT, account_number=account))
    if values and (has_any or any(value is not None for value in values.values())):
        notes = save(console, _CLIENT, names, values, from_month, with_reason(by, body.reason)).notes
    return answer(done("Overrides updated successfully", notes, body.ignored()))


@router.delete("/client/{account}", response_model=Message, responses=READ)
def remove_client_overrides(
    console: ConsoleDep, by: Editing, account: Account, from_month: FromMonth
) -> ExactJSONResponse:
    """Takes off all that is agreed with a company."""
    is_removed = remove(console, _CLIENT, {"account_number": account}, from_month, by)
    return answer(done("Overrides deleted successfully" if is_removed else "No overrides to delete"))


@router.get("/asset/{asset_id}", response_model=AssetAnswer, responses=READ)
def asset_override(
    console: ConsoleDep, _: Writer, asset_id: RecordId, from_month: FromMonth
) -> ExactJSONResponse:
    """How a device is billed in place of what it is."""
    row = row_of(console, OVERRIDES["asset"], {"asset_id": asset_id}, from_month)
    found = row and AssetOverride(
        asset_id=asset_id, billing_type=row["billing_type"], custom_cost=json_value(row["custom_cost"])
    )
    others = others_hold(console, OVERRIDES["asset"], {"asset_id": asset_id}, from_month)
    return answer({"override": found or None, **_message(others)})


@router.put("/asset/{asset_id}", response_model=Message, responses=WRITTEN)
@router.post("/asset/{asset_id}", response_model=Message, responses=WRITTEN)
def set_asset_override(
    console: ConsoleDep,
    by: Editing,
    asset_id: RecordId,
    from_month: FromMonth,
    body: RecordOverride | None = None,
) -> ExactJSONResponse:
    """Sets as what a device is billed; without `custom_cost` it has none."""
    return _set_record(console, "asset", asset_id, body, from_month, by)


@router.delete("/asset/{asset_id}", response_model=Message, responses=READ)
def remove_asset_override(
    console: ConsoleDep, by: Editing, asset_id: RecordId, from_month: FromMonth
) -> ExactJSONResponse:
    """Has a device billed as what it is."""
    return _remove_record(console, "asset", asset_id, from_month, by)


@router.get("/user/{user_id}", response_model=UserAnswer, responses=READ)
def user_override(
    console: ConsoleDep, _: Writer, user_id: RecordId, from_month: FromMonth
) -> ExactJSONResponse:
    """How a person is billed."""
    row = row_of(console, OVERRIDES["user"], {"user_id": user_id}, from_month)
    found = row and UserOverride(
        user_id=user_id, billing_type=row["payment_type"], custom_cost=json_value(row["custom_cost"])
    )
    others = others_hold(console, OVERRIDES["user"], {"user_id": user_id}, from_month)
    return answer({"override": found or None, **_message(others)})


@router.put("/user/{user_id}", response_model=Message, responses=WRITTEN)
@router.post("/user/{user_id}", response_model=Message, responses=WRITTEN)
def set_user_override(
    console: ConsoleDep,
    by: Editing,
    user_id: RecordId,
    from_month: FromMonth,
    body: RecordOverride | None = None,
) -> ExactJSONResponse:
    """Sets how a person is billed: Paid, Free (also `No Charge`) or Custom, which needs `custom_cost`."""
    return _set_record(console, "user", user_id, body, from_month, by)


@router.delete("/user/{user_id}", response_model=Message, responses=READ)
def remove_user_override(
    console: ConsoleDep, by: Editing, user_id: RecordId, from_month: FromMonth
) -> ExactJSONResponse:
    """Has a person billed like others."""
    return _remove_record(console, "user", user_id, from_month, by)


@router.get("/features/{account}", response_model=FeatureOverrides, responses=READ)
def features(console: ConsoleDep, _: Writer, account: Account, from_month: FromMonth) -> ExactJSONResponse:
    """The features that a company has in place of its plan's."""
    rows = list_rows(console.database, _FEATURE, account_number=account, from_month=from_month)
    found = [
        FeatureOverride(feature_type=row["feature_type"], override_enabled=row["enabled"], value=row["value"])
        for row in rows
    ]
    others = others_hold(console, _FEATURE, {"account_number": account}, from_month)
    return answer({"feature_overrides": found, **_message(others)})


@router.put("/features/{account}", response_model=Message, responses=WRITTEN)
@router.post("/features/{account}", response_model=Message, responses=WRITTEN)
def set_features(
    console: ConsoleDep,
    by: Editing,
    account: Account,
    from_month: FromMonth,
    body: dict[str, Any] | None = Body(None, examples=[{"antivirus": "SentinelOne"}]),  # noqa: B008
) -> ExactJSONResponse:
    """Sets features by their type; null takes one off, types that there are not are ignored and listed."""
    if not body:
        raise Refused(400, "No data provided")
    known = feature_values(console.database)
    refuse_other_month(body.get("from_month"), from_month)
    given = {name: value for name, value in body.items() if name in known}
    ignored = [name for name in body if name not in known and name not in _READ_OF_FEATURES]
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise Refused(422, f"The value of {name} is no text.")
    reason = body.get("reason")
    by = with_reason(by, reason if isinstance(reason, str) and "reason" not in known else None)
    notes = set_features_of(console.database, account, given, from_month=from_month, by=by)
    return answer(
        done(
            f"Feature overrides updated: {', '.join(given) or 'none'}",
            notes if given else [nothing_known(ignored, sorted(known)) or NOTHING_SET],
            ignored,
        )
    )


@router.delete("/features/{account}/{feature_type}", response_model=Message, responses=READ)
def remove_feature(
    console: ConsoleDep, by: Editing, account: Account, feature_type: str, from_month: FromMonth
) -> ExactJSONResponse:
    """Gives a company its plan's feature."""
    names = {"account_number": account, "feature_type": feature_type}
    is_removed = remove(console, _FEATURE, names, from_month, by)
    message = (
        f"Feature override for {feature_type} deleted" if is_removed else "No feature override to delete"
    )
    return answer(done(message))


def _set_record(
    console: Console,
    kind: Literal["asset", "user"],
    record_id: int,
    body: RecordOverride | None,
    from_month: date | None,
    by: Editor,
) -> ExactJSONResponse:
    body = filled(body)
    if not (body.billing_type or "").strip():
        raise Refused(400, "billing_type is required")
    refuse_other_month(body.from_month, from_month)
    column = "billing_type" if kind == "asset" else "payment_type"
    values = {column: type_of(kind, body.billing_type), "custom_cost": body.custom_cost}
    names = {f"{kind}_id": str(record_id)}
    saved = save(console, OVERRIDES[kind], names, values, from_month, with_reason(by, body.reason))
    return answer(done(f"{kind.capitalize()} override updated successfully", saved.notes, body.ignored()))


def _remove_record(
    console: Console,
    kind: Literal["asset", "user"],
    record_id: int,
    from_month: date | None,
    by: Editor,
) -> ExactJSONResponse:
    is_removed = remove(console, OVERRIDES[kind], {f"{kind}_id": str(record_id)}, from_month, by)
    message = f"{kind.capitalize()} override deleted successfully" if is_removed else "No override to delete"
    return answer(done(message))


def filled(body: G | None) -> G:
    """The body. Raises Refused (400) where there is none, or nothing in it."""
    if body is None or not body.model_fields_set:
        raise Refused(400, "No data provided")
    return body


def type_of(kind: str, written: str | None) -> str | None:
    """A billing type as our tables name it."""
    return _FREE.get((written or "").strip().casefold(), written) if kind == "user" else written


def json_value(value: Any) -> Any:
    """A value as the API gives it."""
    return number(value) if isinstance(value, Decimal) else value


def row_of(
    console: Console, editable: Editable, names: Mapping[str, Any], from_month: date | None
) -> Row | None:
    """The row of these names that holds from this month on."""
    key = parsed_key(editable, {name: str(value) for name, value in names.items()}, from_month)
    return next(iter(list_rows(console.database, editable, **key)), None)


def others_hold(
    console: Console, editable: Editable, names: Mapping[str, Any], from_month: date | None
) -> str | None:
    """A sentence on the rows that hold in the month that was asked for, or from a later one on, and begin in another."""
    by_key: dict[tuple[Any, ...], list[Row]] = {}
    for row in list_rows(console.database, editable, **names):
        by_key.setdefault(tuple(row[name] for name in editable.key), []).append(row)
    before, later = set(), set()
    for rows in by_key.values():
        held = None if from_month is None else holding(rows, from_month)
        if held is not None and held["from_month"] != from_month and counting_fields(editable, held):
            before.add(held["from_month"])
        months = [row["from_month"] for row in rows if row["from_month"] is not None]
        later |= {month for month in months if from_month is None or month > from_month}
    parts = []
    if None in before:
        parts.append("what holds in all months: ask without from_month")
    parts += [_since(month) for month in sorted(before - {None})]
    if parts and from_month is not None:
        parts = [f"In {format_month(from_month)} there holds {' and '.join(parts)}."]
    if later:
        parts.append(f"Later there holds {' and '.join(_since(month) for month in sorted(later))}.")
    return " ".join(parts) or None


def _since(month: date) -> str:
    return f"what begins in {format_month(month)}: ask with ?from_month={format_month(month)}"


def _message(text: str | None) -> dict[str, str]:
    return {} if text is None else {"message": text}


def save(
    console: Console,
    editable: Editable,
    names: Mapping[str, str],
    values: Mapping[str, Any],
    from_month: date | None,
    by: Editor,
    row_id: int | None = None,
) -> Edited:
    """Sets these values, which are as JSON has them."""
    fields = {name: "" if value is None else str(value) for name, value in values.items()}
    return set_edit(
        console.database,
        editable,
        names,
        fields,
        from_month=from_month,
        row_id=row_id,
        by=by,
        is_partial=True,
    )


def remove(
    console: Console, editable: Editable, names: Mapping[str, str], from_month: date | None, by: Editor
) -> bool:
    """Removes the row of these names; says whether there was one."""
    if row_of(console, editable, names, from_month) is None:
        return False
    remove_edit(console.database, editable, names, from_month=from_month, row_id=None, by=by)
    return True
