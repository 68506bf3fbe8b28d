"""A company's records in the newest snapshot that has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy as sa

_ASSETS = sa.table(
    "assets",
    *(
        sa.column(name)
        for name in (
            "month",
            "account_number",
            "id",
            "hostname",
            "hardware_type",
            "device_type",
            "billing_type",
        )
    ),
)
_CONTACTS = sa.table(
    "contacts",
    *(sa.column(name) for name in ("month", "account_number", "id", "name", "email", "title", "active")),
)


@dataclass(frozen=True, slots=True)
class SnapshotCompany:
    """A company as a month's snapshot has it."""

    month: date
    account_number: str
    name: str | None
    billing_plan: str | None
    contract_term: str | None
    contract_end_date: date | None


def newest_company(connection: psycopg.Connection, account: str) -> SnapshotCompany | None:
    """The company as the latest month that has it shows it."""
    row = connection.execute(
        """SELECT month, account_number, name, billing_plan, contract_term_length, contract_end_date
           FROM companies WHERE account_number = %s ORDER BY month DESC LIMIT 1""",
        [account],
    ).fetchone()
    return None if row is None else SnapshotCompany(*row)


def plan_names(connection: psycopg.Connection) -> list[str]:
    """The plans that there are, Codex's of the latest month and ours."""
    rows = connection.execute(
        """SELECT btrim(plan_name) FROM plans WHERE month = (SELECT max(month) FROM plans)
           UNION SELECT btrim(billing_plan) FROM billing_plans ORDER BY 1"""
    ).fetchall()
    return [name for (name,) in rows]


def codex_features(
    connection: psycopg.Connection, month: date, plan: str
) -> list[tuple[str, str | None, str | None]]:
    """Of each term of a plan of Codex: the term, its features and their names, both as JSON."""
    return connection.execute(
        """SELECT term_length, features, feature_display_names FROM plans
           WHERE month = %s AND btrim(plan_name) = btrim(%s) ORDER BY term_length""",
        [month, plan],
    ).fetchall()


def used_hours(connection: psycopg.Connection, account: str, month: date) -> Decimal:
    """The hours of a company's statements of the calendar year up to the month."""
    row = connection.execute(
        """SELECT coalesce(sum(hours_used), 0) FROM billing_statements
           WHERE account_number = %s AND month BETWEEN date_trunc('year', %s::date) AND %s""",
        [account, month, month],
    ).fetchone()
    assert row is not None  # noqa: S101 - a sum is one row
    return Decimal(row[0])


def has_record(connection: psycopg.Connection, table: str, company: SnapshotCompany, record_id: int) -> bool:
    """Whether the company's snapshot has the device (`assets`) or the person (`contacts`)."""
    queries = {
        "assets": "SELECT FROM assets WHERE month = %s AND account_number = %s AND id = %s",
        "contacts": "SELECT FROM contacts WHERE month = %s AND account_number = %s AND id = %s",
    }
    found = connection.execute(queries[table], [company.month, company.account_number, record_id])
    return found.fetchone() is not None


def devices_of(company: SnapshotCompany) -> sa.Select[Any]:
    """The company's devices."""
    columns = _ASSETS.c
    return sa.select(_ASSETS).where(
        columns.month == company.month, columns.account_number == company.account_number
    )


def people_of(company: SnapshotCompany) -> sa.Select[Any]:
    """The company's people."""
    columns = _CONTACTS.c
    return sa.select(_CONTACTS).where(
        columns.month == company.month, columns.account_number == company.account_number
    )
