"""Invoiced money that no contract claims, each document with its amount (rules/accruals.md, Contracts)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import (
    Column,
    Exact,
    Int64s,
    array,
    column,
    decimals,
    positions,
    present,
    take,
    take_rows,
)
from ledger_pipelines.errors import Problem
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
    headers = documents.headers
    counts = counting(headers) & ~amounts.is_contradictory
    named = amounts.lines.named
    is_named, is_service = present(named), amounts.lines.services >= 0
    sold = counts[amounts.lines.owners] & (amounts.shares != 0).astype(bool)
    has_contact = present(column(headers, "contact_id"))[amounts.lines.owners]
    lost = sold & ~has_contact & (is_service | ~is_named)
    unknown = sold & is_named & ~is_service & (positions(named, channels) < 0)
    nameless = sold & has_contact & ~is_named
    is_loose = (
        counts & amounts.is_credit & (positions(column(headers, "source_document_id"), invoice_ids) < 0)
    )
    nets = np.where(amounts.is_credit, -abs(amounts.net), amounts.net)
    loose = np.flatnonzero(is_loose)
    return pa.concat_tables(
        [
            _documents(documents, amounts, lost),
            _lines(documents, amounts, nameless, NO_ACCOUNT),
            _lines(documents, amounts, unknown, UNKNOWN_ACCOUNT),
            _rows(headers, loose, nets[loose], UNKNOWN_INVOICE),
        ]
    ).sort_by([("month", "ascending"), ("document_number", "ascending"), ("line_number", "ascending")])


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
    rows = np.flatnonzero(amounts.is_contradictory & counting(documents.headers))
    of_lines, nets = (decimals(units[rows], AMOUNT) for units in (amounts.of_lines, amounts.net))
    return [
        Problem(
            _INTEGRATION,
            _OPERATION,
            row["document_type"],
            row["id"],
            f"{row['document_number'] or row['id']} of {row['date']} has lines of {lines} {row['currency']} and, by "
            f"its total, comes to {net} {row['currency']} without tax, so that nothing says what it comes to: mend "
            "it in Holded.",
        )
        for row, lines, net in zip(
            take_rows(documents.headers, rows).to_pylist(),
            of_lines.to_pylist(),
            nets.to_pylist(),
            strict=True,
        )
    ]


def unexplained(documents: Documents, services: pa.Table) -> pa.Table:
    """Documents whose lines were scaled, though neither a discount nor a rate says why: month, number, both amounts."""
    amounts = Amounts(documents, services)
    is_odd = amounts.is_scaled & ~amounts.is_explained & ~amounts.is_contradictory
    rows = np.flatnonzero(is_odd & counting(documents.headers))
    headers = take_rows(documents.headers, rows)
    return pa.table(
        {
            "month": column(headers, "month"),
            "document_number": pc.coalesce(column(headers, "document_number"), column(headers, "id")),
            "lines": decimals(amounts.of_lines[rows], AMOUNT),
            "net": decimals(amounts.net[rows], AMOUNT),
            "currency": column(headers, "currency"),
        }
    )


def _documents(documents: Documents, amounts: Amounts, lines: np.ndarray) -> pa.Table:
    """The documents of these lines, with what the lines come to."""
    owners, place = np.unique(amounts.lines.owners[lines], return_inverse=True)
    sums = np.zeros(owners.size, dtype=object)
    np.add.at(sums, place, amounts.shares[lines])
    return _rows(documents.headers, owners, sums, NO_CONTACT)


def _lines(documents: Documents, amounts: Amounts, lines: np.ndarray, reason: str) -> pa.Table:
    rows = np.flatnonzero(lines)
    numbers = take(column(documents.lines, "line_number"), rows)
    return _rows(documents.headers, amounts.lines.owners[rows], amounts.shares[rows], reason, numbers)


def _rows(
    headers: pa.Table, owners: Int64s, amounts: Exact, reason: str, numbers: Column | None = None
) -> pa.Table:
    found = take_rows(headers, owners)
    return pa.table(
        {
            "month": column(found, "month"),
            "document_id": column(found, "id"),
            "document_type": column(found, "document_type"),
            "document_number": column(found, "document_number"),
            "date": column(found, "date"),
            "line_number": array([None] * owners.size, pa.int32()) if numbers is None else numbers,
            "reason": pa.repeat(reason, owners.size),
            "amount": decimals(amounts, AMOUNT),
            "currency": column(found, "currency"),
        }
    ).cast(UNCLAIMED)


def _name(document_id: str, line_number: int | None) -> str:
    return document_id if line_number is None else f"{document_id}/{line_number}"
