"""What a person wants to know of a month after its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from ledger_pipelines.store.copy import read_months


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """A month's statements: their number, their total in a currency, and whether the month is closed."""

    month: date
    statements: int
    lines: int
    currency: str
    total: Decimal
    is_closed: bool


@dataclass(frozen=True, slots=True)
class DeferredRevenue:
    """A month's deferred revenue in a currency, the number of its notices, and whether the month is closed."""

    month: date
    currency: str
    opening: Decimal
    invoiced: Decimal
    recognised: Decimal
    closing: Decimal
    notices: int
    is_closed: bool


@dataclass(frozen=True, slots=True)
class ControlAccount:
    """An account of a month that a sub-ledger explains, in a currency: what both have, and what nothing explains."""

    month: date
    account: str
    currency: str
    ledger_balance: Decimal
    sub_ledger_balance: Decimal
    unexplained: Decimal


@dataclass(frozen=True, slots=True)
class StepExecution:
    """A step that a run executed: how it ended, how many seconds it took, and its counts by name."""

    step_name: str
    status: str
    seconds: float
    result: dict[str, int]


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


@dataclass(frozen=True, slots=True)
class IncompleteStatement:
    """A statement whose company could be read in part only: its month, account, and the parts that are not of today."""

    month: date
    account_number: str
    parts: str


def incomplete_statements(
    connection: psycopg.Connection, months: Sequence[date]
) -> list[IncompleteStatement]:
    """The statements of these months that charge what was read before, in order."""
    rows = connection.execute(
        """SELECT month, account_number, incomplete_parts FROM billing_statements
           WHERE month = ANY(%s) AND incomplete_parts IS NOT NULL ORDER BY 1, 2""",
        [list(months)],
    ).fetchall()
    return [IncompleteStatement(*row) for row in rows]


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


def run_executions(connection: psycopg.Connection, dagster_run_id: str) -> list[StepExecution]:
    """The steps that a run executed and ended, in order; of a step that was tried again, the last try."""
    rows = connection.execute(
        """SELECT DISTINCT ON (step_name) id, step_name, status,
                  extract(epoch FROM completed_at - started_at)::float8, metadata->'result'
           FROM sync_executions
           WHERE metadata->>'dagster_run_id' = %s AND completed_at IS NOT NULL ORDER BY step_name, id DESC""",
        [dagster_run_id],
    ).fetchall()
    return [
        StepExecution(name, status, seconds, result or {})
        for _, name, status, seconds, result in sorted(rows)
    ]


def deferred_revenue(connection: psycopg.Connection, months: Sequence[date]) -> list[DeferredRevenue]:
    """One for each month and currency with contracts, in order; a month's notices are those of all currencies."""
    rows = connection.execute(
        """SELECT d.month, d.currency, d.opening, d.invoiced, d.recognised, d.closing,
                  (SELECT count(*) FROM accrual_notices n WHERE n.month = d.month), p.status = 'closed'
           FROM deferred_revenue d JOIN ledger_periods p USING (month)
           WHERE d.month = ANY(%s) ORDER BY d.month, d.currency""",
        [list(months)],
    ).fetchall()
    return [DeferredRevenue(*row) for row in rows]


def control_accounts(connection: psycopg.Connection, months: Sequence[date]) -> list[ControlAccount]:
    """The reconciled accounts of these months, in order."""
    rows = connection.execute(
        """SELECT month, account, currency, ledger_balance, sub_ledger_balance, unexplained
           FROM ledger_reconciliation WHERE month = ANY(%s) ORDER BY month, account, currency""",
        [list(months)],
    ).fetchall()
    return [ControlAccount(*row) for row in rows]


def read_statements(connection: psycopg.Connection, months: Sequence[date]) -> tuple[Any, Any]:
    """The statements and the lines of these months, as frames."""
    return read_months(connection, "billing_statements", months), read_months(
        connection, "billing_statement_lines", months
    )
