"""What a month's documents change in the contracts (rules/accruals.md, Contracts).

A row for each client, service, currency and document: which course of the client's a document belongs to, and so
which contract, is decided by its date. Amounts in two currencies cannot be added.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ledger_pipelines.closing import restatement
from ledger_pipelines.closing.differences import differs
from ledger_pipelines.columns import decimals
from ledger_pipelines.frames import Series, column_of, constant, narrowed, to_arrow, to_pandas
from ledger_pipelines.invoicing.amounts import Amounts
from ledger_pipelines.invoicing.documents import Documents, counting, newest
from ledger_pipelines.money import AMOUNT
from ledger_pipelines.tables import invoicing as tables

_KEY = ("month", "contact_id", "service_id", "currency", "document_id")
_CONTRACT = _KEY[1:]
#: What a row takes of its document, and how it is called there.
_HEADER = {
    "id": "document_id",
    "month": "month",
    "date": "document_date",
    "document_type": "document_type",
    "source_document_id": "made_from",
}
#: `document_id` is empty in months that were closed before documents had rows of their own; only there the last three
#: are null.
CONTRACTS = tables.CONTRACTS.schema


def contract_movements(documents: Documents, booked: pa.Table, services: pa.Table) -> pa.Table:
    """What each document changes in its month (CONTRACTS), in the order of the key.

    `documents` has each id once. `booked` are rows of closed months (CONTRACTS): what they hold of a document is
    taken off in the month that restates it, so that a document's rows always add up to what it now comes to. What
    a line comes to is said in `amounts`; drafts, cancelled and removed documents, documents without a client and
    lines of no service do not count.
    """
    closed = to_pandas(booked)
    held = closed[closed["document_id"].isin(documents.ids)]
    held = held.assign(amount=narrowed(-held["amount"], AMOUNT), is_now=constant(False, pa.bool_(), held))
    now = _amounts(documents, services)
    sums = pd.concat([now, held[now.columns]]).groupby(list(_CONTRACT), as_index=False)
    headers = to_pandas(documents.headers.select(list(_HEADER))).rename(columns=_HEADER)
    rows = sums.agg({"amount": "sum", "is_now": "max"}).merge(headers, on="document_id")
    is_credit = rows["document_type"] == "creditnote"
    rows = rows.assign(
        amount=narrowed(rows["amount"], AMOUNT),
        contract_date=rows["document_date"],
        made_from=rows["made_from"].where(is_credit),
    )
    is_own = rows["is_now"] & (rows["document_date"].dt.floor("MS") == rows["month"])
    rows = rows[is_own | (rows["amount"] != 0) | _is_restated(rows, booked)]
    return to_arrow(rows.sort_values(list(_KEY)), CONTRACTS)


def split_by_document(booked: pa.Table, closed: Documents, services: pa.Table) -> pa.Table:
    """The rows of closed months (CONTRACTS) with a document each; `closed` are all documents that those months hold.

    A month that was closed before documents had rows of their own holds one row of them all. In its place stand what its
    documents came to.
    """
    rows = to_pandas(booked)
    is_whole = rows["document_id"] == ""
    if not is_whole.any():
        return booked
    whole = closed.of_months(rows.loc[is_whole, "month"].unique())
    then = contract_movements(newest(whole), CONTRACTS.empty_table(), services)
    return pa.concat_tables([to_arrow(rows[~is_whole], CONTRACTS), then])


def _amounts(documents: Documents, services: pa.Table) -> pd.DataFrame:
    """A row for each line that counts: its contract, document and what it comes to."""
    amounts = Amounts(documents, services)
    owners, service_rows = amounts.lines.owners, amounts.lines.services
    heads = to_pandas(documents.headers.select(["contact_id", "currency", "id"]))
    counts = counting(documents.headers) & heads["contact_id"].notna().to_numpy()
    is_counted = (service_rows >= 0) & counts[owners]
    lines = heads.iloc[owners[is_counted]].rename(columns={"id": "document_id"})
    service_ids = to_pandas(services.select(["id"]))["id"].iloc[service_rows[is_counted]]
    return lines.assign(
        service_id=service_ids.set_axis(lines.index),
        amount=column_of(decimals(amounts.shares[is_counted], AMOUNT), lines.index),
        is_now=constant(True, pa.bool_(), lines),
    )


def _is_restated(rows: pd.DataFrame, booked: pa.Table) -> Series:
    """Where the newest closed month that holds the row's contract and document says another date, source or kind."""
    held = to_pandas(restatement.newest(booked, _CONTRACT))
    both = rows[list(_CONTRACT)].merge(
        held.assign(is_held=constant(True, pa.bool_(), held)), how="left", on=list(_CONTRACT)
    )
    both.index = rows.index
    changed = [differs(rows[name], both[name]) for name in ("document_date", "made_from", "document_type")]
    return both["is_held"].notna() & (changed[0] | changed[1] | changed[2])
