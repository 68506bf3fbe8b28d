"""The rules once more, in plain Python, one record after another: slow, and easy to check against the text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ledger_pipelines.cfo.payments import Payment

Row = dict[str, Any]


def state_by_hand(
    status: str, amount: Decimal, currency: str, told: Sequence[Payment]
) -> tuple[str, datetime | None]:
    """The invoice's status and when it was paid."""
    best: dict[str, Payment] = {}
    for payment in told:
        known = best.get(payment.transaction_hash)
        if known is None or _knows_more(payment, known):
            best[payment.transaction_hash] = payment
    share = Fraction(1, 1000) if currency in ("USDT", "USDC", "DAI", "BUSD") else Fraction(1, 200)
    owed = Fraction(amount)
    certain = [payment for payment in best.values() if payment.confirmed_at is not None]
    reached = [
        at
        for at in {payment.confirmed_at for payment in certain}
        if at is not None and _sum_until(certain, at) >= owed - owed * share
    ]
    paid_at = min(reached, default=None)
    if status == "cancelled":
        return "cancelled", None
    if status == "complete":
        return "complete", paid_at
    if not best:
        return status, None
    if paid_at is None:
        return ("partial" if len(certain) == len(best) else "partially_paid"), None
    total = sum(Fraction(payment.amount) for payment in certain)
    return ("overpaid" if total > owed + owed * share else "paid"), paid_at


def _knows_more(one: Payment, other: Payment) -> bool:
    if (one.confirmations, one.amount) != (other.confirmations, other.amount):
        return (one.confirmations, one.amount) > (other.confirmations, other.amount)
    return (
        one.confirmed_at is not None
        and other.confirmed_at is not None
        and one.confirmed_at < other.confirmed_at
    )


def _sum_until(certain: Sequence[Payment], at: datetime) -> Fraction:
    found = (
        Fraction(payment.amount) for payment in certain if payment.confirmed_at and payment.confirmed_at <= at
    )
    return sum(found, Fraction(0))


def transaction_by_hand(invoice: Row, mappings: Sequence[Row], categories: Sequence[Row]) -> Row | None:
    """The CFO's transaction of an invoice; None where it is refused."""
    number, client = invoice["invoice_number"], _bare(invoice["client_name"])
    period, currency = _bare(invoice["billing_period"]), _bare(invoice["currency"])
    paid_in = _bare(invoice["paid_in"])
    if invoice["origin"] == "crypto" and paid_in is None:
        return None
    wanted = (_bare(number), client, invoice["amount"], currency, invoice["paid_at"])
    if None in wanted or invoice["amount"] <= 0 or invoice["origin"] not in ("crypto", "holded"):
        return None
    mapping = _mapping(client, mappings)
    category = _category(f"{period or ''}", f"{invoice['description'] or ''}", categories)
    if mapping is None or category is None:
        return None
    is_crypto = invoice["origin"] == "crypto"
    made = {
        "invoice_id": invoice["invoice_id"],
        "date": invoice["paid_at"],
        "description": f"Invoice {number} - {client}" + (f" - {period}" if period else ""),
        "amount": invoice["amount"],
        "classified_entity": mapping["entity"],
        "business_unit": mapping["business_unit"],
        "source_file": f"{invoice['origin']}_invoice_{number}",
        "transaction_type": "Revenue",
        "confidence": Decimal("1.00"),
        "classification_reason": f"{'Crypto' if is_crypto else 'Holded'} invoice payment from {client}"
        + (f" ({paid_in})" if paid_in else ""),
        "origin": "External Account" if is_crypto else "Holded",
        "destination": "Delta Paraguay Operations",
        "identifier": number,
        "currency": currency,
        "subcategory": category["subcategory"],
    }
    limits = {"currency": 20, "subcategory": 100} | dict.fromkeys(
        ("source_file", "identifier", "classified_entity", "business_unit"), 255
    )
    if any(len(made[name]) > limit for name, limit in limits.items()):
        return None
    return None if any("\x00" in str(value) for value in made.values()) else made


def _bare(text: str | None) -> str | None:
    return (text or "").strip() or None


def _mapping(client: str | None, mappings: Sequence[Row]) -> Row | None:
    for row in sorted(mappings, key=lambda row: row["position"]):
        name = _bare(row["client_name"])
        if name is None or name.casefold() == str(client).casefold():
            return row
    return None


def _category(period: str, description: str, categories: Sequence[Row]) -> Row | None:
    ordered = sorted(categories, key=lambda row: row["position"])
    for row in ordered:
        keyword = _bare(row["keyword"])
        for text in (period, description):
            if keyword is not None and keyword.casefold() in text.casefold():
                return row
    return next((row for row in ordered if _bare(row["keyword"]) is None), None)
