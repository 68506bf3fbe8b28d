"""Small accrual inputs: a record is a dict of what the case is about, the rest is filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.accruals.inputs import (
    BOOKED,
    CONTRACTS,
    ENROLLED,
    KNOWN_PERIODS,
    PAGES,
    SERVICES,
    AccrualInputs,
)
from ledger_pipelines.accruals.outputs import MONTHLY_ACCRUALS
from ledger_pipelines.accruals.recognition import AccrualResult, accrue
from ledger_pipelines.crm.inputs import CLIENTS
from ledger_pipelines.months import add_months, month_of, month_range

Record = Mapping[str, Any]

ANN, BOOTCAMP = "ann", "bootcamp"
_SCHEMAS = {
    "contracts": CONTRACTS,
    "services": SERVICES,
    "clients": CLIENTS,
    "periods": KNOWN_PERIODS,
    "enrolled": ENROLLED,
    "pages": PAGES,
    "booked": BOOKED,
}
_CONTRACT = {"contact_id": ANN, "service_id": BOOTCAMP, "currency": "EUR"}
_FILLED: Mapping[str, Record] = {
    "contracts": _CONTRACT,
    "services": {"id": BOOTCAMP, "name": "ES - Full Stack Bootcamp"},
    "clients": {"contact_id": ANN, "name": "Ann Lee", "email": "ann@example.com", "user_id": 7},
    "periods": {
        "user_id": 7,
        "email": "ann@example.com",
        "program_name": "Full Stack",
        "status": "ACTIVE",
        "is_removed": False,
    },
    "enrolled": {"user_id": 7, "email": "ann@example.com"},
    "pages": {"email": "ann@example.com", "last_edited_at": datetime(2024, 1, 1, tzinfo=UTC)},
    "booked": {**_CONTRACT, "contract_number": 1, "contract_amount": "6000", "contract_status": "ACTIVE"},
}


def day(text: str) -> date:
    """`2024-01-31` as a date; `2024-01` is its first day."""
    return date.fromisoformat(text if len(text) > 7 else f"{text}-01")


def make_frame(name: str, records: Iterable[Record]) -> pa.Table:
    """An input of this name with these records; dates and decimals may be given as text."""
    schema = _SCHEMAS[name]
    rows = []
    for number, record in enumerate(records, start=1):
        filled: dict[str, Any] = {**_FILLED[name], **record}
        if name == "periods":
            filled.setdefault("id", number)
        if name == "pages":
            filled.setdefault("page_id", f"page {number}")
        if name == "contracts":
            filled.setdefault("contract_date", filled["month"])
            filled["month"] = month_of(_value(schema.field("month"), filled["month"]))
            filled.setdefault("document_id", f"document {number}")
        if name == "booked":
            filled.setdefault("contract_date", filled["month"])
        unknown = set(filled) - set(schema.names)
        assert name == "booked" or not unknown, f"{name} has no column {unknown}"
        rows.append({field.name: _value(field, filled.get(field.name)) for field in schema})
    return pa.Table.from_pylist(rows, schema=schema)


def _value(field: pa.Field[Any], value: Any) -> Any:
    if isinstance(value, str) and pa.types.is_date32(field.type):
        return day(value)
    if value is not None and pa.types.is_decimal(field.type):
        return Decimal(value)
    return value


def make_inputs(
    *, closed: Iterable[str | date] = (), complete: bool = True, **records: Sequence[Record]
) -> AccrualInputs:
    """Ann's contract for a bootcamp of 60 sessions, 3 a week, unless others are given.

    A document is given by its month or date and amount; a period by start_date, end_date and what differs from
    an ACTIVE one of Ann's. `complete`: whether all of the CRM could be read.
    """
    records.setdefault("services", [{}])
    records.setdefault("clients", [{}])
    return AccrualInputs(
        **{name: make_frame(name, records.get(name, ())) for name in _SCHEMAS},
        closed_months=frozenset(day(one) if isinstance(one, str) else one for one in closed),
        crm_is_complete=complete,
    )


def months(first: str, count: int) -> list[date]:
    """So many months from the first on."""
    return month_range(day(first), add_months(day(first), count))


def accruals_of(result: AccrualResult, **key: str) -> list[dict[str, Any]]:
    """The accruals with these values, by key."""
    rows = result.accruals.to_pylist()
    return [row for row in rows if all(row[name] == value for name, value in key.items())]


def recognised(inputs: AccrualInputs, first: str, count: int) -> list[Decimal]:
    """What so many months from the first on recognise of the one contract, 0 where they have no row."""
    rows = {
        row["month"]: row["recognised"] for row in accrue(inputs, months(first, count)).accruals.to_pylist()
    }
    return [rows.get(month, Decimal(0)) for month in months(first, count)]


def row_of(inputs: AccrualInputs, month: str) -> dict[str, Any]:
    """The one accrual of the month."""
    (row,) = accrue(inputs, [day(month)]).accruals.to_pylist()
    return dict(row)


def notices_of(inputs: AccrualInputs, month: str) -> list[tuple[str, Decimal | None]]:
    """Kinds and amounts of the month's notices."""
    return [(row["kind"], row["amount"]) for row in accrue(inputs, [day(month)]).notices.to_pylist()]


def booked_rows(*frames: pa.Table) -> list[dict[str, Any]]:
    """Accruals as rows to be booked."""
    for frame in frames:
        assert frame.schema.equals(MONTHLY_ACCRUALS)
    return [{name: row[name] for name in BOOKED.names} for frame in frames for row in frame.to_pylist()]


def amounts(*texts: str | int) -> list[Decimal]:
    """Amounts from text or whole numbers."""
    return [Decimal(text) for text in texts]
