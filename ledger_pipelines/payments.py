"""Telling the ledger of crypto payments: what is stored, and what becomes of the invoice (rules/cfo_sync.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ledger_pipelines.cfo.payments import InvoiceState, Payment, invoice_state, required_confirmations
from ledger_pipelines.store.crypto_invoices import (
    lock_invoice,
    payments_of,
    set_state,
    store_payment,
)
from ledger_pipelines.store.database import Database


@dataclass(frozen=True, slots=True)
class ToldPayment:
    """A payment as the chain tells it: its hash, what was paid in which currency, and its confirmations so far."""

    transaction_hash: str
    currency: str
    network: str | None
    amount: Decimal
    confirmations: int


def tell_payment(
    database: Database, invoice_number: str, payment: ToldPayment, *, at: datetime
) -> InvoiceState:
    """Stores the payment, or what is new of it, and gives the invoice the state that its payments come to.

    Told twice, it counts once; confirmations never become fewer. Raises LedgerError when there is no such invoice, the
    payment is in another currency, or its hash is another invoice's.
    """
    with database.connect() as connection, connection.transaction():
        invoice = lock_invoice(connection, invoice_number, payment.currency)
        store_payment(
            connection,
            invoice,
            transaction_hash=payment.transaction_hash,
            currency=payment.currency,
            network=payment.network,
            amount=payment.amount,
            confirmations=payment.confirmations,
            needed=required_confirmations(payment.currency, payment.network),
            at=at,
        )
        payments = [Payment(**row) for row in payments_of(connection, invoice)]
        state = invoice_state(invoice.status, invoice.amount, invoice.currency, payments)
        set_state(connection, invoice, state.status, state.paid_at)
    return state
