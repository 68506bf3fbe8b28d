"""What a person wants to know of a month after its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from ledger_pipelines.store.frames import read_months


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """A month's statements: their number, their total in a currency, and whether the month is closed."""

    month: date
    statements: int
    lines: int
    currency: str
    total: Decimal
    is_closed: bool


def month_summaries(connection: psycopg.Connection, months: Sequence[date]) -> list[MonthSummary]:
    """One for each month and currency with statements, in order."""
    rows = connection.execute(
        """SELECT s.month, count(*), sum(l.lines)::bigint, s.currency, sum(s.total), p.status = 'closed'
           FROM billing_statements s
           JOIN ledger_periods p USING (month)
           JOIN LATERAL (SELECT count(*) AS lines FROM billing_statement_lines l
                         WHERE l.month = s.month AND l.account_number = s.account_number) l ON true
           WHERE s.month = ANY(%s) GROUP BY s.month, s.currency, p.status ORDER BY s.month, s.currency""",
        [list(months)],
    ).fetchall()
    return [MonthSummary(*row) for row in rows]


def unresolved_errors(connection: psycopg.Connection) -> list[tuple[str, str, int, str]]:
    """Unresolved integration errors: integration, operation, their number, and one of their messages."""
    return connection.execute(
        """SELECT integration_name, operation_type, count(*), min(error_message) FROM integration_errors
           WHERE NOT is_resolved AND NOT is_ignored GROUP BY 1, 2 ORDER BY 1, 2"""
    ).fetchall()


def unread_parts(connection: psycopg.Connection) -> list[str]:
    """Messages of what is missing as a whole: a company's devices, people or tickets that could not be read."""
    rows = connection.execute(
        """SELECT error_message FROM integration_errors WHERE NOT is_resolved AND NOT is_ignored
           AND entity_type = 'company' AND operation_type IN ('assets', 'contacts', 'tickets') ORDER BY id"""
    ).fetchall()
    return [message for (message,) in rows]


def run_changes(connection: psycopg.Connection, dagster_run_id: str) -> dict[str, dict[str, int]]:
    """By table, the rows that a run added, removed and left unchanged."""
    rows = connection.execute(
        "SELECT metadata->'tables' FROM sync_executions WHERE metadata->>'dagster_run_id' = %s ORDER BY id",
        [dagster_run_id],
    ).fetchall()
    changes: dict[str, dict[str, Any]] = {}
    for (tables,) in rows:
        changes |= tables or {}
    return dict(sorted(changes.items()))


def step_seconds(connection: psycopg.Connection, dagster_run_id: str) -> list[tuple[str, float]]:
    """The steps of a run in order, and how many seconds each took."""
    rows = connection.execute(
        """SELECT step_name, extract(epoch FROM completed_at - started_at)::text FROM sync_executions
           WHERE metadata->>'dagster_run_id' = %s AND completed_at IS NOT NULL ORDER BY id""",
        [dagster_run_id],
    ).fetchall()
    return [(step, float(seconds)) for step, seconds in rows]


def read_statements(connection: psycopg.Connection, months: Sequence[date]) -> tuple[Any, Any]:
    """The statements and the lines of these months, as frames."""
    return read_months(connection, "billing_statements", months), read_months(
        connection, "billing_statement_lines", months
    )
