"""When each month's rows were read from their source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.copy import copy_out, read_months, select_list, table_schema
from ledger_pipelines.store.months import key_columns


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


def newest_snapshot(connection: psycopg.Connection, table: str) -> date | None:
    """The month whose rows of the table were read from the source last; None if none ever was."""
    row = connection.execute(
        "SELECT month FROM month_snapshots WHERE table_name = %s ORDER BY reading DESC, month DESC LIMIT 1",
        [table],
    ).fetchone()
    return None if row is None else row[0]


def first_of_newest(connection: psycopg.Connection, table: str) -> date | None:
    """The first of the months that the table's last reading was of; None if there was none."""
    row = connection.execute(
        """SELECT min(month) FROM month_snapshots WHERE table_name = %(table)s
           AND reading = (SELECT max(reading) FROM month_snapshots WHERE table_name = %(table)s)""",
        {"table": table},
    ).fetchone()
    return None if row is None else row[0]


def read_newest_snapshot(connection: psycopg.Connection, table: str) -> pa.Table | None:
    """The table's rows, without a month, of the month that was read from the source last; None if none ever was."""
    month = newest_snapshot(connection, table)
    return None if month is None else read_months(connection, table, [month]).drop_columns(["month"])


def newest_has(connection: psycopg.Connection, table: str, column: str, value: object) -> bool | None:
    """Whether the month that was read last has a row with this value; None where the table was never read."""
    month = newest_snapshot(connection, table)
    if month is None:
        return None
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE month = %s AND {} = %s)").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    ((found,),) = connection.execute(query, [month, value]).fetchall()
    return bool(found)


def count_rows(connection: psycopg.Connection, table: str, months: Sequence[date]) -> dict[date, int]:
    """How many rows of a table each of these months has; a month without any is not there."""
    query = sql.SQL("SELECT month, count(*) FROM {} WHERE month = ANY(%s) GROUP BY 1")
    return dict(connection.execute(query.format(sql.Identifier(table)), [list(months)]).fetchall())


def read_first_rows(connection: psycopg.Connection, table: str, month: date, count: int) -> pa.Table:
    """So many of a month's rows at most, the first ones by their key."""
    schema = table_schema(connection, table)
    query = sql.SQL("SELECT {} FROM {} WHERE month = {} ORDER BY {} LIMIT {}").format(
        select_list(schema),
        sql.Identifier(table),
        sql.Literal(month),
        sql.SQL(", ").join(map(sql.Identifier, key_columns(connection, table))),
        sql.Literal(count),
    )
    return copy_out(connection, query, schema)


def count_by_account(connection: psycopg.Connection, table: str, months: Sequence[date]) -> dict[str, int]:
    """How many rows of these months each account has in a table."""
    query = sql.SQL("SELECT account_number, count(*) FROM {} WHERE month = ANY(%s) GROUP BY 1")
    return dict(connection.execute(query.format(sql.Identifier(table)), [list(months)]).fetchall())


def read_gaps(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """The companies' parts that these months' snapshots could not read anew: month, table_name, account_number."""
    rows = connection.execute(
        "SELECT month, table_name, account_number FROM snapshot_gaps WHERE month = ANY(%s) ORDER BY 1, 2, 3",
        [list(months)],
    ).fetchall()
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table(
        {
            "month": pa.array(columns[0], pa.date32()),
            "table_name": pa.array(columns[1], pa.string()),
            "account_number": pa.array(columns[2], pa.string()),
        }
    )


def record_gaps(
    connection: psycopg.Connection, table: str, months: Sequence[date], gaps: Collection[tuple[date, str]]
) -> None:
    """Makes these the gaps of the table in these months: month and account number."""
    connection.execute(
        "DELETE FROM snapshot_gaps WHERE table_name = %s AND month = ANY(%s)", [table, list(months)]
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO snapshot_gaps (month, table_name, account_number) VALUES (%s, %s, %s)",
            [(month, table, account) for month, account in sorted(gaps)],
        )


def newest_are_complete(connection: psycopg.Connection, tables: Sequence[str]) -> bool:
    """Whether all records could be read when each of these tables was read last; one that never was says nothing."""
    row = connection.execute(
        """SELECT coalesce(bool_and(is_complete), true) FROM (
               SELECT DISTINCT ON (table_name) is_complete FROM month_snapshots WHERE table_name = ANY(%s)
               ORDER BY table_name, reading DESC, month DESC) AS newest""",
        [list(tables)],
    ).fetchone()
    return row is not None and bool(row[0])


def read_times(connection: psycopg.Connection, table: str) -> dict[date, datetime]:
    """When each month's rows of the table were read from their source; months that never were are not there."""
    rows = connection.execute(
        "SELECT month, snapshot_at FROM month_snapshots WHERE table_name = %s", [table]
    ).fetchall()
    return dict(rows)


def computed_months(connection: psycopg.Connection, table: str) -> list[date]:
    """The months whose rows of the table were ever read or computed, in order."""
    rows = connection.execute(
        "SELECT month FROM month_snapshots WHERE table_name = %s ORDER BY 1", [table]
    ).fetchall()
    return [month for (month,) in rows]


def require_snapshots(connection: psycopg.Connection, table: str, months: Sequence[date]) -> None:
    """Raises LedgerError when one of these months never had its rows of the table read from Codex."""
    require_read(connection, table, "Codex", months)


def require_read(connection: psycopg.Connection, table: str, source: str, months: Sequence[date]) -> None:
    """Raises LedgerError when one of these months never had its rows of the table read from this source."""
    rows = connection.execute(
        "SELECT month FROM unnest(%s::date[]) AS m (month) "
        "WHERE NOT EXISTS (SELECT FROM month_snapshots s WHERE s.month = m.month AND s.table_name = %s) ORDER BY 1",
        [list(months), table],
    ).fetchall()
    if rows:
        missing = [month for (month,) in rows]
        raise LedgerError(
            f"The {table} of {describe_months(missing)} were never read from {source}: run the job month_close, "
            f"or `ledger close {format_month(missing[0])}`, which reads them first."
        )


def complete_snapshot(connection: psycopg.Connection, table: str, months: Sequence[date]) -> None:
    """Records that these months lack nothing any more of what the source had when their rows of the table were read."""
    connection.execute(
        "UPDATE month_snapshots SET is_complete = true WHERE table_name = %s AND month = ANY(%s)",
        [table, list(months)],
    )


def record_snapshot(
    connection: psycopg.Connection,
    table: str,
    months: Sequence[date],
    *,
    taken_at: datetime,
    is_complete: bool,
) -> None:
    """Records that the rows of these months are now those that the source had at `taken_at`."""
    connection.execute(
        """WITH reading AS MATERIALIZED (SELECT nextval('month_snapshots_readings') AS number)
           INSERT INTO month_snapshots (month, table_name, snapshot_at, is_complete, reading)
           SELECT month, %s, %s, %s, number FROM reading, unnest(%s::date[]) AS m (month)
           ON CONFLICT (month, table_name) DO UPDATE SET snapshot_at = excluded.snapshot_at,
               is_complete = excluded.is_complete, reading = excluded.reading""",
        [table, taken_at, is_complete, list(months)],
    )


def forget_snapshots(connection: psycopg.Connection, table: str, months: Collection[date]) -> None:
    """Takes these months' rows of the table for rows that nobody read: the next reading is of them, too."""
    connection.execute(
        "DELETE FROM month_snapshots WHERE table_name = %s AND month = ANY(%s)", [table, sorted(months)]
    )
