"""What a person must see to, one by one: invoices that failed for good, payments that fit nothing, what was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.alerts import DueAlert
from ledger_pipelines.store.cfo.metrics import WaitingInvoice, waiting_invoices
from ledger_pipelines.wording import counted

FAILED_FOR_GOOD = "failed_for_good"
#: The kind of the alert about handed-over invoices whose transactions are gone; whoever finds them raises it.
LOST = "lost"
Misfit = Literal["wrong_network", "unexpected_payment", "lost_payment"]
_MISFITS: tuple[Misfit, ...] = ("wrong_network", "unexpected_payment", "lost_payment")
KINDS: tuple[str, ...] = (FAILED_FOR_GOOD, LOST, *_MISFITS)
Trouble = TypeVar("Trouble")
#: How many of a kind have an alert each; the others share one with their number.
_ONE_BY_ONE = 50


@dataclass(frozen=True, slots=True)
class MisfitPayment:
    """A payment that fits nothing: on another network, of an invoice that is final, or lost after the hand-over."""

    kind: Misfit
    transaction_hash: str
    output: str
    amount: Decimal
    currency: str
    network: str | None
    confirmations: int
    needed: int
    detected_at: datetime
    invoice_number: str
    invoice_status: str
    invoice_network: str | None
    client_name: str

    @property
    def name(self) -> str:
        """What a person calls it by: its hash, and its output where it has one."""
        return self.transaction_hash + (f":{self.output}" if self.output else "")

    @property
    def message(self) -> str:
        """What does not fit, in one sentence without an end."""
        of = f"invoice {self.invoice_number} of {self.client_name}"
        match self.kind:
            case "wrong_network":
                return f"came on {self.network}, and {of} is on {self.invoice_network}: it does not count"
            case "unexpected_payment":
                return f"came for {of}, which is {self.invoice_status}"
            case "lost_payment":
                return f"has {self.confirmations} of {self.needed} confirmations left, and {of} is the CFO's already"


def misfit_payments(connection: psycopg.Connection) -> list[MisfitPayment]:
    """Payments that fit nothing and that nobody has settled, the oldest first."""
    rows = connection.execute(
        """SELECT * FROM (
               SELECT CASE WHEN NOT p.counts THEN 'wrong_network'
                           WHEN p.is_unexpected OR i.status = 'cancelled' THEN 'unexpected_payment'
                           WHEN p.lost_at IS NOT NULL AND s.sync_status IN ('synced', 'pending') THEN 'lost_payment'
                      END AS kind,
                      p.transaction_hash, p.output, trim_scale(p.amount), p.currency, p.network, p.confirmations,
                      p.needed, p.detected_at, i.invoice_number, i.status, i.crypto_network, c.name
               FROM crypto_payment_transactions p
               JOIN crypto_invoices i ON i.id = p.invoice_id JOIN crypto_clients c ON c.id = i.client_id
               LEFT JOIN crypto_invoice_cfo_sync s ON s.invoice_id = i.id
               WHERE p.settled_at IS NULL AND (NOT p.counts OR p.is_unexpected OR i.status = 'cancelled'
                                               OR p.lost_at IS NOT NULL)) m
           WHERE kind IS NOT NULL ORDER BY detected_at, transaction_hash, output"""
    ).fetchall()
    return [MisfitPayment(*row) for row in rows]


def settle_payment(connection: psycopg.Connection, name: str, note: str, at: datetime) -> None:
    """Records what a person did about a payment (its hash, or hash:output), so that it raises no alert any more.

    Raises LedgerError when it is none that fits nothing, or there is no note.
    """
    found = [one for one in misfit_payments(connection) if name in (one.name, one.transaction_hash)]
    if not note.strip():
        raise LedgerError("Say what was done about the payment, such as: sent back on the 3rd.")
    if len(found) != 1:
        which = "no payment" if not found else f"{len(found)} payments"
        raise LedgerError(
            f"{name} is {which} that fits nothing: see `ledger cfo payments` for the names of those there are."
        )
    connection.execute(
        """UPDATE crypto_payment_transactions SET settled_at = %s, settlement = %s
           WHERE transaction_hash = %s AND output = %s""",
        [at, note.strip(), found[0].transaction_hash, found[0].output],
    )


def due_troubles(connection: psycopg.Connection) -> list[DueAlert]:
    """The alerts that are called for, one for each invoice or payment, of the kinds KINDS."""
    misfits = misfit_payments(connection)
    failed = [
        one for one in waiting_invoices(connection) if one.sync_status == "failed" and not one.retryable
    ]
    due = _one_by_one(FAILED_FOR_GOOD, failed, lambda one: (f"#{one.invoice_id}", _failed(one)))
    for kind in _MISFITS:
        of_kind = [one for one in misfits if one.kind == kind]
        due += _one_by_one(kind, of_kind, lambda one: (one.name, _misfit(one)))
    return due + _still_lost(connection)


def _one_by_one(
    kind: str, troubles: Sequence[Trouble], described: Callable[[Trouble], tuple[str, str]]
) -> list[DueAlert]:
    due = []
    for one in troubles[:_ONE_BY_ONE]:
        subject, message = described(one)
        due.append(DueAlert(kind, message, subject))
    if len(troubles) > _ONE_BY_ONE:
        more = f"More than {_ONE_BY_ONE} alerts of the kind {kind}: see `ledger cfo pending` and `ledger cfo payments`."
        due.append(DueAlert(kind, more, "more"))
    return due


def _failed(one: WaitingInvoice) -> str:
    return (
        f"Invoice {one.label} of {one.client_name or 'nobody'}, {one.amount_label}, could not be handed to the CFO and "
        f"is not tried again: {one.error}"
    )


def _misfit(one: MisfitPayment) -> str:
    return (
        f"Payment {one.name} of {one.amount} {one.currency} {one.message}. See to it, then "
        f"`ledger cfo settle {one.name} --note …`."
    )


def _still_lost(connection: psycopg.Connection) -> list[DueAlert]:
    """Goes on until all that was lost is handed over again; whoever finds the loss raises the alert."""
    row = connection.execute(
        """SELECT count(*) FROM v_crypto_invoices_pending_sync p JOIN crypto_invoice_cfo_sync s USING (invoice_id)
           WHERE s.lost_at IS NOT NULL"""
    ).fetchone()
    count = 0 if row is None else row[0]
    message = (
        f"The CFO's transactions of {counted(count, 'invoice')} are gone, and not yet handed over again."
    )
    return [DueAlert(LOST, message)] if count else []
