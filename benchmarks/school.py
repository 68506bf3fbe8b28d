"""Two years of a school's contracts in any size, put straight into the database: the accrual benchmark's inputs.

Every client has one contract, invoiced in up to three instalments, and one service period of about five months;
a tenth each are postponed, dropped and ended early, a twentieth came back for a second period.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import decimals
from ledger_pipelines.invoicing.service_periods import Memberships, month_periods
from ledger_pipelines.money import AMOUNT
from ledger_pipelines.store.copy import table_schema
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.store.snapshots import record_snapshot

_SERVICES = ("Full Stack", "Data Science", "Cybersecurity", "Machine Learning", "UX Design")
_STATUSES = np.array(["ACTIVE"] * 7 + ["POSTPONED", "DROPPED", "ENDED"])


def fill(database: Database, months: Sequence[date], contracts: int, seed: int = 7) -> None:
    """Writes the inputs of these months."""
    random = np.random.default_rng(seed)
    starts = random.integers(0, max(1, len(months) - 3), contracts)
    programs = random.integers(0, len(_SERVICES), contracts)
    with database.connect() as connection:
        last = months[-1]
        _state(connection, "services", last, _services())
        _state(connection, "clients", last, _clients(contracts))
        _state(connection, "external_ids", last, _pages(contracts))
        _replace(connection, "contracts", months, _contracts(months, starts, programs, random))
        periods = _periods(months, starts, programs, random)
        nothing = table_schema(connection, "enrollments").empty_table()
        none = pa.array([], pa.int64())
        found = Memberships(periods, without_period=none, unusable=none)
        rows = month_periods(found, nothing, months=months, closed=frozenset())
        _replace(connection, "enrollments", months, rows)
        connection.execute("ANALYZE")


def _state(connection: psycopg.Connection, table: str, month: date, frame: pa.Table) -> None:
    frame = frame.add_column(0, "month", pa.repeat(pa.scalar(month, pa.date32()), frame.num_rows))
    _replace(connection, table, [month], frame)
    record_snapshot(connection, table, [month], taken_at=datetime(2026, 1, 1, tzinfo=UTC), is_complete=True)


def _replace(connection: psycopg.Connection, table: str, months: Sequence[date], frame: pa.Table) -> None:
    for field in table_schema(connection, table):
        if field.name not in frame.column_names:
            frame = frame.append_column(field.name, pa.nulls(frame.num_rows, field.type))
    replace_month(connection, table, months, frame)


def _services() -> pa.Table:
    accounts = [f"7050000{number}" for number in range(len(_SERVICES))]
    return pa.table(
        {"id": [f"service-{name}" for name in _SERVICES], "name": _SERVICES, "account_number": accounts}
    )


def _names(prefix: str, count: int, suffix: str = "") -> pa.Array:
    numbers = pc.utf8_lpad(pa.array(np.arange(count)).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise(prefix, numbers, suffix, "")


def _clients(count: int) -> pa.Table:
    ids = pa.array(np.arange(1, count + 1))
    emails = _names("client", count, "@example.com")
    return pa.table(
        {
            "contact_id": _names("contact-", count),
            "name": emails,
            "email": emails,
            "student_id": ids,
            "user_id": ids,
        }
    )


def _pages(count: int) -> pa.Table:
    shown = count * 3 // 4
    edited = pa.repeat(pa.scalar(datetime(2025, 6, 1, tzinfo=UTC), pa.timestamp("us", "UTC")), shown)
    return pa.table(
        {
            "page_id": _names("page-", shown),
            "email": _names("client", shown, "@example.com"),
            "educational_status": pa.repeat("Active", shown),
            "last_edited_at": edited,
        }
    )


def _contracts(
    months: Sequence[date], starts: np.ndarray, programs: np.ndarray, random: np.random.Generator
) -> pa.Table:
    instalments = random.integers(1, 4, starts.size)
    row = np.repeat(np.arange(starts.size), instalments)
    place = starts[row] + np.arange(row.size) - np.repeat(np.cumsum(instalments) - instalments, instalments)
    place = np.minimum(place, len(months) - 1)
    key = row * len(months) + place
    _, first = np.unique(key, return_index=True)
    row, place = row[first], place[first]
    month = pa.array(np.array(months, "datetime64[D]")[place])
    return pa.table(
        {
            "month": month,
            "contact_id": _names("contact-", starts.size).take(pa.array(row)),
            "service_id": pa.array(np.array([f"service-{name}" for name in _SERVICES])[programs[row]]),
            "currency": pa.repeat("EUR", row.size),
            "contract_date": month,
            "amount": decimals(random.integers(50_000, 400_000, row.size), AMOUNT),
            "document_id": _names("document-", row.size),
            "document_type": pa.repeat("invoice", row.size),
            "document_date": month,
            "made_from": pa.nulls(row.size, pa.string()),
        }
    )


def _periods(
    months: Sequence[date], starts: np.ndarray, programs: np.ndarray, random: np.random.Generator
) -> pa.Table:
    count = starts.size
    begin = np.array(months, "datetime64[D]")[starts] + random.integers(0, 28, count)
    status = _STATUSES[random.integers(0, len(_STATUSES), count)]
    changed = begin + random.integers(10, 120, count)
    again = np.flatnonzero((status == "POSTPONED") & (random.random(count) < 0.5))
    rows = np.concatenate([np.arange(count), again])
    start = np.concatenate([begin, changed[again] + 60])
    states = np.concatenate([status, np.repeat("ACTIVE", again.size)])
    moved = np.concatenate([changed, changed[again]])
    updated = pa.array(moved.astype("datetime64[us]")).cast(pa.timestamp("us", "UTC"))
    names = pa.array(np.array(_SERVICES)[programs[rows]])
    return pa.table(
        {
            "id": pa.array(np.arange(1, rows.size + 1)),
            "user_id": pa.array(rows + 1),
            "email": _names("client", count, "@example.com").take(pa.array(rows)),
            "cohort_slug": names,
            "cohort_name": names,
            "program_slug": names,
            "program_name": names,
            "start_date": pa.array(start),
            "end_date": pa.array(start + 139),
            "status": pa.array(states),
            "status_change_date": pa.array(moved, mask=states == "ACTIVE"),
            "educational_status": pa.array(states),
            "created_at": pa.array(start.astype("datetime64[us]")).cast(pa.timestamp("us", "UTC")),
            "updated_at": updated,
        }
    )
