"""A year of books in any size, put straight into the database: the benchmark's inputs.

Every company has 25 assets, 20 contacts and, over the year, 30 tickets; a quarter of the assets is backed up and
a tenth of the companies has overrides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ledger_pipelines.store.copy import copy_in, table_schema
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import replace_month

ASSETS, CONTACTS, TICKETS = 25, 20, 30
PLANS = ("Essential Care", "Complete & Secure", "Hourly")
_TERMS = ("Month to Month", "1 Year", "2 Year", "3 Year")
_HARDWARE = ("Desktop", "Laptop", "Laptop", "Server", "ESXi Host", "Network Device", "Printer", "Unknown")
_RATES = {
    "per_user_cost": "15",
    "per_workstation_cost": "50",
    "per_server_cost": "150",
    "per_vm_cost": "100",
    "per_switch_cost": "25",
    "per_firewall_cost": "75",
    "per_hour_ticket_cost": "150",
    "backup_base_fee_workstation": "5",
    "backup_base_fee_server": "20",
    "backup_included_tb": "1",
    "backup_per_tb_fee": "10",
}


def fill(database: Database, months: Sequence[date], companies: int, seed: int = 7) -> None:
    """Writes the inputs of these months (of one year)."""
    random = np.random.default_rng(seed)
    accounts = pc.cast(pa.array(np.arange(100_000, 100_000 + companies)), pa.string())
    frames = {
        "companies": _companies(accounts),
        "plans": _plans(),
        "assets": _assets(accounts, random),
        "contacts": _contacts(accounts),
    }
    with database.connect() as connection:
        for month in months:
            for table, frame in frames.items():
                _replace(connection, table, [month], _with_month(frame, month))
        _replace(connection, "tickets", months, _tickets(accounts, months, random))
        _overrides(connection, accounts.slice(0, companies // 10))
        connection.execute("ANALYZE")


def _replace(connection: psycopg.Connection, table: str, months: Sequence[date], frame: pa.Table) -> None:
    schema = table_schema(connection, table)
    for field in schema:
        if field.name not in frame.column_names:
            frame = frame.append_column(field.name, pa.nulls(len(frame), field.type))
    replace_month(connection, table, months, frame)


def _with_month(frame: pa.Table, month: date) -> pa.Table:
    return frame.append_column("month", pa.repeat(pa.scalar(month, pa.date32()), len(frame)))


def _companies(accounts: pa.Array) -> pa.Table:
    index = np.arange(len(accounts))
    return pa.table(
        {
            "account_number": accounts,
            "name": pc.binary_join_element_wise("Company", accounts, " "),
            "billing_plan": pa.array(np.array(PLANS)[index % 3]),
            "contract_term_length": pa.array(np.array(_TERMS)[index % 4]),
            "contract_start_date": pa.repeat(pa.scalar(date(2023, 6, 1)), len(accounts)),
            "support_level": pa.repeat("All Inclusive", len(accounts)),
        }
    )


def _plans() -> pa.Table:
    keys = [(plan, term) for plan in PLANS for term in _TERMS]
    rates = {
        name: pa.array([Decimal(rate)] * len(keys), pa.decimal128(14, 4)) for name, rate in _RATES.items()
    }
    return pa.table(
        {"plan_name": [plan for plan, _ in keys], "term_length": [term for _, term in keys], **rates}
    )


def _assets(accounts: pa.Array, random: np.random.Generator) -> pa.Table:
    count = len(accounts) * ASSETS
    ids = pa.array(np.arange(1, count + 1))
    backed_up = random.random(count) < 0.25
    return pa.table(
        {
            "account_number": accounts.take(pa.array(np.repeat(np.arange(len(accounts)), ASSETS))),
            "id": ids,
            "hostname": pc.binary_join_element_wise("HOST", ids.cast(pa.string()), "-"),
            "hardware_type": pa.array(np.array(_HARDWARE)[random.integers(0, len(_HARDWARE), count)]),
            "device_type": pa.array(np.where(random.random(count) < 0.1, "Virtual Server", None)),
            "operating_system": pa.repeat("Microsoft Windows 11 Pro 10.0.22631", count),
            "online": pa.repeat(True, count),
            "backup_data_bytes": pa.array(np.where(backed_up, random.integers(1, 3 * 2**40, count), 0)),
        }
    )


def _contacts(accounts: pa.Array) -> pa.Table:
    count = len(accounts) * CONTACTS
    ids = pa.array(np.arange(1, count + 1))
    return pa.table(
        {
            "account_number": accounts.take(pa.array(np.repeat(np.arange(len(accounts)), CONTACTS))),
            "id": ids,
            "name": pc.binary_join_element_wise("Person", ids.cast(pa.string()), " "),
            "email": pc.binary_join_element_wise("p", ids.cast(pa.string()), "@example.com", ""),
            "active": pa.array(np.arange(count) % 10 != 0),
        }
    )


def _tickets(accounts: pa.Array, months: Sequence[date], random: np.random.Generator) -> pa.Table:
    count = len(accounts) * TICKETS
    numbers = pa.array(np.arange(200_000, 200_000 + count)).cast(pa.string())
    month = np.arange(count) % len(months)
    starts = np.array(months, "datetime64[M]")[month]
    updated = starts.astype("datetime64[us]") + random.integers(0, 27 * 86_400, count).astype(
        "timedelta64[s]"
    )
    minutes = pa.array(random.integers(0, 240, count)).cast(pa.decimal128(19, 0))
    return pa.table(
        {
            "month": pa.array(starts.astype("datetime64[D]")),
            "account_number": accounts.take(pa.array(np.repeat(np.arange(len(accounts)), TICKETS))),
            "ticket_number": numbers,
            "subject": pc.binary_join_element_wise("Printer on fire", numbers, " "),
            "status": pa.repeat("closed", count),
            "last_updated_at": pa.array(updated).cast(pa.timestamp("us", "UTC")),
            "total_hours_spent": pc.multiply(minutes, pa.scalar(Decimal("0.016666666666666666"))).cast(
                pa.decimal128(28, 18)
            ),
            "is_gone": pa.repeat(False, count),
        }
    )


def _overrides(connection: psycopg.Connection, accounts: pa.Array) -> None:
    count = len(accounts)
    schema = pa.schema(
        [
            field
            for field in table_schema(connection, "client_billing_overrides")
            if field.name
            in ("account_number", "per_user_cost", "per_user_cost_enabled", "prepaid_hours_yearly")
            or field.name == "prepaid_hours_yearly_enabled"
        ]
    )
    values = {
        "account_number": accounts,
        "per_user_cost": pa.array([Decimal("12.50")] * count, pa.decimal128(14, 4)),
        "per_user_cost_enabled": pa.repeat(True, count),
        "prepaid_hours_yearly": pa.array([Decimal(10)] * count, pa.decimal128(14, 4)),
        "prepaid_hours_yearly_enabled": pa.repeat(True, count),
    }
    copy_in(
        connection,
        sql.Identifier("client_billing_overrides"),
        pa.table([values[field.name] for field in schema], schema=schema),
    )
