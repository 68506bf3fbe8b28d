"""`/`: a month's statements, what they come to beside the month before, and what is missing of them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from ledger_pipelines.closing.readiness import Reason
from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.listing import Heading, State, all_rows, fetch, read_state, searched
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.exports.spreadsheets import Cell, Money, csv_text, write_workbook
from ledger_pipelines.months import add_months, format_month
from ledger_pipelines.store.queries.dashboard import (
    EXPIRING,
    CompanyFilter,
    LedgerMonth,
    companies_query,
)
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.dashboard import (
    UnknownMonthError,
    edited_since_run,
    month_at_a_glance,
    months_of_ledger,
    selected_month,
)
from ledger_pipelines.workflows.documents import PART

router = APIRouter(route_class=ExactRoute)

HEADINGS = (
    Heading("account_number", "Account"),
    Heading("company_name", "Company"),
    Heading("billing_plan", "Plan"),
    Heading("contract_term", "Term"),
    Heading("contract_end_date", "Ends", line="the last day of the contract"),
    Heading("regular_users", "Users", is_number=True, line="people who are paid for"),
    Heading("workstations", "WS", is_number=True, line="workstations"),
    Heading("servers", "Servers", is_number=True),
    Heading("vms", "VMs", is_number=True, line="virtual machines"),
    Heading("terabytes", "TB", is_number=True, line="terabytes that are backed up"),
    Heading(
        "hours_used", "Hours", is_number=True, line="hours of tickets in the month, prepaid ones among them"
    ),
    Heading("total", "Total", is_number=True),
    Heading("change", "Change", is_number=True, line="against the month before"),
)
_EXPORTED = (*(heading.label for heading in HEADINGS), "Currency")
ROW_FILTERS = (
    ("changed", "Total changed"),
    ("expiring", f"Contract ends within {EXPIRING.days} days"),
    ("ended", "Contract has ended"),
    ("edited", "Edited since its run"),
)


@router.get("/")
def show_dashboard(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """A month, the latest with statements where none is asked for."""
    months, selected = _months(request, console)
    if selected is None:
        return page(request, "dashboard.html", person, month=None)
    glance = month_at_a_glance(console.database, selected)
    state = _state(request, selected)
    query = _query(selected, state, glance.edited)
    return page(
        request,
        "dashboard.html",
        person,
        month=selected.month,
        months=[one for one in months if one.has_statements or one is selected],
        glance=glance,
        listing=fetch(console.database, query, HEADINGS, state, query.selected_columns.account_number),
        plans=[(plan, plan) for plan in glance.plans],
        terms=[(term, term) for term in glance.terms],
        choices=ROW_FILTERS,
        reasons=_kinds(glance.reasons),
        pdf_parts=-(-sum(one.statements for one in glance.totals) // PART),
    )


def _kinds(reasons: Sequence[Reason]) -> str:
    """How many reasons there are of each kind: `3 open errors, 1 failed check`."""
    names = {"error": "open error", "invariant": "failed check", "step": "failed step", "month": "matter"}
    counts: Counter[str] = Counter(reason.kind for reason in reasons)
    return ", ".join(counted(counts[kind], name) for kind, name in names.items() if counts[kind])


@router.get("/dashboard.csv")
def export_csv(request: Request, console: ConsoleDep, _: Clerk) -> Response:
    """What the list shows, all pages of it, as CSV."""
    name, rows = _exported(request, console)
    return _download(csv_text(_EXPORTED, rows).encode(), f"{name}.csv", "text/csv; charset=utf-8")


@router.get("/dashboard.xlsx")
def export_xlsx(request: Request, console: ConsoleDep, _: Clerk) -> Response:
    """What the list shows, all pages of it, as a workbook."""
    name, rows = _exported(request, console)
    quantities = [
        place for place, heading in enumerate(HEADINGS) if heading.name in ("terabytes", "hours_used")
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "companies.xlsx"
        write_workbook(path, "Companies", _EXPORTED, rows, quantities=quantities)
        content = path.read_bytes()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(content, f"{name}.xlsx", kind)


def _months(request: Request, console: Console) -> tuple[list[LedgerMonth], LedgerMonth | None]:
    """The ledger's months, and the one that the address names; a month that is not among them is refused."""
    months = months_of_ledger(console.database)
    try:
        return months, selected_month(months, request.query_params.get("month"))
    except UnknownMonthError as error:
        raise Refused(404, str(error)) from None


def _state(request: Request, selected: LedgerMonth) -> State:
    extra = {"month": format_month(selected.month)}
    return read_state(
        request.query_params, HEADINGS, ("plan", "term", "show"), sort="company_name", extra=extra
    )


def _query(selected: LedgerMonth, state: State, edited: frozenset[str]) -> Any:
    show = state.filters.get("show", "")
    which = CompanyFilter(
        plan=state.filters.get("plan", ""),
        term=state.filters.get("term", ""),
        is_expiring=show == "expiring",
        has_ended=show == "ended",
        is_changed=show == "changed",
        only=edited if show == "edited" else None,
    )
    query = companies_query(selected.month, add_months(selected.month, -1), which)
    columns = query.selected_columns
    return query.where(searched(state, columns.account_number, columns.company_name))


def _exported(request: Request, console: Console) -> tuple[str, Iterator[list[Cell]]]:
    """The file's name without its ending, and the rows."""
    _, selected = _months(request, console)
    if selected is None:
        raise Refused(404, "No month has statements yet.")
    query = _query(
        selected, state := _state(request, selected), edited_since_run(console.database, selected.month)
    )
    rows = all_rows(console.database, query, state, query.selected_columns.account_number)
    return f"companies-{format_month(selected.month)}", map(_cells, rows)


def _cells(row: dict[str, Any]) -> list[Cell]:
    amounts = ("total", "change")
    cells: list[Cell] = [
        Money(row[one.name], row["currency"]) if one.name in amounts else _plain(row[one.name])
        for one in HEADINGS
    ]
    return [*cells, row["currency"]]


def _plain(value: Any) -> Cell:
    """Hours and terabytes are as the page shows them, without zeros at the end: exact ones are the statement's."""
    found: Cell = value
    if isinstance(value, Decimal):
        found = value.quantize(Decimal("0.01"), ROUND_HALF_UP).normalize()
    return found


def _download(content: bytes, name: str, kind: str) -> Response:
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
