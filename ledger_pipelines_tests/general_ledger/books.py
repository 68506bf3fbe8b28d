"""Small books for the tests of the posting: a chart, documents, and what entries come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.invoices import DEFERRED, INVOICE_LINES, INVOICES, PAYMENTS
from ledger_pipelines.general_ledger.journal import Journal
from ledger_pipelines.tables.general_ledger import ACCOUNTS

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)
_ROLES = {
    "receivables": "1500",
    "withholding_tax": "1579",
    "bank": "1920",
    "deferred_revenue": "2965",
    "revenue": "3000",
    "rounding": "7740",
    "exchange_gain": "8060",
    "exchange_loss": "8160",
}
_VAT = {"25": "2700", "15": "2701"}
PARTIES = pa.table({"source_id": ["c1", "c2"], "party": ["customer:holded:c1", "customer:987654325"]})


def chart() -> Chart:
    """The accounts that the rules name."""
    rows: list[dict[str, Any]] = [{"number": number, "role": role} for role, number in _ROLES.items()]
    rows += [
        {"number": number, "role": "output_vat", "vat_rate": Decimal(rate)} for rate, number in _VAT.items()
    ]
    return Chart.of(pa.Table.from_pylist(rows, ACCOUNTS.part(("number", "role", "vat_rate"))))


def invoice(
    document_id: str,
    subtotal: str,
    tax: str = "0",
    *,
    total: str | None = None,
    day: date = date(2025, 3, 10),
    **more: Any,
) -> dict[str, Any]:
    """A document of Holded; its total is subtotal and tax where nothing else is said."""
    amounts = {"subtotal": Decimal(subtotal), "tax": Decimal(tax)}
    amounts["total"] = Decimal(total) if total else amounts["subtotal"] + amounts["tax"]
    row = {
        "month": day.replace(day=1),
        "id": document_id,
        "document_type": "invoice",
        "date": day,
        "currency": "EUR",
    }
    row |= {"document_number": f"F-{document_id}", "contact_id": "c1", "contact_name": "Ann"}
    flags = dict.fromkeys(("is_draft", "is_cancelled", "is_removed"), False)
    return row | amounts | flags | more


def line(
    document: Mapping[str, Any], net: str, rate: str | None = "21", retention: str = "0", number: int = 1
) -> dict[str, Any]:
    """A line of a document."""
    return {
        "month": document["month"],
        "invoice_id": document["id"],
        "line_number": number,
        "net_amount": Decimal(net),
        "tax_rate": None if rate is None else Decimal(rate),
        "retention": Decimal(retention),
    }


def payment(
    payment_id: str, document: Mapping[str, Any], amount: str, day: date, **more: Any
) -> dict[str, Any]:
    """A payment of a document."""
    names = ("document_type", "document_number", "contact_id", "contact_name", "currency")
    row = {name: document[name] for name in names} | {"document_id": document["id"], "is_removed": False}
    return (
        row | {"id": payment_id, "month": day.replace(day=1), "date": day, "amount": Decimal(amount)} | more
    )


def invoices_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], INVOICES)


def lines_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], INVOICE_LINES)


def payments_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], PAYMENTS)


def deferred_table(*rows: tuple[Mapping[str, Any], str]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"month": document["month"], "document_id": document["id"], "amount": Decimal(amount)}
            for document, amount in rows
        ],
        DEFERRED,
    )


def booked(journal: Journal, entry: str | None = None) -> list[str]:
    """The lines of a journal, or of one entry, as a bookkeeper writes them: `Dr 1500 1210.00`."""
    rows = [row for row in journal.lines.to_pylist() if entry in (None, row["entry_id"])]
    return [
        f"Cr {row['account']} {row['credit']:.2f}"
        if row["debit"] is None
        else f"Dr {row['account']} {row['debit']:.2f}"
        for row in rows
    ]


def balances(journal: Journal) -> dict[str, Decimal]:
    """What the accounts come to, debits positive."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in journal.lines.to_pylist():
        found[row["account"]] += (row["debit"] or Decimal(0)) - (row["credit"] or Decimal(0))
    return dict(found)
