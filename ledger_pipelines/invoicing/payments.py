"""The payments of documents by month, and what becomes of news about closed months.

A payment is a row of the month of its own date, whatever the month of its document. What is learnt of a payment that
a closed month holds, or that is dated in one, is *news*: a row of the first open month after both. So of a payment's
rows the latest month's is what is known of it, and each counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, constant, mapped, to_arrow, to_pandas
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
    current, stored = to_pandas(reading.payments), to_pandas(rows)
    current = current.assign(
        month=current["date"].dt.floor("MS"), is_removed=constant(False, pa.bool_(), current)
    )
    current = current[rows.column_names]
    is_closed = stored["month"].isin(list(closed))
    latest = stored.loc[is_closed, ["id", "month"]].sort_values("month").drop_duplicates("id", keep="last")
    is_known = stored.index.isin(latest.index)
    is_listed = stored["id"].isin(current["id"])
    is_judged = stored["document_id"].isin(list(reading.judged))
    gone = stored[is_known & is_judged & ~is_listed & ~stored["is_removed"]]
    gone = gone.assign(is_removed=constant(True, pa.bool_(), gone))
    news = pd.concat([current[_differs(current, stored[is_known])], gone])
    news = news.assign(month=_landing(news, latest, closed, first_month))
    # What was not read stays; in a closed month, as it would be today, so does the news that still is so.
    is_news = is_closed & ((stored["date"].dt.floor("MS") != stored["month"]) | stored["is_removed"])
    is_outdated = is_known & stored["id"].isin(news["id"])
    stays = (is_news & ~is_outdated) | (~is_news & ~is_listed & ~is_judged)
    found = pd.concat([news, stored[stays], current[current["month"].isin(list(closed))]])
    return to_arrow(found[found["month"].isin(list(months))], rows.schema)


def _differs(current: pd.DataFrame, known: pd.DataFrame) -> Any:
    """Which payments are not, their month aside, as they are known."""
    columns = [name for name in current.columns if name != "month"]
    both = pd.concat([known[columns], current[columns]])
    return ~both.duplicated().to_numpy()[len(known) :]


def _landing(news: pd.DataFrame, latest: pd.DataFrame, closed: Collection[date], first_month: date) -> Series:
    """The month that takes each payment: that of its date or, where a closed month has that or knows the payment, the
    first open one after both. `latest` are the closed months that know payments.
    """
    own = news["date"].dt.floor("MS")
    before = news[["id"]].merge(latest, on="id", how="left")["month"].set_axis(news.index)

    def taking(month: date) -> date:
        month = max(month, first_month)
        return first_open_after(month, closed) if month in closed else month

    return mapped(before.where(before > own, own), taking, pa.date32())


def live_payments(payments: pa.Table) -> pa.Table:
    """Those that the source still had when they were read."""
    return payments.filter(pc.invert(payments["is_removed"]))


def unclaimed_payments(payments: pa.Table, documents: pa.Table) -> pa.Table:
    """The payments of documents that do not count, with the `reason`: a draft's, or a cancelled document's.

    `documents` are headers; of a document that is not among them nothing is known.
    """
    heads = to_pandas(documents.filter(pa.array(~counting(documents))).select(["id", "is_draft"]))
    heads = heads.drop_duplicates("id").rename(columns={"id": "document_id"})
    loose = to_pandas(live_payments(payments)).merge(heads, on="document_id").sort_values(["month", "id"])
    reasons = constant("cancelled", pa.string(), loose).mask(loose["is_draft"], "a draft")
    return to_arrow(loose.assign(reason=reasons), payments.schema.append(pa.field("reason", pa.string())))


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
