"""Taking reports of crypto payments: what is stored, and what becomes of the invoice (rules/cfo_sync.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import psycopg

from ledger_pipelines.cfo.networks import network_of
from ledger_pipelines.cfo.payments import (
    FINAL_STATUSES,
    SYNCED_STATUSES,
    InvoiceState,
    Payment,
    invoice_state,
    normalised_hash,
    required_confirmations,
)
from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.store.cfo.crypto_invoices import (
    CryptoInvoice,
    StoredPayment,
    add_payment,
    lock_invoice,
    payments_of,
    payments_of_transaction,
    renew_payment,
    set_state,
)
from ledger_pipelines.store.database import Database

#: What the table of payments keeps: numeric(38, 18).
_DECIMALS = 18
_TOO_MUCH = Decimal(10) ** 20


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """A payment as the chain reports it: its hash, what was paid in which currency, and its confirmations so far.

    Without a `network` it is taken to be on the invoice's. `output` distinguishes what one transaction pays by several
    outputs, or to several invoices.
    """

    transaction_hash: str
    currency: str
    network: str | None
    amount: Decimal
    confirmations: int
    output: str | None = None


def report_payment(
    database: Database, invoice_number: str, payment: PaymentReport, *, at: datetime
) -> InvoiceState:
    """Stores the payment, or what is new of it, and gives the invoice the state that its payments come to.

    Reported twice, it counts once, as it was reported last: confirmations may fall, and an invoice that is paid by it and
    that the CFO does not have falls back. A payment on another network than the invoice's, and one of an invoice that is
    cancelled or complete, is kept and changes nothing; `cfo_alerts` names it.

    Raises LedgerError when there is no such invoice, the payment is invalid (no hash, no amount above zero with
    at most 18 decimals), in another currency or on a network that nobody knows, or its hash and output were reported for
    another invoice or with another amount.
    """
    report = _checked(payment)
    with database.connect() as connection, connection.transaction():
        invoice = lock_invoice(connection, invoice_number, report.currency)
        own_network = _own_network(invoice)
        network = network_of(report.network) if report.network else own_network
        counts = own_network is None or network == own_network
        before = _state(connection, invoice)
        _store(connection, invoice, replace(report, network=network), counts, at)
        now = _state(connection, invoice)
        after = _next_state(invoice, before, now)
        is_paid_by_these = now.paid_at is not None
        if after.status not in FINAL_STATUSES and (is_paid_by_these or after.status not in SYNCED_STATUSES):
            received = now.received if is_paid_by_these else None
            set_state(connection, invoice, status=after.status, paid_at=after.paid_at, received=received)
    return after


def _own_network(invoice: CryptoInvoice) -> str | None:
    if not (invoice.network and invoice.network.strip()):
        return None
    try:
        return network_of(invoice.network)
    except LedgerError as error:
        raise LedgerError(f"Invoice {invoice.number} is on a network that nobody knows: {error}") from None


def _state(connection: psycopg.Connection, invoice: CryptoInvoice) -> InvoiceState:
    """What the payments that count come to."""
    counted = [
        Payment(one.transaction_hash, one.amount, one.confirmations, one.needed, one.confirmed_at, one.output)
        for one in payments_of(connection, invoice)
        if one.counts
    ]
    return invoice_state(invoice.status, invoice.amount, invoice.currency, counted)


def _next_state(invoice: CryptoInvoice, before: InvoiceState, after: InvoiceState) -> InvoiceState:
    """The state that the invoice comes to: what is paid is not taken back lightly."""
    if invoice.status not in SYNCED_STATUSES:
        return after
    # Paid by other means, as a person has said: a payment that comes besides takes nothing back, nor dates it anew.
    if before.paid_at is None or before.paid_at != invoice.paid_at:
        status = invoice.status if after.paid_at is None else after.status
        return replace(after, status=status, paid_at=invoice.paid_at)
    # The CFO has it, or a sync is handing it over now: that is for a person, who gets an alert.
    if after.paid_at is None and invoice.is_handed_over:
        return replace(after, status=invoice.status, paid_at=invoice.paid_at)
    return after


def _store(
    connection: psycopg.Connection, invoice: CryptoInvoice, report: PaymentReport, counts: bool, at: datetime
) -> None:
    """Stores what was reported: a new payment, or news of one that is known."""
    needed = required_confirmations(report.currency, report.network)
    of_transaction = payments_of_transaction(connection, report.transaction_hash)
    known = _known(invoice, report, of_transaction)
    is_confirmed = report.confirmations >= needed
    # Of a final invoice what is new is unexpected, and so is what was not yet certain when it became final.
    is_news = known is None or (is_confirmed and known.confirmed_at is None and known.lost_at is None)
    is_unexpected = invoice.status in FINAL_STATUSES and is_news
    if known is None:
        add_payment(
            connection,
            invoice,
            transaction_hash=report.transaction_hash,
            output=report.output or "",
            currency=report.currency,
            network=report.network,
            amount=report.amount,
            confirmations=report.confirmations,
            needed=needed,
            counts=counts,
            is_unexpected=is_unexpected,
            at=at,
        )
    else:
        renew_payment(
            connection,
            known,
            output=report.output or known.output,
            network=report.network,
            confirmations=report.confirmations,
            needed=needed,
            counts=counts,
            is_unexpected=is_unexpected,
            at=at,
        )


def _known(
    invoice: CryptoInvoice, report: PaymentReport, of_transaction: Sequence[StoredPayment]
) -> StoredPayment | None:
    """The payment of the invoice that was reported before and is reported again now; None for a new one.

    With and without its output it is the same payment where its amount leaves no doubt.
    Raises LedgerError where it is ambiguous which it is.
    """
    output = report.output or ""
    reported = [one for one in of_transaction if one.output == output]
    own = [one for one in of_transaction if one.invoice_id == invoice.id]
    if reported:
        if reported[0] in own and reported[0].amount == report.amount:
            return reported[0]
        raise ConflictError(
            f"The payment {_label(report)} was told before, of another invoice or with another amount: it cannot pay "
            f"{invoice.number}. Where one transaction pays several times, tell the output of each."
        )
    alike = [one for one in own if one.amount == report.amount and "" in (one.output, output)]
    if len(alike) == 1:
        return alike[0]
    if (not output and of_transaction) or any(not one.output for one in own):
        raise ConflictError(
            f"The transaction {report.transaction_hash} was told before with other payments: tell the output of each of "
            f"them, those of {invoice.number} that were told without one, too."
        )
    return None


def _label(payment: PaymentReport) -> str:
    return payment.transaction_hash + (f" (output {payment.output})" if payment.output else "")


def _checked(payment: PaymentReport) -> PaymentReport:
    """The payment with its texts as they are kept. Raises LedgerError where it cannot be one."""
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
    return replace(
        payment,
        transaction_hash=transaction_hash,
        network=(payment.network or "").strip() or None,
        output=(payment.output or "").strip() or None,
    )
