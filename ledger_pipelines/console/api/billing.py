"""Statements as HiveMatrix's services read them, and the month's list of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from threading import Lock
from typing import Any

import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from ledger_pipelines.console.access import Reader
from ledger_pipelines.console.api.asked import Account, Month, number
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, Number, answer
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.months import format_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.tables.rates import PREPAID, RATES
from ledger_pipelines.workflows.company_pages import (
    StatementsVersion,
    features_of,
    statement_list,
    statements_version,
)
from ledger_pipelines.workflows.statements import (
    PresentStatement,
    UnknownCompanyError,
    companies_edited_since_run,
    statement_of,
)

router = APIRouter(route_class=ExactRoute, tags=["billing"])
_TERABYTE = Decimal(2**40)
_ITEM_TYPES = {"recurring": "Recurring", "one_off": "One-Off", "yearly": "Yearly"}
#: How many months' lists are kept as they were written last: of ten thousand companies one has four megabytes.
_CACHED = 4
#: Whose turn it is to write a month's list: readers who come together would each write it.
_turns: dict[tuple[Database, date], Lock] = {}


class Billed(BaseModel):
    """A line of a statement: what is billed, as what, and what it costs."""

    name: str
    type: str
    cost: Number


class Receipt(BaseModel):
    """What a statement charges."""

    billed_assets: list[Billed]
    billed_users: list[Billed]
    billed_line_items: list[Billed]
    total_user_charges: Number
    total_asset_charges: Number
    total_line_item_charges: Number
    ticket_charge: Number
    backup_charge: Number
    total: Number
    hours_for_billing_period: Number
    prepaid_hours_monthly: Number
    billable_hours: Number
    backup_base_workstation: Number
    backup_base_server: Number
    total_included_tb: Number
    overage_tb: Number
    overage_charge: Number


class Quantities(BaseModel):
    """What a statement counts."""

    model_config = ConfigDict(populate_by_name=True)

    workstation: int
    server: int
    vm: int
    switch: int
    firewall: int
    custom: int
    no_charge: int = Field(alias="no charge")
    regular_users: int
    free_users: int


_number: Any = (Number, ...)
EffectiveRates = create_model(
    "EffectiveRates",
    __doc__="By what a statement is billed: the plan's rates, or what is agreed in their place.",
    **dict.fromkeys((*RATES, *PREPAID), _number),
    support_level=(str | None, ...),
    billing_plan=(str, ...),
    term_length=(str, ...),
)


class Contract(BaseModel):
    """A company's contract; the days are ISO dates."""

    term: str
    start_date: str | None
    end_date: str | None
    expired: bool


class Bill(BaseModel):
    """A company's statement of a month."""

    account_number: str
    company_name: str
    compliance_level: str | None
    billing_period: str
    currency: str
    status: str = Field(pattern="^(draft|final)$")
    statement_number: str
    receipt: Receipt
    quantities: Quantities
    effective_rates: EffectiveRates
    plan_features: dict[str, str]
    feature_override_status: dict[str, bool]
    contract: Contract


class ListedStatement(BaseModel):
    """A company in the month's list. `hours` are those of the calendar year up to the month, `backup` is in TB."""

    account_number: str
    name: str
    billing_plan: str
    support_level: str | None
    contract_term_length: str
    contract_end_date: str
    total_bill: Number
    workstations: int
    servers: int
    vms: int
    users: int
    backup: Number
    hours: Number
    edited_since_run: bool


class Dashboard(BaseModel):
    """The statements of a month, as they are stored."""

    billing_period: str
    companies: list[ListedStatement]


class InvoiceSummary(BaseModel):
    """A statement in few words; `is_archived`: its month is closed."""

    invoice_number: str
    company_name: str
    total_amount: Number
    user_count: int
    asset_count: int
    line_item_count: int
    has_backup_charges: bool
    has_hourly_charges: bool
    total_lines: int
    is_archived: bool


