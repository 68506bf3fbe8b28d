"""A document's payments as Holded writes them (`paymentsDetail`; wire/holded.md, Invoice).

What cannot be read of a payment costs its document nothing, and is reported with its amount: a payment is money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.money import format_money
from ledger_pipelines.sources.holded import values
from ledger_pipelines.sources.records.faults import quoted
from ledger_pipelines.sources.records.wire_types import key_of

_ZERO = Decimal(0)
#: Days between a document and its payment: what is farther is a slip, and would be in a month that nobody reads.
_FARTHEST = 3_660


def payment_rows(value: object, *, document_id: str, day: date, currency: str) -> list[dict[str, Any]]:
    """The payments of the document of this day: `id`, `date` and `amount` of each, and `fault`, null where nothing is.

    A payment's id is the document's and its own, or its place where it has none; one that is listed twice counts once.
    A `fault` completes the sentence "Invoice … ", and says that the payment, or all of them, could not be read.
    """
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        fault = (
            f"has the paymentsDetail {quoted(value)}, which is not a list, so that its payments do not count"
        )
        return [_row(f"{document_id}/payments", fault=fault)]
    rows: dict[str, dict[str, Any]] = {}
    for place, payment in enumerate(value, start=1):
        own_id = (_own_id(payment) or str(place)) if isinstance(payment, Mapping) else str(place)
        row = _read(payment, f"{document_id}/{own_id}", day, currency)
        other = 2
        while row["id"] in rows and rows[row["id"]] != row:
            row = row | {"id": f"{document_id}/{own_id}#{other}"}
            other += 1
        rows[row["id"]] = row
    return list(rows.values())


def difference_from_total(
    rows: Iterable[Mapping[str, Any]],
    *,
    document_id: str,
    paid: Decimal,
    refunded: Decimal,
    currency: str,
) -> list[dict[str, Any]]:
    """A row with a fault where payments that could all be read are not what the document says was paid; else none.

    `paid` may be with what was refunded or without it.
    """
    rows = list(rows)
    total = sum((row["amount"] for row in rows if row["fault"] is None), _ZERO)
    if any(row["fault"] for row in rows) or total in (paid, paid - abs(refunded)):
        return []
    fault = (
        f"has payments of {format_money(total, currency)} and says that {format_money(paid, currency)} were paid, so "
        f"that {format_money(paid - total, currency)} do not count"
    )
    return [_row(total_id(document_id), fault=fault)]


def total_id(document_id: str) -> str:
    """What stands for all payments of a document together, where their sum is not what it says was paid."""
    return f"{document_id}/paid"


def _read(payment: object, payment_id: str, day: date, currency: str) -> dict[str, Any]:
    if not isinstance(payment, Mapping):
        return _row(
            payment_id, fault=f"has the payment {quoted(payment)}, which is none, so that it does not count"
        )
    amount, amount_fault = _amount(payment.get("amount"), currency)
    paid_on, date_fault = _day(payment.get("date"), day)
    if amount_fault is None and date_fault is None:
        return _row(payment_id, paid_on=paid_on, amount=amount)
    of = f" of {format_money(amount, currency)}" if amount is not None else ""
    on = f" on {paid_on}" if paid_on is not None else ""
    faults = " and ".join(fault for fault in (amount_fault, date_fault) if fault is not None)
    return _row(payment_id, fault=f"has a payment{of}{on} with {faults}, so that it does not count")


def _amount(value: object, currency: str) -> tuple[Decimal | None, str | None]:
    if value is None:
        return None, "no amount"
    try:
        amount = values.in_currency(values.meant_number(value), currency)
    except ValueError as error:
        return None, f"the amount {quoted(value)}, which {error}"
    return amount, None


def _day(value: object, document: date) -> tuple[date | None, str | None]:
    seconds = values.epoch_seconds(value)
    if seconds is None:
        is_blank = value is None or value in ("", 0)
        return None, "no date" if is_blank else f"the date {quoted(value)}, which is not a date"
    found = values.local_date(seconds)
    if abs((found - document).days) > _FARTHEST:
        return None, f"the date {found}, which is more than ten years from its document's"
    return found, None


def _own_id(payment: Mapping[str, Any]) -> str | None:
    value = payment.get("id")
    text = str(value) if type(value) is int else value
    return key_of(text.strip()) if isinstance(text, str) and text.strip() else None


def _row(
    payment_id: str, *, paid_on: date | None = None, amount: Decimal | None = None, fault: str | None = None
) -> dict[str, Any]:
    return {"id": payment_id, "date": paid_on, "amount": amount, "fault": fault}
