"""Closing and reopening months, and who did so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime

import psycopg
from psycopg.pq import TransactionStatus

from ledger_pipelines.closing.readiness import reasons_against_reopening
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.months import ensure_months

#: Seconds that closing waits for a run: the gateway gives up after thirty, and what follows takes some, too.
_PATIENCE = 15.0


def closed_months(connection: psycopg.Connection) -> frozenset[date]:
    """The months that are closed."""
    rows = connection.execute("SELECT month FROM ledger_periods WHERE status = 'closed'").fetchall()
    return frozenset(month for (month,) in rows)


def read_closed_at(connection: psycopg.Connection, month: date) -> datetime | None:
    """When the month was closed; None where it is open."""
    row = connection.execute("SELECT closed_at FROM ledger_periods WHERE month = %s", [month]).fetchone()
    return row[0] if row else None


def close_months(
    connection: psycopg.Connection, months: Sequence[date], *, person: str, patience: float = _PATIENCE
) -> list[date]:
    """Closes these months, all or none, and returns those that were open.

    From then on the database itself refuses every change to their rows. Within a transaction of the caller's, no other
    one can write to them until that ends. Runs that write them are waited for, up to `patience` seconds at each. Raises
    LedgerError, with nothing closed, when that was too long.
    """
    if connection.info.transaction_status == TransactionStatus.IDLE:
        make_partitions(connection, months)
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience * 1000:.0f}ms"])
            newly_closed = _close(connection, months, person=person)
            # What else the caller's transaction waits for is its own matter.
            connection.execute("SET LOCAL lock_timeout TO DEFAULT")
    except psycopg.errors.LockNotAvailable:
        raise LedgerError(
            f"{describe_months(months)} was not closed: {_writer_of(connection, months)}. Close again when that has "
            "ended."
        ) from None
    return newly_closed


def _close(connection: psycopg.Connection, months: Sequence[date], *, person: str) -> list[date]:
    for month in sorted(months):
        connection.execute("INSERT INTO ledger_periods (month) VALUES (%s) ON CONFLICT DO NOTHING", [month])
    # Waits for runs that are writing one of the months, in the order in which they lock them, and keeps later ones out.
    connection.execute(
        "SELECT FROM ledger_periods WHERE month = ANY(%s) ORDER BY month FOR UPDATE", [list(months)]
    )
    rows = connection.execute(
        """UPDATE ledger_periods SET status = 'closed', closed_at = now(), closed_by = %s
           WHERE month = ANY(%s) AND status = 'open' RETURNING month""",
        [person, list(months)],
    ).fetchall()
    newly_closed = sorted(month for (month,) in rows)
    for month in newly_closed:
        connection.execute("SELECT post_month(%s)", [month])
        connection.execute("SELECT freeze_month(%s)", [month])
        _record(connection, month, "closed", person, None)
    return newly_closed


def _writer_of(connection: psycopg.Connection, months: Sequence[date]) -> str:
    """Which step of which run writes one of these months, for a sentence."""
    row = connection.execute(
        """SELECT step_name, metadata->>'dagster_run_id' FROM sync_executions
           WHERE status = 'running' AND metadata->'months' ?| %s ORDER BY started_at, id LIMIT 1""",
        [[format_month(month) for month in months]],
    ).fetchone()
    if row is None:
        return "somebody has been writing it for too long, and no run says so"
    step, run_id = row
    return f"the step {step}{f' of the run {run_id[:8]}' if run_id else ''} is writing it"


def make_partitions(connection: psycopg.Connection, months: Sequence[date]) -> None:
    """Makes the months' partitions of every table where they are missing: before the transaction that closes them."""
    tables = connection.execute("SELECT table_name FROM ledger_month_tables").fetchall()
    ensure_months(connection, [table for (table,) in tables], months)


def reopen_month(
    connection: psycopg.Connection, month: date, *, person: str, reason: str, patience: float = 60.0
) -> None:
    """Reopens a closed month and keeps who did so and why.

    A run that is reading the month is waited for, up to `patience` seconds. Raises LedgerError when that was too long,
    the month is not closed, or there is no reason.
    """
    if not reason.strip():
        raise LedgerError("Reopening a month takes a reason: say why.")
    end = time.monotonic() + patience
    while True:
        try:
            with connection.transaction():
                _reopen(connection, month, person=person, reason=reason.strip())
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > end:
                raise LedgerError(
                    f"{format_month(month)} was not reopened, a run is reading it: try again when that has ended."
                ) from None


def _reopen(connection: psycopg.Connection, month: date, *, person: str, reason: str) -> None:
    # Shorter than the second after which the server looks for a deadlock: then nobody else is the one to give up.
    connection.execute("SET LOCAL lock_timeout = '400ms'")
    # Before anything is read: of two who reopen it at once, the other waits here and finds it open.
    closed = connection.execute(
        "SELECT status = 'closed' FROM ledger_periods WHERE month = %s FOR UPDATE", [month]
    ).fetchone()
    reasons = reasons_against_reopening(
        month, is_closed=closed == (True,), restated_by=_restated_by(connection, month)
    )
    if reasons:
        raise LedgerError(reasons[0].message)
    connection.execute(
        "UPDATE ledger_periods SET status = 'open', closed_at = NULL, closed_by = NULL WHERE month = %s",
        [month],
    )
    connection.execute("SELECT thaw_month(%s)", [month])
    _record(connection, month, "reopened", person, reason)


def _record(
    connection: psycopg.Connection, month: date, action: str, person: str, reason: str | None
) -> None:
    connection.execute(
        "INSERT INTO ledger_period_events (month, action, person, reason) VALUES (%s, %s, %s, %s)",
        [month, action, person, reason],
    )


def _restated_by(connection: psycopg.Connection, month: date) -> list[date]:
    """The later closed months that keep news of this one's invoices."""
    rows = connection.execute(
        """SELECT DISTINCT i.month FROM invoices i JOIN ledger_periods p ON p.month = i.month AND p.status = 'closed'
           WHERE i.month > %(month)s AND i.date >= %(month)s AND i.date < %(month)s + interval '1 month' ORDER BY 1""",
        {"month": month},
    ).fetchall()
    return [later for (later,) in rows]
