"""Payments, invoices and mappings from what a test says of them, and defaults for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.cfo.payments import Payment
from ledger_pipelines.cfo.transactions import ENTITY_MAPPINGS, INVOICES, REVENUE_CATEGORIES

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
DELTA = "Delta Mining Paraguay S.A."


def mappings(*rows: tuple[int, str | None, str, str]) -> pa.Table:
    """Entity mappings of position, client, entity and unit."""
    return pa.Table.from_pylist(
        [dict(zip(ENTITY_MAPPINGS.names, row, strict=True)) for row in rows], ENTITY_MAPPINGS
    )


def categories(*rows: tuple[int, str | None, str]) -> pa.Table:
    """Revenue categories of position, keyword and subcategory."""
    return pa.Table.from_pylist(
        [dict(zip(REVENUE_CATEGORIES.names, row, strict=True)) for row in rows], REVENUE_CATEGORIES
    )


#: As they are seeded.
MAPPINGS = mappings(
    (10, "Alps Blockchain", DELTA, "Paraguay Mining"),
    (20, "Exos Capital", DELTA, "Paraguay Hosting"),
    (30, "GM Data Centers", DELTA, "Paraguay Colocation"),
    (1000, None, DELTA, "Paraguay Operations"),
)
CATEGORIES = categories(
    (10, "hosting", "Client Hosting Revenue"),
    (20, "mining", "Mining Revenue"),
    (30, "colocation", "Colocation Revenue"),
    (40, "validator", "Validator Revenue"),
    (50, "platform", "Platform Fees"),
    (1000, None, "Client Services Revenue"),
)


def invoices(*given: Mapping[str, Any]) -> pa.Table:
    """Paid invoices; what is not said is as in the worked case."""
    defaults = {
        "origin": "crypto",
        "client_name": "Alps Blockchain",
        "billing_period": "2025-10 hosting",
        "description": None,
        "amount": Decimal("100.00"),
        "currency": "USD",
        "paid_in": "100 USDT",
        "paid_at": NOON,
    }
    made = [
        {"invoice_id": number, "invoice_number": f"DPY-2025-10-{number:04}", **defaults, **one}
        for number, one in enumerate(given, start=1)
    ]
    return pa.Table.from_pylist(made, INVOICES)


def payment(name: str, amount: str, *, of: int = 20, needed: int = 20, minute: int = 0) -> Payment:
    """A payment with `of` the needed confirmations, the last of them (if it has them) so many minutes after noon."""
    at = NOON + timedelta(minutes=minute) if of >= needed else None
    return Payment(name, Decimal(amount), of, needed, at)
