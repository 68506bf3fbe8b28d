"""Documents and service periods from what a test says of them, and defaults for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.invoicing.documents import Documents, dated
from ledger_pipelines.money import AMOUNT

SERVICES = pa.table({"id": ["bootcamp", "evening"], "account_number": ["70500001", "70500002"]})

_PERCENT = pa.decimal128(9, 4)
_HEADERS = pa.schema(
    [
        ("id", pa.string()),
        ("document_type", pa.string()),
        ("document_number", pa.string()),
        ("contact_id", pa.string()),
        ("date", pa.date32()),
        ("currency", pa.string()),
        ("exchange_rate", pa.decimal128(18, 8)),
        ("discount", _PERCENT),
        ("subtotal", AMOUNT),
        ("tax", AMOUNT),
        ("total", AMOUNT),
        ("sales_channel_id", pa.string()),
        ("source_document_id", pa.string()),
        ("is_draft", pa.bool_()),
        ("is_cancelled", pa.bool_()),
        ("is_paid", pa.bool_()),
    ]
)
_LINES = pa.schema(
    [
        ("invoice_id", pa.string()),
        ("line_number", pa.int32()),
        ("account_id", pa.string()),
        ("retention", _PERCENT),
        ("net_amount", AMOUNT),
    ]
)
_PERIODS = pa.schema(
    [
        ("id", pa.int64()),
        ("user_id", pa.int64()),
        ("cohort_slug", pa.string()),
        ("start_date", pa.date32()),
        ("end_date", pa.date32()),
        ("status", pa.string()),
        ("status_change_date", pa.date32()),
        ("updated_at", pa.timestamp("us", "UTC")),
        ("created_at", pa.timestamp("us", "UTC")),
    ]
)


def documents(*given: Mapping[str, Any]) -> Documents:
    """Documents with a month; each has `lines`: an account, an amount and, where there is one, a retention in percent.

    A document's total is what its lines come to, and nothing is its tax, unless something else is said.
    """
    headers: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for document in given:
        total = sum((Decimal(line[1]) for line in document["lines"]), Decimal("0.00"))
        header: dict[str, Any] = {
            "document_type": "invoice",
            "document_number": f"F-{document['id']}",
            "contact_id": "ada",
            "currency": "EUR",
            "exchange_rate": None,
            "discount": Decimal(0),
            "subtotal": total,
            "tax": Decimal("0.00"),
            "total": total,
            "source_document_id": None,
            "sales_channel_id": None,
            "is_draft": False,
            "is_cancelled": False,
            "is_paid": False,
        }
        header |= {name: value for name, value in document.items() if name != "lines"}
        for name in ("exchange_rate", "discount", "subtotal", "tax", "total"):
            header[name] = None if header[name] is None else Decimal(header[name])
        headers.append(header)
        lines += [
            {
                "invoice_id": header["id"],
                "line_number": place,
                "account_id": line[0],
                "net_amount": Decimal(line[1]),
                "retention": Decimal(line[2] if len(line) > 2 else 0),
            }
            for place, line in enumerate(document["lines"], start=1)
        ]
    return dated(pa.Table.from_pylist(headers, _HEADERS), pa.Table.from_pylist(lines, _LINES))


def rows(documents: Documents) -> list[tuple[date, str, bool]]:
    """Month, id and whether it is gone, of each document, in order."""
    headers = documents.headers.sort_by([("month", "ascending"), ("id", "ascending")])
    return [(row["month"], row["id"], row["is_removed"]) for row in headers.to_pylist()]


def periods(*given: Mapping[str, Any]) -> pa.Table:
    """Service periods as 4Geeks tells them, without a month."""
    made = [
        {
            "user_id": 7,
            "cohort_slug": f"cohort-{period['id']}",
            "status": "ACTIVE",
            "status_change_date": None,
            "created_at": datetime.combine(period["start_date"], datetime.min.time(), UTC),
            "updated_at": datetime(2024, 1, 1, tzinfo=UTC),
            **period,
        }
        for period in given
    ]
    return pa.Table.from_pylist(made, _PERIODS)


def months_of(frame: pa.Table, number: int) -> Sequence[date]:
    """The months that a period stands in."""
    return sorted(row["month"] for row in frame.to_pylist() if row["id"] == number)
