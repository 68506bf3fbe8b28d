"""What a month's documents change in the contracts (rules/accruals.md, Contracts).

A row for each client, service, currency and document: which course of the client's a document belongs to, and so
which contract, is decided by its date. Amounts in two currencies cannot be added.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.restatement import first_of_month
from ledger_pipelines.columns import (
    Column,
    Mask,
    column,
    decimals,
    joined_text,
    kept,
    mask,
    picked,
    positions,
    present,
    small_units,
    take,
)
from ledger_pipelines.invoicing.amounts import Amounts
from ledger_pipelines.invoicing.documents import Documents, counting, newest
from ledger_pipelines.money import AMOUNT

_KEY = ("month", "contact_id", "service_id", "currency", "document_id")
_CONTRACT = _KEY[1:]
#: `document_id` is empty in months that were closed before documents were told apart; only there the last three are null.
CONTRACTS = pa.schema(
    [
        *(
            pa.field(name, kind, nullable=False)
            for name, kind in (
                ("month", pa.date32()),
                *((name, pa.string()) for name in _CONTRACT),
                ("contract_date", pa.date32()),
                ("amount", AMOUNT),
            )
        ),
        pa.field("document_type", pa.string()),
        pa.field("document_date", pa.date32()),
        pa.field("made_from", pa.string()),
    ]
)


def contract_movements(documents: Documents, booked: pa.Table, services: pa.Table) -> pa.Table:
    """What each document changes in its month (CONTRACTS), in the order of the key.

    `documents` has each id once. `booked` are rows of closed months (CONTRACTS): what they hold of a document is
    taken off in the month that restates it, so that a document's rows always add up to what it now comes to. What
    a line comes to is said in `amounts`; drafts, cancelled and removed documents, documents without a client and
    lines of no service do not count.
    """
    amounts = _amounts(documents, services)
    held = _held(documents, booked)
    both = pa.concat_tables([amounts, held.select(amounts.column_names).cast(amounts.schema)])
    sums = both.group_by(list(_CONTRACT), use_threads=False).aggregate([("amount", "sum"), ("is_now", "max")])
    owners = positions(column(sums, "document_id"), documents.ids)
    headers = picked(documents.headers, owners)
    dates = column(headers, "date")
    is_credit = pc.equal(column(headers, "document_type"), pa.scalar("creditnote"))
    sources = pc.if_else(is_credit, column(headers, "source_document_id"), pa.scalar(None, pa.string()))
    rows = pa.table(
        {
            "month": column(headers, "month"),
            **{name: column(sums, name) for name in _CONTRACT},
            "contract_date": dates,
            "amount": column(sums, "amount_sum"),
            "document_type": column(headers, "document_type"),
            "document_date": dates,
            "made_from": sources,
        }
    )
    is_own = mask(pc.equal(first_of_month(dates), column(headers, "month"))) & mask(
        column(sums, "is_now_max")
    )
    rows = kept(rows, is_own | (small_units(column(sums, "amount_sum")) != 0) | _is_told_anew(rows, booked))
    return rows.cast(CONTRACTS).sort_by([(name, "ascending") for name in _KEY])


def told_apart(booked: pa.Table, closed: Documents, services: pa.Table) -> pa.Table:
    """The rows of closed months (CONTRACTS) with a document each; `closed` are all documents that those months hold.

    A month that was closed before documents were told apart holds one row of them all. In its place stand what its
    documents came to.
    """
    is_whole = mask(pc.equal(column(booked, "document_id"), pa.scalar("")))
    if not is_whole.any():
        return booked
    months: list[Any] = pc.unique(column(kept(booked, is_whole), "month")).to_pylist()
    nothing = CONTRACTS.empty_table()
    then = contract_movements(newest(closed.of_months(months)), nothing, services)
    return pa.concat_tables([kept(booked, ~is_whole).select(CONTRACTS.names).cast(CONTRACTS), then])


def _amounts(documents: Documents, services: pa.Table) -> pa.Table:
    """A row for each line that counts: its contract, document and what it comes to."""
    amounts = Amounts(documents, services)
    owners, service_rows = amounts.lines.owners, amounts.lines.services
    counts = counting(documents.headers) & present(column(documents.headers, "contact_id"))
    is_counted = (service_rows >= 0) & counts[owners]
    headers = picked(documents.headers, owners[is_counted])
    return pa.table(
        {
            "contact_id": column(headers, "contact_id"),
            "service_id": take(column(services, "id"), service_rows[is_counted]),
            "currency": column(headers, "currency"),
            "document_id": column(headers, "id"),
            "amount": decimals(amounts.shares[is_counted], AMOUNT),
            "is_now": pa.repeat(pa.scalar(True), headers.num_rows),
        }
    )


def _held(documents: Documents, booked: pa.Table) -> pa.Table:
    """What closed months hold of these documents, to be taken off."""
    held = kept(booked, positions(column(booked, "document_id"), documents.ids) >= 0)
    amounts = decimals(-small_units(column(held, "amount")), AMOUNT)
    held = held.set_column(held.schema.get_field_index("amount"), "amount", amounts)
    return held.append_column("is_now", pa.repeat(pa.scalar(False), held.num_rows))


def _is_told_anew(rows: pa.Table, booked: pa.Table) -> Mask:
    """Where the newest closed month that holds the row's contract and document says another date, source or kind."""
    newest = booked.sort_by([("month", "descending")])
    known = positions(_joined(rows), _joined(newest))
    is_known = known >= 0
    differs = np.zeros(rows.num_rows, dtype=bool)
    for name in ("document_date", "made_from", "document_type"):
        now = column(rows, name)
        before = take(column(newest, name), known)
        is_same = mask(pc.equal(now, before)) | (~present(now) & ~present(before))
        differs |= ~is_same
    return is_known & differs


def _joined(rows: pa.Table) -> Column:
    return joined_text(rows, list(_CONTRACT))
