"""Crypto invoices and their payments, as other systems report them (rules/cfo_sync.md, Invoices and payments)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StringConstraints

from ledger_pipelines.console.access import ServiceOnly
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, Number, answer
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.errors import ConflictError
from ledger_pipelines.store.cfo.crypto_invoices import number_of
from ledger_pipelines.workflows.crypto_invoices import ReportedInvoice, take_invoice
from ledger_pipelines.workflows.payments import PaymentReport, report_payment

router = APIRouter(route_class=ExactRoute, tags=["invoices"])

InvoiceId = Annotated[int, Path(ge=1, le=2**31 - 1)]
_Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
_Text = Annotated[str, StringConstraints(max_length=2000)]
_USD = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=2, allow_inf_nan=False)]
_Crypto = Annotated[Decimal, Field(gt=0, max_digits=38, decimal_places=18, allow_inf_nan=False)]
_PROBLEMS = problems(401, 403, 409, 413, 422, 503)


class NewInvoice(BaseModel):
    """A crypto invoice as its system reports it; amounts are numbers or texts."""

    invoice_number: _Short
    client_name: _Short
    amount_usd: _USD
    crypto_currency: _Code
    crypto_network: _Code | None = None
    crypto_amount: _Crypto
    billing_period: _Text | None = None
    description: _Text | None = None
    issue_date: date | None = None
    due_date: date | None = None
    status: Literal["draft", "sent", "overdue", "expired", "cancelled"] = "sent"


class AcceptedInvoice(BaseModel):
    """The invoice's id."""

    id: int


class NewPayment(BaseModel):
    """A payment as the chain reports it; `output` distinguishes what one transaction pays by several outputs."""

    transaction_hash: _Short
    currency: _Code
    network: _Code | None = None
    amount: _Crypto
    confirmations: Annotated[int, Field(ge=0, le=2**31 - 1)]
    output: Annotated[str, StringConstraints(max_length=200)] | None = None


class InvoiceState(BaseModel):
    """What the invoice's payments make of it; amounts are in its currency."""

    id: int
    invoice_number: str
    status: str
    paid_at: datetime | None
    received: Number = Field(description="What is confirmed.")
    seen: Number = Field(description="What is confirmed, and what is not yet.")


_REPORTED_BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"model": AcceptedInvoice, "description": "It was told before."}
}


@router.post(
    "/api/invoice",
    status_code=201,
    response_model=AcceptedInvoice,
    responses=_REPORTED_BEFORE | _PROBLEMS,
)
def take(body: NewInvoice, console: ConsoleDep, _: ServiceOnly) -> ExactJSONResponse:
    """Stores an invoice: 201 for a new one, 200 for one that is known, 409 for other content under its number."""
    try:
        number, is_new = take_invoice(console.database, ReportedInvoice(**body.model_dump()))
    except ConflictError as error:
        raise Refused(409, str(error)) from None
    return answer(AcceptedInvoice(id=number), 201 if is_new else 200)


@router.post(
    "/api/invoice/{invoice_id}/payments", response_model=InvoiceState, responses=_PROBLEMS | problems(404)
)
def pay(invoice_id: InvoiceId, body: NewPayment, console: ConsoleDep, _: ServiceOnly) -> ExactJSONResponse:
    """Stores a payment of the invoice, or what is new of it; the same hash again counts once."""
    with console.database.connect() as connection:
        number = number_of(connection, invoice_id)
    if number is None:
        raise Refused(404, f"There is no crypto invoice {invoice_id}.")
    try:
        state = report_payment(console.database, number, PaymentReport(**body.model_dump()), at=console.now())
    except ConflictError as error:
        raise Refused(409, str(error)) from None
    return answer(
        InvoiceState(
            id=invoice_id,
            invoice_number=number,
            status=state.status,
            paid_at=state.paid_at,
            received=state.received,
            seen=state.seen,
        )
    )
