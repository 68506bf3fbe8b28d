"""Invoiced money that no contract claims, each document with its amount (rules/accruals.md, Contracts)."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ledger_pipelines.columns import Column, Mask, decimals
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import column_of, constant, narrowed, records_of, summed, to_arrow, to_pandas
from ledger_pipelines.invoicing.amounts import Amounts
from ledger_pipelines.invoicing.documents import Documents, counting
from ledger_pipelines.money import AMOUNT

_COLUMNS: dict[str, pa.DataType] = {
    "month": pa.date32(),
    "document_id": pa.string(),
    "document_type": pa.string(),
    "document_number": pa.string(),
    "date": pa.date32(),
    "line_number": pa.int32(),
    "reason": pa.string(),
    "amount": AMOUNT,
    "currency": pa.string(),
}
#: What nobody claims: a document or a line of it, why, and how much; credit notes are negative.
UNCLAIMED = pa.schema(list(_COLUMNS.items()))
_UNEXPLAINED: dict[str, pa.DataType] = {
    "month": pa.date32(),
    "document_number": pa.string(),
    "lines": AMOUNT,
    "net": AMOUNT,
    "currency": pa.string(),
}
#: A document whose lines come to something else than what it says without tax: both amounts.
UNEXPLAINED = pa.schema(list(_UNEXPLAINED.items()))
_HEADER = ["month", "id", "document_type", "document_number", "date", "currency"]
NO_CONTACT = "has no contact, so it belongs to no contract"
NO_ACCOUNT = "has a line that names no service, neither by its account nor by its document's sales channel"
UNKNOWN_ACCOUNT = "has a line on an account that is no sales channel"
UNKNOWN_INVOICE = "is a credit note, and the invoice that it was made from is not known"
#: Those that are errors of a record, which somebody must mend in Holded.
_ERRORS = {
    NO_CONTACT: "is not accrued: set its contact in Holded.",
    NO_ACCOUNT: "is not accrued: set the line's account, or the document's sales channel, in Holded.",
}
_INTEGRATION, _OPERATION = "holded", "invoices"


def unclaimed(documents: Documents, services: pa.Table, *, channels: Column, invoice_ids: Column) -> pa.Table:
    """The money of these documents that no contract claims (UNCLAIMED).

    `channels` are the ids and account numbers of all sales channels: what was sold through one that is no service
    is somebody else's. `invoice_ids` are all invoices that are known.
    """
    amounts = Amounts(documents, services)
    heads = to_pandas(documents.headers.select([*_HEADER, "contact_id", "source_document_id"]))
    counts = counting(documents.headers) & ~amounts.is_contradictory
    parts = [
        _of_lines(documents, amounts, heads, counts, channels),
        _of_credit_notes(amounts, heads, counts, invoice_ids),
    ]
    rows = pd.concat(parts).merge(heads, left_on="document", right_index=True)
    rows = rows.rename(columns={"id": "document_id"})
    return to_arrow(rows.sort_values(["month", "document_number", "line_number"]), UNCLAIMED)


def unclaimed_problems(rows: pa.Table) -> list[Problem]:
    """The errors among what nobody claims (UNCLAIMED): each names its document, line and amount."""
    return [
        Problem(
            _INTEGRATION,
            _OPERATION,
            row["document_type"] if row["line_number"] is None else "invoice_line",
            _name(row["document_id"], row["line_number"]),
            f"{describe(row)}, and {_ERRORS[row['reason']]}",
        )
        for row in rows.to_pylist()
        if row["reason"] in _ERRORS
    ]


def describe(row: dict[str, object]) -> str:
    """A row of UNCLAIMED as the beginning of a sentence."""
    line = "" if row["line_number"] is None else f", line {row['line_number']},"
    number = row["document_number"] or row["document_id"]
    return f"{number} of {row['date']}{line} over {row['amount']} {row['currency']} {row['reason']}"


def contradictory(documents: Documents, services: pa.Table) -> list[Problem]:
    """Documents of which nothing says what their lines come to: an error each, with both amounts."""
    amounts = Amounts(documents, services)
    return [
        Problem(
            _INTEGRATION,
            _OPERATION,
            row["document_type"],
            row["id"],
            f"{row['document_number'] or row['id']} of {row['date']} has lines of {row['lines']} {row['currency']} and, "
            f"by its total, comes to {row['net']} {row['currency']} without tax, so that nothing says what it comes to: "
            "mend it in Holded.",
        )
        for row in records_of(_with_both_amounts(documents, amounts, amounts.is_contradictory))
    ]


def unexplained(documents: Documents, services: pa.Table) -> pa.Table:
    """Documents whose lines were scaled, though neither a discount nor a rate says why (UNEXPLAINED)."""
    amounts = Amounts(documents, services)
    is_odd = amounts.is_scaled & ~amounts.is_explained & ~amounts.is_contradictory
    odd = _with_both_amounts(documents, amounts, is_odd)
    return to_arrow(odd.assign(document_number=odd["document_number"].fillna(odd["id"])), UNEXPLAINED)


def _with_both_amounts(documents: Documents, amounts: Amounts, where: Mask) -> pd.DataFrame:
    """Those of the documents that count, with what their lines come to and what they say without tax."""
    heads = to_pandas(documents.headers.select(_HEADER))[where & counting(documents.headers)]
    both = {"lines": amounts.of_lines[heads.index], "net": amounts.net[heads.index]}
    return heads.assign(
        **{name: column_of(decimals(units, AMOUNT), heads.index) for name, units in both.items()}
    )


def _of_lines(
    documents: Documents, amounts: Amounts, heads: pd.DataFrame, counts: Mask, channels: Column
) -> pd.DataFrame:
    """What lines that nobody claims come to; of a document without a contact, all of them together."""
    owners, is_service = amounts.lines.owners, amounts.lines.services >= 0
    named = column_of(amounts.lines.named, None)
    has_contact = heads["contact_id"].notna().to_numpy()[owners]
    is_lost = ~has_contact & (is_service | named.isna())
    numbers = to_pandas(documents.lines.select(["line_number"]))["line_number"]
    reasons = constant(None, pa.string(), named)
    reasons = reasons.mask(~is_service & ~named.isin(column_of(channels, None)), UNKNOWN_ACCOUNT)
    reasons = reasons.mask(named.isna(), NO_ACCOUNT).mask(is_lost, NO_CONTACT)
    lines = pd.DataFrame({"document": owners, "line_number": numbers.mask(is_lost), "reason": reasons})
    lines = lines[counts[owners] & (amounts.shares != 0).astype(bool) & reasons.notna()]
    lines = lines.assign(amount=column_of(decimals(amounts.shares[lines.index], AMOUNT), lines.index))
    sums = summed(lines, ["document", "line_number", "reason"], ["amount"])
    return sums.assign(amount=narrowed(sums["amount"], AMOUNT))


def _of_credit_notes(
    amounts: Amounts, heads: pd.DataFrame, counts: Mask, invoice_ids: Column
) -> pd.DataFrame:
    """What credit notes come to whose invoices are not known."""
    is_known = heads["source_document_id"].isin(column_of(invoice_ids, None))
    loose = heads[counts & amounts.is_credit & ~is_known]
    return pd.DataFrame(
        {
            "document": loose.index,
            "line_number": constant(None, pa.int32(), loose),
            "reason": constant(UNKNOWN_INVOICE, pa.string(), loose),
            "amount": column_of(decimals(-abs(amounts.net[loose.index]), AMOUNT), loose.index),
        }
    )


def _name(document_id: str, line_number: int | None) -> str:
    return document_id if line_number is None else f"{document_id}/{line_number}"