class Archived(BaseModel):
    """Whether the month of a statement is closed."""

    invoice_number: str
    is_archived: bool


@router.get("/api/billing/dashboard", response_model=Dashboard, responses=problems(401, 403, 404, 422, 503))
def dashboard(console: ConsoleDep, _: Reader, month: Month) -> Response:
    """The statements of a month, by account; `edited_since_run` where an edit is not on the stored one yet."""
    version = statements_version(console.database, month)
    with _turns.setdefault((console.database, month), Lock()):
        if not version.written:
            _listed.cache_clear()
            _dashboard.cache_clear()
        body = _dashboard(console.database, month, version)
    return Response(body, media_type="application/json")


@router.get("/api/billing/{account}", response_model=Bill, responses=problems(401, 403, 404, 422, 503))
def bill_of(console: ConsoleDep, _: Reader, account: Account, month: Month) -> ExactJSONResponse:
    """A company's statement, of a draft month by all edits that are saved."""
    return answer(_bill(console, _present(console, account, month)))


@router.get(
    "/api/invoice/{account}/summary",
    response_model=InvoiceSummary,
    responses=problems(401, 403, 404, 422, 503),
)
def summary(console: ConsoleDep, _: Reader, account: Account, month: Month) -> ExactJSONResponse:
    """A company's statement in few words."""
    present = _present(console, account, month)
    row, lines = present.statement.row, present.statement.lines
    count = {kind: sum(line["kind"] == kind for line in lines) for kind in ("user", "asset", "custom")}
    return answer(
        InvoiceSummary(
            invoice_number=row["statement_number"],
            company_name=row["company_name"],
            total_amount=number(row["total"]),
            user_count=count["user"],
            asset_count=count["asset"],
            line_item_count=count["custom"],
            has_backup_charges=row["backup_charge"] != 0,
            has_hourly_charges=row["ticket_charge"] != 0,
            total_lines=len(lines),
            is_archived=present.is_final,
        )
    )


@router.get(
    "/api/bill/check-archived/{account}",
    response_model=Archived,
    responses=problems(401, 403, 404, 422, 503),
)
def check_archived(console: ConsoleDep, _: Reader, account: Account, month: Month) -> ExactJSONResponse:
    """Whether the month of a company's statement is closed."""
    present = _present(console, account, month)
    number_of_it = present.statement.row["statement_number"]
    return answer(Archived(invoice_number=number_of_it, is_archived=present.is_final))


@router.post("/api/bill/accept", status_code=409, response_model=None, responses=problems(401, 403, 409, 503))
def accept(_: Reader) -> Response:
    """Refused: months are closed, not bills."""
    raise Refused(409, "Bills are not accepted one by one: a month is closed as a whole, on /periods.")


def _present(console: Console, account: str, month: date) -> PresentStatement:
    try:
        return statement_of(console.database, console.settings, account, month)
    except UnknownCompanyError as error:
        raise Refused(404, str(error)) from None


def _bill(console: Console, present: PresentStatement) -> Bill:
    row = present.statement.row
    account, month = row["account_number"], row["month"]
    features = features_of(console.database, account, month, row["billing_plan"], row["contract_term"])
    return Bill(
        account_number=account,
        company_name=row["company_name"],
        compliance_level=features.compliance_level,
        billing_period=format_month(month),
        currency=row["currency"],
        status="final" if present.is_final else "draft",
        statement_number=row["statement_number"],
        receipt=_receipt(present),
        quantities=Quantities(
            workstation=row["workstations"],
            server=row["servers"],
            vm=row["vms"],
            switch=row["switches"],
            firewall=row["firewalls"],
            custom=row["custom_assets"],
            no_charge=row["no_charge_assets"],
            regular_users=row["regular_users"],
            free_users=row["free_users"],
        ),
        effective_rates=EffectiveRates(
            **{name: number(row[name]) for name in (*RATES, *PREPAID)},
            support_level=row["support_level"],
            billing_plan=row["billing_plan"],
            term_length=row["contract_term"],
        ),
        plan_features=dict(features.values),
        feature_override_status=dict(features.is_overridden),
        contract=Contract(
            term=row["contract_term"],
            start_date=_day(row["contract_start_date"]),
            end_date=_day(row["contract_end_date"]),
            expired=row["contract_expired"],
        ),
    )


