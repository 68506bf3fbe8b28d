"""`/accruals`: deferred revenue by month, the contracts behind it and why each month recognised what it did."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.charts import waterfall
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.downloads import Format, download
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.listing import Heading, fetch, read_state, searched
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.months import add_months, format_month, month_of, month_range, parse_month
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries import accrual_pages as stored
from ledger_pipelines.workflows.exports import export_accruals

router = APIRouter(route_class=ExactRoute)

CONTRACTS = (
    Heading("client", "Client"),
    Heading("service", "Service"),
    Heading("contract_number", "No.", is_number=True, line="which contract of this client and service"),
    Heading("state", "State"),
    Heading("contract_amount", "Contract", is_number=True),
    Heading("invoiced", "Invoiced", is_number=True, line="what the month's documents add"),
    Heading("recognised", "Recognised", is_number=True),
    Heading("fraction", "Fraction", is_number=True, line="the part of the course that lies in the month"),
    Heading("reason", "Why"),
    Heading("pending", "Left", is_number=True),
    Heading("currency", "Currency"),
)
NOTICES = (
    Heading("kind", "Kind"),
    Heading("client", "Client"),
    Heading("amount", "Waiting", is_number=True),
    Heading("currency", "Currency"),
    Heading("message", "What is to be decided", is_sortable=False),
)
#: Why a month recognised something (rules/accruals.md).
REASONS = {
    "portion": "the part of the course that was taught in the month",
    "dropped": "the client dropped out: the rest is recognised",
    "ended": "the course has ended: the rest is recognised",
    "postponed_limit": "postponed for longer than the rule waits: the rest is recognised",
    "resigned": "the client never enrolled in time: recognised as resigned",
    "negative": "credited more than was invoiced: taken back",
    "catch_up": "known later than it happened: caught up here",
}

MonthQuery = Annotated[str | None, Query(max_length=10)]


@router.get("/accruals")
def show_accruals(
    request: Request, console: ConsoleDep, person: Clerk, month: MonthQuery = None
) -> HTMLResponse:
    """The waterfall, and the month's contracts and notices; `show=notices` lists the latter."""
    with console.database.connect() as connection:
        months, closed = stored.months_of_accruals(connection), closed_months(connection)
        chosen = chosen_month(month, months)
        rows = [] if chosen is None else stored.waterfall_until(connection, chosen)
        waiting = [] if chosen is None else stored.stalled_money(connection, chosen)
    is_of_notices = request.query_params.get("show") == "notices"
    listing = None
    if chosen is not None:
        listing = (
            _notices(request, console, chosen) if is_of_notices else _contracts(request, console, chosen)
        )
    return page(
        request,
        "accruals.html",
        person,
        months=months,
        closed=closed,
        month=chosen,
        totals=[row for row in rows if row["month"] == chosen],
        figures=Markup("").join(waterfall(currency, of) for currency, of in _by_currency(rows).items()),
        waiting=waiting,
        listing=listing,
        is_of_notices=is_of_notices,
        reasons=REASONS,
        states=[(one, one.title()) for one in ("ACTIVE", "PAUSED", "COMPLETED", "CANCELED")],
    )


@router.get("/accruals/contract")
def show_contract(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    contact: Annotated[str, Query(max_length=200)],
    service: Annotated[str, Query(max_length=200)],
    currency: Annotated[str, Query(max_length=3)],
    number: Annotated[int, Query(ge=1, le=2**31 - 1)] = 1,
) -> HTMLResponse:
    """Each month of one contract, and why it recognised what it did."""
    with console.database.connect() as connection:
        rows = stored.months_of_contract(connection, contact, service, currency, number)
    if not rows:
        raise Refused(404, f"There is no contract {number} of {contact} for {service} in {currency}.")
    return page(request, "accruals_contract.html", person, rows=rows, reasons=REASONS, currency=currency)


@router.get("/accruals/export")
def export_month(
    console: ConsoleDep,
    person: Clerk,
    month: Annotated[str, Query(max_length=10)],
    kind: Annotated[Format, Query(alias="format")] = "csv",
) -> Response:
    """A month's accruals as a file, a row for each contract and service period."""
    asked = parse_month(month)
    with console.database.connect() as connection:
        months = month_range(read_first_month(connection), add_months(max(asked, month_of(console.today)), 1))
    return download(
        export_accruals(console.database, [asked], months), f"accruals-{format_month(asked)}", kind
    )


def chosen_month(asked: str | None, months: list[date]) -> date | None:
    """The month that the address asks for, else the latest. Raises LedgerError for text that is no month."""
    if asked:
        return parse_month(asked)
    return months[0] if months else None


def _contracts(request: Request, console: ConsoleDep, month: date) -> Any:
    state = read_state(
        request.query_params, CONTRACTS, ("state",), sort="-recognised", extra={"month": format_month(month)}
    )
    query = stored.contracts_of(month)
    found = query.subquery()
    query = sa.select(found).where(searched(state, found.c.client, found.c.service, found.c.contact_id))
    if "state" in state.filters:
        query = query.where(found.c.state == state.filters["state"])
    key = (found.c.contact_id, found.c.service_id, found.c.currency, found.c.contract_number)
    return fetch(console.database, query, CONTRACTS, state, *key)


def _notices(request: Request, console: ConsoleDep, month: date) -> Any:
    extra = {"month": format_month(month), "show": "notices"}
    state = read_state(request.query_params, NOTICES, ("kind",), sort="-amount", extra=extra)
    found = stored.notices_of(month).subquery()
    query = sa.select(found).where(searched(state, found.c.client, found.c.message))
    if "kind" in state.filters:
        query = query.where(found.c.kind == state.filters["kind"])
    return fetch(console.database, query, NOTICES, state, found.c.kind, found.c.contact_id, found.c.period_id)


def _by_currency(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["currency"], []).append(row)
    return found
