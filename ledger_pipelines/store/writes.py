"""Which run changed the rows of a month last: what is closed for good must be what was checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg

#: By month and table, how often its rows were changed so far.
Versions = Mapping[tuple[date, str], int]


def record_writes(
    connection: psycopg.Connection, table: str, months: Sequence[date], *, written_by: str | None
) -> None:
    """Records that the table's rows of these months have changed. For the transaction that changes them."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO month_writes AS w (month, table_name, version, written_by) VALUES (%s, %s, 1, %s)
               ON CONFLICT (month, table_name) DO UPDATE
               SET version = w.version + 1, written_by = excluded.written_by""",
            [(month, table, written_by) for month in sorted(months)],
        )


def read_versions(connection: psycopg.Connection) -> dict[tuple[date, str], int]:
    """How often the rows of every month and table were changed so far."""
    rows = connection.execute("SELECT month, table_name, version FROM month_writes").fetchall()
    return {(month, table): version for month, table, version in rows}


def writes_of(
    connection: psycopg.Connection, months: Sequence[date], tables: Sequence[str]
) -> tuple[tuple[Any, ...], ...]:
    """What is another whenever the rows of these months and tables are, also in a ledger that was restored.

    Empty where no run has written any: then nothing says whether they are the same.
    """
    rows = connection.execute(
        """SELECT month, table_name, version, xmin::text FROM month_writes
           WHERE month = ANY(%s) AND table_name = ANY(%s) ORDER BY month, table_name""",
        [list(months), list(tables)],
    )
    return tuple(rows.fetchall())


def changed_by_others(
    connection: psycopg.Connection, run_id: str, before: Versions, *, until: date
) -> list[tuple[date, str]]:
    """The months and tables whose rows another run changed after this run did, or since `before` where it did not.

    Looks at all months up to `until`: a month's amounts are made of those before it, too. What another run wrote first
    and this one replaced is this one's.
    """
    rows = connection.execute(
        """SELECT month, table_name, version FROM month_writes
           WHERE month <= %s AND written_by IS DISTINCT FROM %s ORDER BY month, table_name""",
        [until, run_id],
    ).fetchall()
    return [(month, table) for month, table, version in rows if before.get((month, table), 0) != version]
