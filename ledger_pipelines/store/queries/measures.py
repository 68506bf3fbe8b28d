"""A ledger's metrics: read from its tables, for runs are processes that end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import psycopg

from ledger_pipelines.store.cfo.metrics import sync_metrics
from ledger_pipelines.store.database import SCHEMA

#: Executions are kept for ever, and each has all its months: older ones are not looked through at every reading.
BILLED_WITHIN = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class StepMeasures:
    """A step's executions with a status: how many, the seconds of all of them and of the last one, and its end."""

    step: str
    status: str
    executions: int
    seconds: float
    last_seconds: float
    last_ended_at: datetime


@dataclass(frozen=True, slots=True)
class CfoMeasures:
    """The hand-over to the CFO: mean lag in seconds, success rate in percent, and invoices that wait, by how they do."""

    lag_seconds: float | None
    success_rate: float | None
    pending: int
    exhausted: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Measures:
    """A ledger in numbers. Rows of tables are PostgreSQL's own estimates, which cost nothing to ask for.

    `billed_at` is when each month was billed last, if within `BILLED_WITHIN`, `closed_at` when it was closed for good.
    """

    rows: dict[str, int]
    steps: list[StepMeasures]
    running: int
    billed_at: dict[date, datetime]
    closed_at: dict[date, datetime]
    failed_checks: dict[tuple[date, bool], int]
    open_errors: dict[tuple[str, bool], int]
    open_alerts: dict[str, int]
    cfo: CfoMeasures


def read_measures(connection: psycopg.Connection, at: datetime) -> Measures:
    """The numbers as they are now; the hand-over's are of the day and the week before `at`."""
    lag, rate, pending, exhausted, overdue = sync_metrics(connection, at)
    return Measures(
        rows=_estimated_rows(connection),
        steps=_steps(connection),
        running=_running(connection),
        billed_at=dict(
            connection.execute(
                """SELECT to_date(m, 'YYYY-MM'), max(completed_at)
                   FROM sync_executions, jsonb_array_elements_text(metadata->'months') AS m
                   WHERE step_name = 'billing' AND status = 'completed' AND created_at > %s
                   GROUP BY 1 ORDER BY 1""",
                [at - BILLED_WITHIN],
            ).fetchall()
        ),
        closed_at=dict(
            connection.execute(
                "SELECT month, closed_at FROM ledger_periods WHERE status = 'closed' ORDER BY month"
            ).fetchall()
        ),
        failed_checks={
            (month, is_error): count
            for month, is_error, count in connection.execute(
                """SELECT c.month, c.is_error, count(*) FROM check_results c JOIN ledger_periods p USING (month)
                   WHERE c.records > 0 AND p.status = 'open' GROUP BY 1, 2 ORDER BY 1, 2"""
            ).fetchall()
        },
        open_errors={
            (name, is_blocking): count
            for name, is_blocking, count in connection.execute(
                """SELECT integration_name, is_blocking, count(*) FROM integration_errors
                   WHERE NOT is_resolved AND NOT is_ignored GROUP BY 1, 2 ORDER BY 1, 2"""
            ).fetchall()
        },
        open_alerts=dict(
            connection.execute(
                "SELECT kind, count(*) FROM alerts WHERE cleared_at IS NULL GROUP BY 1 ORDER BY 1"
            ).fetchall()
        ),
        cfo=CfoMeasures(_float(lag), _float(rate), pending, exhausted, overdue),
    )


def _estimated_rows(connection: psycopg.Connection) -> dict[str, int]:
    """Live rows by table, those of partitions with their table."""
    rows = connection.execute(
        """SELECT coalesce(p.relname, c.relname), sum(pg_stat_get_live_tuples(c.oid))::bigint FROM pg_class c
           LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
           WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' GROUP BY 1 ORDER BY 1""",
        [SCHEMA],
    ).fetchall()
    return dict(rows)


def _steps(connection: psycopg.Connection) -> list[StepMeasures]:
    """Of all executions that there were, for a counter never falls: so they are only added up, and not put in order."""
    rows = connection.execute(
        """WITH ended AS NOT MATERIALIZED (
               SELECT id, step_name, status, completed_at,
                      greatest(coalesce(extract(epoch FROM completed_at - started_at), 0), 0)::float AS seconds
               FROM sync_executions WHERE completed_at IS NOT NULL
           ), summed AS (
               SELECT step_name, status, count(*) AS executions, sum(seconds) AS seconds, max(id) AS last
               FROM ended GROUP BY 1, 2
           )
           SELECT s.step_name, s.status, s.executions, s.seconds, e.seconds, e.completed_at
           FROM summed s JOIN ended e ON e.id = s.last ORDER BY 1, 2"""
    ).fetchall()
    return [StepMeasures(*row) for row in rows]


def _running(connection: psycopg.Connection) -> int:
    (row,) = connection.execute("SELECT count(*) FROM sync_executions WHERE status = 'running'").fetchall()
    return int(row[0])


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))