def _receipt(present: PresentStatement) -> Receipt:
    row, lines = present.statement.row, present.statement.lines
    billed: dict[str, list[Billed]] = {"asset": [], "user": [], "custom": []}
    base = {"base_workstation": Decimal(0), "base_server": Decimal(0)}
    for line in lines:
        if line["kind"] in billed:
            kind = _ITEM_TYPES.get(line["type"], line["type"])
            billed[line["kind"]].append(Billed(name=_name(line), type=kind, cost=number(line["amount"])))
        elif line["type"] in base:
            base[line["type"]] += line["amount"]
    charges = (
        *("total_user_charges", "total_asset_charges", "total_line_item_charges", "ticket_charge"),
        *("backup_charge", "overage_charge", "total", "prepaid_hours_monthly"),
    )
    return Receipt(
        billed_assets=billed["asset"],
        billed_users=billed["user"],
        billed_line_items=billed["custom"],
        hours_for_billing_period=number(row["hours_used"]),
        billable_hours=number(row["billable_hours"] + row["late_hours"]),
        backup_base_workstation=number(base["base_workstation"]),
        backup_base_server=number(base["base_server"]),
        total_included_tb=_terabytes(row["included_bytes"]),
        overage_tb=_terabytes(row["overage_bytes"]),
        **{name: number(row[name]) for name in charges},
    )


def _name(line: Mapping[str, Any]) -> str:
    """What a line bills, without the type that its description has beside it."""
    description, kind = str(line["description"]), line["type"]
    return (
        description.removeprefix(f"{kind}: ")
        if line["kind"] == "asset"
        else description.removesuffix(f" ({kind})")
    )


@lru_cache(maxsize=_CACHED)
def _dashboard(database: Database, month: date, version: StatementsVersion) -> bytes:
    edited = companies_edited_since_run(database, [month])[month]
    companies = b",".join(
        beginning + (b"true}" if account in edited else b"false}")
        for account, beginning in _listed(database, month, version.written)
    )
    return b'{"billing_period":"%s","companies":[%s]}' % (format_month(month).encode(), companies)


@lru_cache(maxsize=_CACHED)
def _listed(database: Database, month: date, _written: tuple[Any, ...]) -> list[tuple[str, bytes]]:
    """The list's entries by account, each up to whether it was edited: edits come often, runs do not."""
    return [
        (row["account_number"], orjson.dumps(_entry(row)).removesuffix(b"}") + b',"edited_since_run":')
        for row in statement_list(database, month)
    ]


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "account_number": row["account_number"],
        "name": row["company_name"],
        "billing_plan": row["billing_plan"],
        "support_level": row["support_level"],
        "contract_term_length": row["contract_term"],
        "contract_end_date": _contract_end(row),
        "total_bill": _fragment(number(row["total"])),
        "workstations": row["workstations"],
        "servers": row["servers"],
        "vms": row["vms"],
        "users": row["regular_users"],
        "backup": _fragment(_terabytes(Decimal(row["backup_bytes"]))),
        "hours": _fragment(number(row["hours"])),
    }


def _contract_end(row: Mapping[str, Any]) -> str:
    if row["contract_end_date"] is not None:
        return str(row["contract_end_date"])
    return "Month to Month" if row["contract_term"] == "Month to Month" else "N/A"


def _terabytes(in_bytes: Decimal) -> Decimal:
    return number((in_bytes / _TERABYTE).quantize(Decimal("0.000001")))


def _fragment(value: Decimal) -> orjson.Fragment:
    return orjson.Fragment(f"{value:f}".encode())


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
