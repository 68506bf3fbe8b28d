"""The payments of documents by month, and what becomes of news about closed months.

A payment is a row of the month of its own date, whatever the month of its document. What is learnt of a payment that
a closed month holds, or that is dated in one, is *news*: a row of the first open month after both. So of a payment's
rows the latest month's is what is known of it, and each counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.differences import changed_keys
from ledger_pipelines.closing.restatement import (
    MONTH,
    first_of_month,
    marked,
    newest,
    rows_with,
    rows_without,
    without_month,
)
from ledger_pipelines.columns import Column, column, filter_rows, mask, positions, take
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.documents import counting
from ledger_pipelines.money import format_money
from ledger_pipelines.months import first_open_after, format_month

_INTEGRATION, _OPERATION = "holded", "payments"


@dataclass(frozen=True, slots=True)
class PaymentReading:
    """What a source says of payments: `payments`, without a month, and the ids of the documents that it says all of.

    Of a document among `judged` a payment that is not there is gone; the document itself may be. Of any other document
    what was read before stays.
    """

    payments: pa.Table
    judged: frozenset[str]


def month_payments(
    reading: PaymentReading,
    rows: pa.Table,
    *,
    months: Sequence[date],
    closed: Collection[date],
    first_month: date,
) -> pa.Table:
    """The payments of these months as they are to be kept, closed months among them as they are now.

    `rows` are those that the closed months hold, and at present the open ones of these months. What was paid before
    the ledger's first month of a document that is in it is news of that time.
    """
    current = marked(without_month(reading.payments), is_removed=False)
    judged, ids = _texts(reading.judged), column(current, "id")
    booked = rows_with(rows, "month", _days(closed))
    known = newest(booked, ["id"])
    fresh = rows_with(current, "id", changed_keys("id", current, rows_with(known, "id", ids)))
    absent = rows_without(rows_with(known, "document_id", judged), "id", ids)
    gone = marked(live_payments(absent), is_removed=True)
    stored = rows_without(rows, "month", _days(closed))
    retained = rows_without(rows_without(stored, "document_id", judged), "id", ids)
    calendar = _Calendar(frozenset(closed), first_month)
    parts = [_placed(fresh, known, calendar), _placed(gone, known, calendar), retained]
    parts = [rows_with(part, "month", _days(set(months).difference(closed))) for part in parts]
    is_closed = _days(set(months).intersection(closed))
    parts += [
        rows_with(part, "month", is_closed)
        for part in _as_closed(
            current, booked, known, judged, pa.concat_arrays([column(fresh, "id"), column(gone, "id")])
        )
    ]
    return pa.concat_tables([part.select(rows.column_names).cast(rows.schema) for part in parts])


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Which months are closed, and with which the ledger begins."""

    closed: frozenset[date]
    first_month: date

    def place(self, own: date, known: date | None) -> date:
        """The month of a payment that is dated in `own`, and that differs in the closed month `known`."""
        month = max(own, self.first_month)
        if known is not None and month <= known:
            return first_open_after(known, self.closed)
        return first_open_after(month, self.closed) if month in self.closed else month


def _placed(payments: pa.Table, known: pa.Table, calendar: _Calendar) -> pa.Table:
    """The payments, each in the month that takes it."""
    own = first_of_month(column(payments, "date"))
    before = take(column(known, "month"), positions(column(payments, "id"), column(known, "id")))
    pairs: list[tuple[Any, Any]] = list(zip(own.to_pylist(), before.to_pylist(), strict=True))
    months = {pair: calendar.place(*pair) for pair in set(pairs)}
    placed = pa.array([months[pair] for pair in pairs], pa.date32())
    return without_month(payments).add_column(0, MONTH, placed)


def _as_closed(
    current: pa.Table, booked: pa.Table, known: pa.Table, judged: Column, otherwise: Column
) -> Iterable[pa.Table]:
    """What closed months would hold today: their own payments, those that were not read, and the news that still is so.

    `otherwise` are the payments that differ from what is known of them.
    """
    yield current.add_column(0, MONTH, first_of_month(column(current, "date")))
    is_own = mask(pc.equal(first_of_month(column(booked, "date")), column(booked, "month")))
    is_own &= ~mask(column(booked, "is_removed"))
    own = rows_without(filter_rows(booked, is_own), "id", column(current, "id"))
    yield rows_without(own, "document_id", judged)
    news = filter_rows(booked, ~is_own)
    at = positions(column(news, "id"), column(known, "id"))
    is_newest = mask(pc.equal(column(news, "month"), take(column(known, "month"), at)))
    is_otherwise = mask(pc.is_in(column(news, "id"), value_set=otherwise))
    yield filter_rows(news, ~(is_newest & is_otherwise))


def live_payments(payments: pa.Table) -> pa.Table:
    """Those that the source still had when they were read."""
    return filter_rows(payments, ~mask(column(payments, "is_removed")))


def unclaimed_payments(payments: pa.Table, documents: pa.Table) -> pa.Table:
    """The payments of documents that do not count, with the `reason`: a draft's, or a cancelled document's.

    `documents` are headers; of a document that is not among them nothing is known.
    """
    uncounted = column(filter_rows(documents, ~counting(documents)), "id")
    loose = rows_with(live_payments(payments), "document_id", uncounted)
    at = positions(column(loose, "document_id"), column(documents, "id"))
    is_draft: Any = take(column(documents, "is_draft"), at)
    reasons: Any = pc.if_else(is_draft, pa.scalar("a draft"), pa.scalar("cancelled"))
    return loose.append_column("reason", reasons).sort_by([("month", "ascending"), ("id", "ascending")])


def unclaimed_payment_problems(rows: pa.Table) -> list[Problem]:
    """An error of its month for each payment that no document claims, with its amount."""
    return [
        Problem(
            _INTEGRATION,
            _OPERATION,
            "payment",
            row["id"],
            f"{describe_payment(row)} is of a document that is {row['reason']}, so that it pays nothing: issue the "
            "document, or take the payment out, in Holded.",
            month=format_month(row["month"]),
        )
        for row in rows.to_pylist()
    ]


def describe_payment(row: dict[str, Any]) -> str:
    """A payment as the beginning of a sentence."""
    number = row["document_number"] or row["document_id"]
    return f"The payment of {format_money(row['amount'], row['currency'])} on {row['date']} of {number}"


def _texts(values: Collection[str]) -> Column:
    return pa.array(sorted(values), pa.string())


def _days(months: Collection[date]) -> Column:
    return pa.array(sorted(months), pa.date32())
