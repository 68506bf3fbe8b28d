"""Taking a crypto invoice that another system reports: once, however often it is reported (rules/cfo_sync.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ledger_pipelines.cfo.networks import network_of
from ledger_pipelines.errors import ConflictError
from ledger_pipelines.store.cfo.crypto_invoices import add_invoice, reported_invoice
from ledger_pipelines.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedInvoice:
    """An invoice as another system reports it: `amount_usd` has at most 2 decimals, `crypto_amount` at most 18."""

    invoice_number: str
    client_name: str
    amount_usd: Decimal
    crypto_currency: str
    crypto_network: str | None
    crypto_amount: Decimal
    billing_period: str | None
    description: str | None
    issue_date: date | None
    due_date: date | None
    status: str


def take_invoice(database: Database, invoice: ReportedInvoice) -> tuple[int, bool]:
    """Stores the invoice; returns its id, and whether it is new.

    Reported again it stays as it is, whatever became of its status since. Raises ConflictError for other content under
    its number, LedgerError for a network that nobody knows.
    """
    if invoice.crypto_network is not None:
        network_of(invoice.crypto_network)
    content = {
        "invoice_number": invoice.invoice_number,
        "amount_usd": invoice.amount_usd,
        "crypto_currency": invoice.crypto_currency,
        "crypto_network": invoice.crypto_network,
        "crypto_amount": invoice.crypto_amount,
        "billing_period": invoice.billing_period,
        "description": invoice.description,
        "issue_date": invoice.issue_date,
        "due_date": invoice.due_date,
    }
    with database.connect(application_name="ledger invoices") as connection, connection.transaction():
        before = reported_invoice(connection, invoice.invoice_number)
        number = add_invoice(connection, invoice.client_name, **content, status=invoice.status)
        stored = reported_invoice(connection, invoice.invoice_number) or {}
    reported = {**content, "client_name": invoice.client_name}
    different = [name for name, value in reported.items() if stored.get(name) != value]
    if different:
        raise ConflictError(
            f"Invoice {invoice.invoice_number} was told before with another {different[0]}: a new one takes a new number."
        )
    return number, before is None
