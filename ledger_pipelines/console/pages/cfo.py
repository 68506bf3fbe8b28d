"""`/cfo`: how paid invoices reach the CFO's transactions: measures, alerts, what waits and why, retrying, verifying."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.cfo import metrics as limits
from ledger_pipelines.connections import cfo_database_beside
from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.listing import Heading, fetch, read_state
from ledger_pipelines.console.pages.acting import back, plain
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.waiting import PATIENCE, StillAtWorkError, within
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.runs.cfo_sync import plan_cfo_sync
from ledger_pipelines.runs.starting import start_cfo_sync
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.cfo.mappings import CATEGORIES, ENTITIES, list_mappings
from ledger_pipelines.store.cfo.metrics import sync_metrics
from ledger_pipelines.store.cfo.troubles import KINDS as TROUBLES
from ledger_pipelines.store.cfo.troubles import due_troubles, misfit_payments, settle_payment
from ledger_pipelines.store.queries import cfo_pages as stored
from ledger_pipelines.workflows.cfo.correcting import preview_corrections
from ledger_pipelines.workflows.cfo.verification import Difference, repair, verify

router = APIRouter(prefix="/cfo")

HEADINGS = (
    Heading("invoice_number", "Invoice"),
    Heading("client_name", "Client"),
    Heading("amount_usd", "Amount", is_number=True),
    Heading("currency", "Currency"),
    Heading("paid_at", "Paid"),
    Heading("sync_status", "Status"),
    Heading("retry_count", "Retries", is_number=True),
    Heading("next_attempt_at", "Next try"),
    Heading("sync_error", "Why", is_sortable=False),
    Heading("retry", "Now", is_sortable=False),
)
_KINDS = [*limits.KINDS, *TROUBLES]
_DONE = {
    "nothing": "Nothing is ready to be handed over.",
    "there": "That invoice is among the CFO's transactions already.",
    "settled": "It is kept what was done about the payment.",
}
#: How many differences a page names.
_NAMED = 500


@router.get("")
def show_cfo(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """How the sync is doing, what waits, and the mappings."""
    return _render(request, console, person, news=_DONE.get(request.query_params.get("did", "")))


@router.post("/sync")
def hand_over(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Clerk,
    force: Annotated[bool, Form()] = False,
) -> Response:
    """Hands over what is ready; by force what has failed or waits for its retry, too."""
    return _handed_over(request, console, dagster, person, None, force=force)


@router.post("/invoices/{invoice_id}/retry")
def retry(
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Clerk,
    invoice_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
) -> Response:
    """Hands one invoice over, from the first try, whatever came of it before."""
    return _handed_over(request, console, dagster, person, f"#{invoice_id}", force=True)


@router.post("/verify")
def compare(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """Compares all that was handed over with the CFO's transactions."""
    cfo = cfo_database_beside(console.database, console.settings)
    try:
        found = within(PATIENCE, lambda: verify(console.database, cfo))
    except LedgerError as error:
        return _render(request, console, person, refusal=str(error), status=503)
    return _render(request, console, person, differences=found)


@router.post("/repair")
def mend(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """Mends what can be mended in the rows that came from here, and says what there was and what is left."""
    cfo = cfo_database_beside(console.database, console.settings)

    def work() -> tuple[list[Difference], list[Difference]]:
        return repair(console.database, cfo, clock=console.now), verify(console.database, cfo)

    try:
        mended, left = within(PATIENCE, work)
    except StillAtWorkError as error:
        return _render(request, console, person, news=str(error), status=202)
    except LedgerError as error:
        return _render(request, console, person, refusal=str(error), status=503)
    return _render(request, console, person, differences=left, mended=mended)


@router.post("/payments/settle")
def settle(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    payment: Annotated[str, Form(max_length=500)],
    note: Annotated[str, Form()] = "",
) -> Response:
    """Records what was done about a payment that fits nothing."""
    try:
        text = plain(note)
        with console.database.connect() as connection:
            settle_payment(connection, plain(payment), text and f"{text} ({person.name})", console.now())
    except LedgerError as error:
        return _render(request, console, person, refusal=str(error), status=422)
    return back(request, "/cfo", did="settled")


def _handed_over(
    request: Request,
    console: Console,
    dagster: Webserver,
    person: Person,
    invoice: str | None,
    *,
    force: bool,
) -> Response:
    try:
        plan = within(
            PATIENCE, lambda: plan_cfo_sync(console.database, invoice, force=force, now=console.now())
        )
        if plan.transaction is not None or not plan.months:
            return back(request, "/cfo", did="nothing" if plan.transaction is None else "there")
        asked = start_cfo_sync(
            console.database,
            dagster,
            plan.months,
            config=plan.config,
            purpose=f"{f'invoice {invoice[1:]}' if invoice else 'all'}{' by force' if force else ''}",
            person=person.name,
            today=console.today,
        )
    except LedgerError as error:
        return _render(request, console, person, refusal=str(error), status=409)
    return back(request, f"/sync/requests/{asked.request.id}", did="started" if asked.is_new else "joined")


def _render(
    request: Request,
    console: Console,
    person: Person,
    *,
    news: str | None = None,
    refusal: str | None = None,
    differences: list[Difference] | None = None,
    mended: list[Difference] | None = None,
    status: int = 200,
) -> HTMLResponse:
    state = read_state(request.query_params, HEADINGS, ("status",), sort="paid_at")
    found = stored.found_waiting(status=state.filters.get("status"), text=state.search)
    listing = fetch(console.database, found, HEADINGS, state, found.selected_columns.invoice_id)
    with console.database.connect() as connection:
        measures = limits.Metrics(*sync_metrics(connection, console.now()))
        troubles = due_troubles(connection)
        context: dict[str, Any] = {
            "reasons": stored.failure_reasons(connection),
            "alerts": stored.listed_alerts(connection, _KINDS),
            "payments": misfit_payments(connection),
        }
    return page(
        request,
        "cfo.html",
        person,
        status=status,
        listing=listing,
        measures=measures,
        limits=limits,
        due=[
            *((one.kind, one.message) for one in limits.due_alerts(measures)),
            *((one.kind, one.message) for one in troubles),
        ],
        statuses=[(one, one) for one in stored.STATUSES],
        entities=list_mappings(console.database, ENTITIES),
        categories=list_mappings(console.database, CATEGORIES),
        corrections=preview_corrections(console.database),
        differences=None if differences is None else differences[:_NAMED],
        difference_count=len(differences or ()),
        mended=mended,
        news=news,
        refusal=refusal,
        **context,
    )
