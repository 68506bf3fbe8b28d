"""What people look at of accruals: the waterfall, contracts with their months, notices with the money that waits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row

from ledger_pipelines.store.queries.described import table


def months_of_accruals(connection: psycopg.Connection) -> list[date]:
    """The months that have accruals, the latest first."""
    rows = connection.execute("SELECT DISTINCT month FROM deferred_revenue ORDER BY 1 DESC").fetchall()
    return [month for (month,) in rows]


def waterfall_until(connection: psycopg.Connection, month: date) -> list[dict[str, Any]]:
    """Deferred revenue of the twelve months up to this one, by currency and month in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT * FROM deferred_revenue WHERE month <= %(month)s
               AND month > %(month)s::date - interval '12 months' ORDER BY currency, month""",
            {"month": month},
        ).fetchall()


def contracts_of(month: date) -> sa.Select[Any]:
    """The contracts of a month, with the names of client and service as they are known last."""
    accruals = table("monthly_accruals")
    one = accruals.c
    client = _newest_name("holded_contacts", one.contact_id)
    service = _newest_name("services", one.service_id)
    return sa.select(
        *one,
        sa.func.coalesce(client, one.contact_id).label("client"),
        sa.func.coalesce(service, one.service_id).label("service"),
    ).where(one.month == month)


def notices_of(month: date) -> sa.Select[Any]:
    """What a person is asked to decide in a month, with the client's name."""
    one = table("accrual_notices").c
    client = _newest_name("holded_contacts", one.contact_id)
    return sa.select(*one, sa.func.coalesce(client, one.contact_id).label("client")).where(one.month == month)


def stalled_money(connection: psycopg.Connection, month: date) -> list[tuple[str, str, int, Decimal]]:
    """What waits for a decision in a month: kind, currency, how many notices, and their money; the most first."""
    return connection.execute(
        """SELECT kind, currency, count(*), coalesce(sum(amount), 0) FROM accrual_notices WHERE month = %s
           GROUP BY 1, 2 ORDER BY 4 DESC, 1""",
        [month],
    ).fetchall()


def months_of_contract(
    connection: psycopg.Connection, contact: str, service: str, currency: str, number: int
) -> list[dict[str, Any]]:
    """Each month of a contract in order: what was invoiced and recognised, why, and what was left."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT * FROM monthly_accruals WHERE contact_id = %s AND service_id = %s AND currency = %s
               AND contract_number = %s ORDER BY month""",
            [contact, service, currency, number],
        ).fetchall()


def _newest_name(name: str, record: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """The name of a record in the latest month that has it."""
    of = table(name).c
    return sa.select(of.name).where(of.id == record).order_by(of.month.desc()).limit(1).scalar_subquery()
