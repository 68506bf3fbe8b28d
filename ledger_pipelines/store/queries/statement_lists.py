"""A month's statements as a list, what that list goes by, and Codex's plans as they were read last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg

from ledger_pipelines.store.queries.client import Row, rows_of


def listed_statements(connection: psycopg.Connection, month: date) -> list[Row]:
    """A month's statements as they are stored, by account; `hours` are those of the calendar year up to the month."""
    return rows_of(
        connection,
        """SELECT s.account_number, s.company_name, s.billing_plan, s.support_level, s.contract_term,
                  s.contract_end_date, s.total, s.workstations, s.servers, s.vms, s.regular_users, s.backup_bytes,
                  s.hours_used + s.hours_earlier_in_year AS hours
           FROM billing_statements s WHERE s.month = %s ORDER BY s.account_number""",
        [month],
    )


def edits_version(connection: psycopg.Connection, month: date) -> tuple[Any, ...]:
    """What changes when something is edited, when the month is billed, and when it is closed or reopened."""
    row = connection.execute(
        """SELECT (SELECT read_at FROM billing_runs WHERE month = %(month)s),
                  -- Not the last id: a transaction that began earlier may end later.
                  (SELECT count(*) FROM edits
                   WHERE edited_at >= coalesce((SELECT read_at FROM billing_runs WHERE month = %(month)s), '-infinity')
                   OR transaction_id >= (SELECT pg_snapshot_xmin(snapshot) FROM billing_runs WHERE month = %(month)s)),
                  (SELECT status FROM ledger_periods WHERE month = %(month)s)""",
        {"month": month},
    ).fetchone()
    assert row is not None  # noqa: S101 - it asks for one row
    return row


def codex_plans(connection: psycopg.Connection) -> list[Row]:
    """Codex's plans as they were read last; `id` is null, for they have none of ours."""
    return rows_of(
        connection,
        """SELECT NULL::bigint AS id, p.plan_name AS billing_plan, p.* FROM plans p
           WHERE month = (SELECT max(month) FROM plans) ORDER BY plan_name, term_length""",
        [],
    )


def companies_on(connection: psycopg.Connection, month: date, plans: Sequence[str]) -> list[str]:
    """The companies of a month that are on these plans, by Codex or by an override of any month."""
    rows = connection.execute(
        """SELECT account_number FROM companies c WHERE month = %(month)s AND (btrim(billing_plan) = ANY(%(plans)s)
           OR EXISTS (SELECT FROM client_billing_overrides o WHERE o.account_number = c.account_number
                      AND o.billing_plan_enabled AND btrim(o.billing_plan) = ANY(%(plans)s))) ORDER BY 1""",
        {"month": month, "plans": [plan.strip() for plan in plans]},
    ).fetchall()
    return [account for (account,) in rows]
