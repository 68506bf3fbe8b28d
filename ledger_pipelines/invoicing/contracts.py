"""What a month's documents change in the contracts (rules/accruals.md, Contracts).

A contract is a client, a service and a currency: amounts in two currencies cannot be added.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    decimals,
    kept,
    mask,
    picked,
    positions,
    present,
    small_units,
    take,
)
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.documents import Documents
from ledger_pipelines.invoicing.frames import first_of_month
from ledger_pipelines.money import AMOUNT

_KEY = ["month", "contact_id", "service_id", "currency"]
_COLUMNS: dict[str, pa.DataType] = {
    "month": pa.date32(),
    "contact_id": pa.string(),
    "service_id": pa.string(),
    "currency": pa.string(),
    "contract_date": pa.date32(),
    "amount": AMOUNT,
    "documents": pa.int32(),
}
CONTRACTS = pa.schema([pa.field(name, kind, nullable=False) for name, kind in _COLUMNS.items()])


def contract_movements(documents: Documents, superseded: Documents, services: pa.Table) -> pa.Table:
    """Each contract's change in each month (CONTRACTS), in the order of its key.

    `documents` has each id once. `superseded` are documents as closed months hold them, which rows of `documents`
    restate: they are taken off in the month that restates them. Credit notes are negative; drafts, cancelled
    and removed documents, documents without a client and lines of no service do not count.
    """
    now = _amounts(documents, column(documents.headers, "month"), services, sign=1)
    restating = positions(superseded.ids, documents.ids)
    moved = column(documents.headers, "month").take(array(restating))
    both = pa.concat_tables([now, _amounts(superseded, moved, services, sign=-1)])
    sums = both.group_by(_KEY, use_threads=False).aggregate(
        [("date", "min"), ("amount", "sum"), ("invoice_id", "count_distinct"), ("is_own", "max")]
    )
    # News that changes no amount, such as a payment, is no movement.
    sums = kept(sums, mask(column(sums, "is_own_max")) | (small_units(column(sums, "amount_sum")) != 0))
    columns = [*_KEY, "date_min", "amount_sum", "invoice_id_count_distinct"]
    frame = sums.select(columns).rename_columns(CONTRACTS.names)
    return frame.cast(CONTRACTS).sort_by([(name, "ascending") for name in _KEY])


def documents_without_client(documents: Documents, services: pa.Table) -> list[Problem]:
    """Documents that sell a service to nobody: what they invoice belongs to no contract, so it is never recognised."""
    headers = documents.headers
    is_lost = _counting(headers) & ~present(column(headers, "contact_id"))
    lost = documents.of(column(kept(headers, is_lost), "id"))
    sold = kept(lost.lines, _service_rows(column(lost.lines, "account_id"), services) >= 0)
    found = lost.of(column(sold, "invoice_id")).headers
    return [
        Problem(
            "holded",
            "invoices",
            row["document_type"],
            row["id"],
            f"{row['document_number']} of {row['date']} over {row['total']} {row['currency']} has no contact, so it "
            "belongs to no contract and is not accrued: set its contact in Holded.",
        )
        for row in found.to_pylist()
    ]


def _amounts(documents: Documents, months: Column, services: pa.Table, *, sign: int) -> pa.Table:
    """A row for each line that counts: its contract, signed net amount and document; `months` are the headers'."""
    counts = _counting(documents.headers) & present(column(documents.headers, "contact_id"))
    lines = documents.lines
    owners = positions(column(lines, "invoice_id"), documents.ids)
    service_rows = _service_rows(column(lines, "account_id"), services)
    is_counted = (service_rows >= 0) & (owners >= 0)
    is_counted[is_counted] = counts[owners[is_counted]]
    lines, owners, service_rows = kept(lines, is_counted), owners[is_counted], service_rows[is_counted]
    headers = picked(documents.headers, owners)
    signs = np.where(mask(pc.equal(column(headers, "document_type"), pa.scalar("creditnote"))), -sign, sign)
    dates, month = column(headers, "date"), take(months, owners)
    is_own = pc.equal(first_of_month(dates), month)
    return pa.table(
        {
            "month": month,
            "contact_id": column(headers, "contact_id"),
            "service_id": take(column(services, "id"), service_rows),
            "currency": column(headers, "currency"),
            "date": dates,
            # A superseded document is none of the month's own.
            "invoice_id": column(headers, "id") if sign > 0 else pa.nulls(len(owners), pa.string()),
            "amount": decimals(small_units(column(lines, "net_amount")) * signs, AMOUNT),
            "is_own": is_own if sign > 0 else pa.repeat(pa.scalar(False), len(owners)),
        }
    )


def _counting(headers: pa.Table) -> Mask:
    unwanted = [mask(column(headers, name)) for name in ("is_draft", "is_cancelled", "is_removed")]
    return ~unwanted[0] & ~unwanted[1] & ~unwanted[2]


def _service_rows(accounts: Column, services: pa.Table) -> Int64s:
    """The row of the service that each account names, by the sales channel's id or account number; -1 for none."""
    by_id = positions(accounts, column(services, "id"))
    return np.where(by_id >= 0, by_id, positions(accounts, column(services, "account_number")))
