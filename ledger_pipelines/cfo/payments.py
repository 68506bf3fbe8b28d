"""What payments make of a crypto invoice: how many confirmations and how much money it takes until it is paid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from ledger_pipelines.cfo.networks import network_of
from ledger_pipelines.errors import LedgerError

#: Of a crypto invoice.
STATUSES = (
    "draft",
    "sent",
    "partially_paid",
    "paid",
    "complete",
    "expired",
    "partial",
    "overpaid",
    "overdue",
    "cancelled",
)
#: What no payment changes: the invoice is handed over already, or nobody owes it any more.
FINAL_STATUSES = ("complete", "cancelled")
#: Invoices with these are handed over to the CFO.
SYNCED_STATUSES = ("paid", "overpaid")

_CONFIRMATIONS = {"BTC": 3, "TAO": 12}
_CONFIRMATIONS_OF_USDT = {"TRC20": 20, "ERC20": 12, "BEP20": 15}
_OTHER_CONFIRMATIONS = 6

_STABLE_COINS = ("USDT", "USDC", "DAI", "BUSD")
_TOLERANCE_OF_STABLE_COINS = Decimal("0.001")
_OTHER_TOLERANCE = Decimal("0.005")

#: Digits that hold the sum of any payments of `numeric(38, 18)`, and an amount times a tolerance, exactly.
_EXACT = 100
_HEXADECIMAL = re.compile(r"(?:0x)?([0-9a-f]{6,})")


def normalised_hash(transaction_hash: str) -> str:
    """The hash without surrounding space; of a hexadecimal one the digits in lower case, for it is written either way."""
    text = transaction_hash.strip()
    digits = _HEXADECIMAL.fullmatch(text.lower())
    return text if digits is None else digits[1]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment of an invoice, in the invoice's currency and on its network, as the chain reports it.

    Its hash and `output` identify it: one transaction may pay by several outputs, or several invoices.
    `needed`: the confirmations that make it certain; `confirmed_at`: when it had them, and null until then.
    Raises LedgerError when the amount is not above zero, or the two contradict one another.
    """

    transaction_hash: str
    amount: Decimal
    confirmations: int
    needed: int
    confirmed_at: datetime | None = None
    output: str = ""

    def __post_init__(self) -> None:
        if not (self.amount.is_finite() and self.amount > 0):
            raise LedgerError(
                f"Payment {self.transaction_hash} is of {self.amount}: only amounts above zero are payments."
            )
        if (self.confirmations >= self.needed) != (self.confirmed_at is not None):
            raise LedgerError(
                f"Payment {self.transaction_hash} has {self.confirmations} of {self.needed} confirmations and "
                f"was confirmed at {self.confirmed_at}: set the time when it has them all, and only then."
            )


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """Where an invoice stands. `received` and `seen` are in its currency: what is confirmed, and all there is.

    `paid_at` is null unless `status` is paid, overpaid or complete. A complete invoice whose payments do not reach
    its amount was made complete by other means, and its `paid_at` is null, too: keep the one that is known.
    """

    status: str
    paid_at: datetime | None
    received: Decimal
    seen: Decimal


def required_confirmations(currency: str, network: str | None) -> int:
    """Confirmations that make a payment certain (rules/cfo_sync.md, Invoices and payments).

    Neither case nor the spelling of the network matters. USDT on a network that has no number of its own, or on nobody
    knows which, needs what other currencies do. Raises LedgerError when the network is not known.
    """
    code = _code(currency)
    known = network_of(network) if network and network.strip() else ""
    if code == "USDT":
        return _CONFIRMATIONS_OF_USDT.get(known, _OTHER_CONFIRMATIONS)
    return _CONFIRMATIONS.get(code, _OTHER_CONFIRMATIONS)


def tolerance(currency: str) -> Decimal:
    """The share of the amount that may be missing or too much: 0.001 of a stable coin, 0.005 of others."""
    return _TOLERANCE_OF_STABLE_COINS if _code(currency) in _STABLE_COINS else _OTHER_TOLERANCE


def _code(text: str) -> str:
    return text.strip().upper()


def invoice_state(status: str, amount: Decimal, currency: str, payments: Sequence[Payment]) -> InvoiceState:
    """What all payments of an invoice make of it (rules/cfo_sync.md, Invoices and payments).

    `amount` is what is owed, in `currency`, as the payments are. Their order does not matter, and a hash and
    output that come twice count once, with the greater number of confirmations. The bounds of the tolerance are
    within it.

    - A complete or cancelled invoice, and one without payments, keeps its status.
    - Any other (a draft, an expired or overdue one, too) is paid or overpaid once confirmed payments reach the
      amount; until then partially_paid while a payment waits for confirmations, else partial.
    - It is paid at the confirmation that completed the amount, and stays so when more comes.

    Raises LedgerError when the status is none of `STATUSES`.
    """
    if status not in STATUSES:
        raise LedgerError(
            f"{status!r} is not a status of an invoice: it is one of {', '.join(map(repr, STATUSES))}."
        )
    once = _once(payments)
    with localcontext(prec=_EXACT):
        margin = amount * tolerance(currency)
        seen = sum((payment.amount for payment in once), Decimal(0))
        received = Decimal(0)
        completed_at = None
        for at, payment in _confirmed(once):
            received += payment.amount
            if completed_at is None and received >= amount - margin:
                completed_at = at
        is_over = received > amount + margin
    if status not in FINAL_STATUSES and once:
        if completed_at is not None:
            status = "overpaid" if is_over else "paid"
        else:
            status = "partially_paid" if seen > received else "partial"
    is_paid = status in SYNCED_STATUSES or status == "complete"
    return InvoiceState(status, completed_at if is_paid else None, received, seen)


def _once(payments: Sequence[Payment]) -> list[Payment]:
    """Each hash and output once, in the report with the most confirmations; of equal ones the earliest."""
    latest_first = sorted(payments, key=_instant, reverse=True)
    ordered = sorted(
        latest_first, key=lambda payment: (payment.confirmations, payment.amount, payment.needed)
    )
    known = {(payment.transaction_hash, payment.output): payment for payment in ordered}
    return list(known.values())


def _instant(payment: Payment) -> float:
    """When it was confirmed, in seconds since 1970; 0 until then."""
    return payment.confirmed_at.timestamp() if payment.confirmed_at is not None else 0.0


def _confirmed(payments: Sequence[Payment]) -> list[tuple[datetime, Payment]]:
    """The confirmed payments in the order of their confirmations, of equal times by hash and output."""
    found = [(payment.confirmed_at, payment) for payment in payments if payment.confirmed_at is not None]
    return sorted(found, key=lambda one: (one[0], one[1].transaction_hash, one[1].output))
