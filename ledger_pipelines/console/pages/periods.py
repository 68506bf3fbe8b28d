"""`/periods`: each month's state, its figures, its checks, and what was done with it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.listing import Heading, listed, read_state
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.store.queries.month_overview import month_overviews

router = APIRouter()

HEADINGS = (
    Heading("month", "Month"),
    Heading("is_closed", "Status", line="a closed month is final: nothing changes its rows"),
    Heading("statements", "Statements", is_number=True),
    Heading("totals", "Total", is_number=True, is_sortable=False),
    Heading("failures", "Checks", line="what the checks of the month found last"),
    Heading("closed_at", "Closed"),
)


@router.get("/periods")
def show_periods(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """The months, the latest first."""
    with console.database.connect() as connection:
        months = month_overviews(connection)
    state = read_state(request.query_params, HEADINGS, sort="-month")
    return page(request, "periods.html", person, listing=listed(months, HEADINGS, state))
