"""Handing paid invoices to the CFO, and the state of that: bodies as in seeds/cfo_sync.md."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from ledger_pipelines.cfo.metrics import Metrics as Measures
from ledger_pipelines.cfo.metrics import due_alerts
from ledger_pipelines.console.access import Writer
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, Number, answer
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.console.waiting import (
    DEFAULT_WAIT,
    StillAtWorkError,
    Wait,
    deadline,
    location,
    waited,
    within,
)
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.runs.cfo_sync import plan_cfo_sync
from ledger_pipelines.runs.requests import AskedRun, wait_for
from ledger_pipelines.runs.starting import start_cfo_sync
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.cfo.metrics import sync_metrics, waiting_invoices
from ledger_pipelines.store.queries.cfo_invoices import InvoiceSync, read_invoice_sync

router = APIRouter(route_class=ExactRoute, tags=["CFO sync"])

#: Seconds for which the CFO's database is waited for at least, so that a request that cannot succeed is refused at once.
_LOOK_SECONDS = 5.0
InvoiceId = Annotated[int, Path(ge=1, le=2**31 - 1)]
SyncStatus = Literal["pending", "synced", "failed", "retry"]


class Synced(BaseModel):
    """The result of handing an invoice over; `error` where it failed."""

    success: bool
    invoice_id: int
    cfo_transaction_id: int | None
    sync_status: SyncStatus
    sync_timestamp: datetime | None
    error: str | None = None


class SyncState(BaseModel):
    """The state of an invoice; `sync_status` is pending until a sync takes it up."""

    invoice_id: int
    invoice_number: str | None
    invoice_status: str
    sync_status: SyncStatus
    cfo_transaction_id: int | None
    sync_timestamp: datetime | None
    entity_mapped: str | None
    category_mapped: str | None
    error: str | None
    retry_count: int
    next_attempt_at: datetime | None


class PendingInvoice(BaseModel):
    """A paid invoice that is not handed over to the CFO."""

    invoice_id: int
    invoice_number: str | None
    client_name: str | None
    amount_usd: Number
    currency: str
    paid_at: datetime
    sync_status: SyncStatus
    retry_count: int
    error: str | None
    next_attempt_at: datetime | None


class PendingInvoices(BaseModel):
    """How many invoices wait, and one page of them, the oldest first."""

    count: int
    invoices: list[PendingInvoice]


class Alert(BaseModel):
    """Something about the sync that a person should see to."""

    kind: str
    message: str


class Metrics(BaseModel):
    """How the sync is doing; what has had nothing to measure is null."""

    average_lag_seconds: Number | None = Field(description="From payment to hand-over, of the last 24 hours.")
    success_rate_percent: Number | None = Field(description="Of the last 7 days.")
    pending: int
    failed: int
    exhausted: int = Field(description="Failed with all retries spent.")
    alerts: list[Alert]


_STARTED: dict[int | str, dict[str, Any]] = {
    202: {"model": Synced, "description": "It has not ended yet; Location says where to look."}
}


@router.post(
    "/api/invoice/{invoice_id}/sync-to-cfo",
    response_model=Synced,
    responses=_STARTED | problems(401, 403, 404, 409, 413, 422, 503),
)
def sync_to_cfo(
    *,
    invoice_id: InvoiceId,
    request: Request,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Writer,
    force: Annotated[bool, Query(description="Take a failed one again, from the first try.")] = False,
    wait: Wait = DEFAULT_WAIT,
) -> ExactJSONResponse:
    """Hands a paid invoice over now; one that is handed over already stays as it is."""
    until = deadline(wait)
    where = location(request, f"/api/invoice/{invoice_id}/sync-status")
    found = _invoice(console, invoice_id)
    if not found.is_paid:
        raise Refused(
            409, f"Invoice {_label(found)} is {found.invoice_status}, not paid: the CFO hears of paid ones."
        )
    seconds = max(until - time.monotonic(), _LOOK_SECONDS)
    try:
        asked = within(seconds, lambda: _begin(console, dagster, person, invoice_id, force=force))
    except StillAtWorkError:
        # The CFO's database hangs: the run is asked for when it answers, or does not.
        return answer(_synced(found, None), 202, where)
    except DatabaseUnavailableError:
        raise
    except LedgerError as error:
        raise Refused(409, str(error)) from None
    found = _invoice(console, invoice_id)
    if asked is None:
        return answer(_synced(found, found.error))
    (execution,) = waited(until, lambda end: wait_for(console.database, dagster, asked, until=end))
    found = _invoice(console, invoice_id)
    if not execution.has_ended:
        return answer(_synced(found, None), 202, where)
    return answer(_synced(found, execution.error_message))


@router.get(
    "/api/invoice/{invoice_id}/sync-status",
    response_model=SyncState,
    responses=problems(401, 403, 404, 422, 503),
)
def sync_status(invoice_id: InvoiceId, console: ConsoleDep, _: Writer) -> ExactJSONResponse:
    """The state of an invoice and of its sync."""
    found = _invoice(console, invoice_id)
    return answer(
        SyncState(
            invoice_id=found.invoice_id,
            invoice_number=found.invoice_number,
            invoice_status=found.invoice_status,
            sync_status=found.sync_status,
            cfo_transaction_id=found.cfo_transaction_id,
            sync_timestamp=found.sync_timestamp,
            entity_mapped=found.entity_mapped,
            category_mapped=found.category_mapped,
            error=found.error,
            retry_count=found.retry_count,
            next_attempt_at=found.next_attempt_at,
        )
    )


@router.get("/api/cfo-sync/pending", response_model=PendingInvoices, responses=problems(401, 403, 422, 503))
def pending(
    console: ConsoleDep,
    _: Writer,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> ExactJSONResponse:
    """Paid invoices that are not handed over to the CFO, and why."""
    with console.database.connect() as connection:
        waiting = waiting_invoices(connection)
    page = [
        PendingInvoice(
            invoice_id=one.invoice_id,
            invoice_number=one.invoice_number,
            client_name=one.client_name,
            amount_usd=one.amount,
            currency=one.currency,
            paid_at=one.paid_at,
            sync_status=one.sync_status or "pending",
            retry_count=one.retry_count,
            error=one.error,
            next_attempt_at=one.next_attempt_at,
        )
        for one in waiting[offset : offset + limit]
    ]
    return answer(PendingInvoices(count=len(waiting), invoices=page))


@router.get("/api/cfo-sync/metrics", response_model=Metrics, responses=problems(401, 403, 503))
def metrics(console: ConsoleDep, _: Writer) -> ExactJSONResponse:
    """How long it takes, how much succeeds, what waits."""
    with console.database.connect() as connection:
        measures = Measures(*sync_metrics(connection, console.now()))
        failed = sum(one.sync_status == "failed" for one in waiting_invoices(connection))
    return answer(
        Metrics(
            average_lag_seconds=measures.lag_seconds,
            success_rate_percent=measures.success_rate,
            pending=measures.pending,
            failed=failed,
            exhausted=measures.exhausted,
            alerts=[Alert(kind=one.kind, message=one.message) for one in due_alerts(measures)],
        )
    )


def _begin(
    console: Console, dagster: Webserver, person: Person, invoice_id: int, *, force: bool
) -> AskedRun | None:
    """Starts the run that hands the invoice over; None where it is handed over already."""
    plan = plan_cfo_sync(console.database, f"#{invoice_id}", force=force, now=console.now())
    if plan.transaction is not None:
        return None
    return start_cfo_sync(
        console.database,
        dagster,
        plan.months,
        config=plan.config,
        purpose=f"invoice {invoice_id}{' by force' if force else ''}",
        person=person.name,
        today=console.today,
    )


def _invoice(console: Console, invoice_id: int) -> InvoiceSync:
    with console.database.connect() as connection:
        found = read_invoice_sync(connection, invoice_id)
    if found is None:
        raise Refused(404, f"There is no invoice {invoice_id}.")
    return found


def _label(found: InvoiceSync) -> str:
    return found.invoice_number or f"#{found.invoice_id}"


def _synced(found: InvoiceSync, error: str | None) -> Synced:
    """Its state: what is synced has no error, and the invoice's own error says more than the run's."""
    is_synced = found.sync_status == "synced"
    message = None if is_synced else (found.error or error)
    return Synced(
        success=is_synced,
        invoice_id=found.invoice_id,
        cfo_transaction_id=found.cfo_transaction_id,
        sync_status="failed"
        if message and not is_synced and found.sync_status == "pending"
        else found.sync_status,
        sync_timestamp=found.sync_timestamp,
        error=message,
    )
