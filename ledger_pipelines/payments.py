"""Telling the ledger of crypto payments: what is stored, and what becomes of the invoice (rules/cfo_sync.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from ledger_pipelines.cfo.payments import (
    SYNCED_STATUSES,
    InvoiceState,
    Payment,
    invoice_state,
    normalised_hash,
    required_confirmations,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.crypto_invoices import (
    lock_invoice,
    payments_of,
    set_state,
    store_payment,
)
from ledger_pipelines.store.database import Database

#: What the table of payments keeps: numeric(38, 18).
_DECIMALS = 18
_TOO_MUCH = Decimal(10) ** 20


@dataclass(frozen=True, slots=True)
class ToldPayment:
    """A payment as the chain tells it: its hash, what was paid in which currency, and its confirmations so far.

    Without a `network` it is taken to be on the invoice's.
    """

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
    payment is none that can be (no hash, no amount above zero with at most 18 decimals) or in another currency, or its
    hash is another invoice's.
    """
    transaction_hash = _checked(payment)
    with database.connect() as connection, connection.transaction():
        invoice = lock_invoice(connection, invoice_number, payment.currency)
        network = payment.network or invoice.network
        store_payment(
            connection,
            invoice,
            transaction_hash=transaction_hash,
            currency=payment.currency,
            network=network,
            amount=payment.amount,
            confirmations=payment.confirmations,
            needed=required_confirmations(payment.currency, network),
            at=at,
        )
        payments = [Payment(**row) for row in payments_of(connection, invoice)]
        state = invoice_state(invoice.status, invoice.amount, invoice.currency, payments)
        if invoice.status in SYNCED_STATUSES and state.paid_at is None:
            # Paid by other means, as a person has said: a payment that comes besides takes nothing back.
            state = replace(state, status=invoice.status)
        set_state(connection, invoice, state.status, state.paid_at)
    return state


def _checked(payment: ToldPayment) -> str:
    """The payment's hash as it is kept. Raises LedgerError where the payment cannot be one."""
    transaction_hash = normalised_hash(payment.transaction_hash)
    amount = payment.amount
    if not transaction_hash:
        raise LedgerError(
            "A payment has no transaction hash: without it nobody knows whether it was told before."
        )
    exponent = amount.as_tuple().exponent
    if not (isinstance(exponent, int) and exponent >= -_DECIMALS and 0 < amount < _TOO_MUCH):
        raise LedgerError(
            f"Payment {transaction_hash} is of {amount}: an amount is above zero, and has at most {_DECIMALS} decimals."
        )
    if payment.confirmations < 0:
        raise LedgerError(
            f"Payment {transaction_hash} has {payment.confirmations} confirmations: tell 0 or more."
        )
    return transaction_hash
