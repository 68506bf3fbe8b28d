"""When each month's rows were read from their source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
import pyarrow as pa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.frames import read_months


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A month's rows of a table: when they were read, and whether all of them could be read."""

    month: date
    table_name: str
    snapshot_at: datetime
    is_complete: bool


def read_snapshots(connection: psycopg.Connection, months: Sequence[date]) -> list[Snapshot]:
    """The snapshots of these months."""
    rows = connection.execute(
        """SELECT month, table_name, snapshot_at, is_complete FROM month_snapshots
           WHERE month = ANY(%s) ORDER BY month, table_name""",
        [list(months)],
    ).fetchall()
    return [Snapshot(*row) for row in rows]


def read_newest_snapshot(connection: psycopg.Connection, table: str) -> pa.Table | None:
    """The table's rows, without a month, of the month that was read from the source last; None if none ever was."""
    row = connection.execute(
        "SELECT month FROM month_snapshots WHERE table_name = %s ORDER BY snapshot_at DESC, month DESC LIMIT 1",
        [table],
    ).fetchone()
    return None if row is None else read_months(connection, table, row).drop_columns(["month"])


def accrued_months(connection: psycopg.Connection) -> list[date]:
    """The months whose accruals were ever computed, in order."""
    rows = connection.execute(
        "SELECT month FROM month_snapshots WHERE table_name = 'monthly_accruals' ORDER BY 1"
    ).fetchall()
    return [month for (month,) in rows]


def require_snapshots(connection: psycopg.Connection, table: str, months: Sequence[date]) -> None:
    """Raises LedgerError when one of these months never had its rows of the table read from their source."""
    rows = connection.execute(
        "SELECT month FROM unnest(%s::date[]) AS m (month) "
        "WHERE NOT EXISTS (SELECT FROM month_snapshots s WHERE s.month = m.month AND s.table_name = %s) ORDER BY 1",
        [list(months), table],
    ).fetchall()
    if rows:
        missing = [month for (month,) in rows]
        raise LedgerError(
            f"The {table} of {describe_months(missing)} were never read from Codex: run the job month_close, "
            f"or `ledger close {format_month(missing[0])}`, which reads them first."
        )


def record_snapshot(
    connection: psycopg.Connection,
    table: str,
    months: Sequence[date],
    *,
    taken_at: datetime,
    is_complete: bool,
) -> None:
    """Says that the rows of these months are now those that the source had at `taken_at`."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO month_snapshots VALUES (%s, %s, %s, %s)
               ON CONFLICT (month, table_name) DO UPDATE
               SET snapshot_at = excluded.snapshot_at, is_complete = excluded.is_complete""",
            [(month, table, taken_at, is_complete) for month in months],
        )
