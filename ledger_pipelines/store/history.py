"""The ledger's past: which months of it were ever read from the sources, and where a person says that it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.snapshots import record_snapshot

#: The tables whose past rests on what was asked for month by month, and the system that each is read from.
READ_BY_MONTH: Mapping[str, str] = MappingProxyType({"invoices": "Holded", "enrollments": "4Geeks"})


@dataclass(frozen=True, slots=True)
class HistoryStart:
    """A person's word that there is nothing before a month."""

    month: date
    person: str
    reason: str
    decided_at: datetime


def history_start(connection: psycopg.Connection) -> HistoryStart | None:
    """The latest decision; None where there is none, and the history begins with the ledger."""
    row = connection.execute(
        "SELECT month, person, reason, decided_at FROM history_starts ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return None if row is None else HistoryStart(*row)


def start_history(connection: psycopg.Connection, month: date, *, person: str, reason: str) -> None:
    """Records a person's statement that there is nothing before the month.

    Raises LedgerError without a reason, and where the ledger itself holds documents or service periods before it.
    """
    if not reason.strip():
        raise LedgerError("Saying that there is nothing before a month takes a reason: give a reason.")
    rows = connection.execute(
        """SELECT month FROM invoices WHERE month < %(month)s UNION SELECT month FROM enrollments WHERE month < %(month)s
           ORDER BY 1""",
        {"month": month},
    ).fetchall()
    if rows:
        raise LedgerError(
            f"There is something before {format_month(month)}: the ledger holds documents or service periods of "
            f"{describe_months(held for (held,) in rows)}."
        )
    connection.execute(
        "INSERT INTO history_starts (month, person, reason) VALUES (%s, %s, %s)",
        [month, person, reason.strip()],
    )


def unread_history(connection: psycopg.Connection, table: str, first_month: date, last: date) -> list[date]:
    """The months up to `last` of which the table was never read: from the ledger's first one, or from where a person
    says that its history begins.
    """
    start = history_start(connection)
    rows = connection.execute(
        """SELECT m::date FROM generate_series(%(first)s::date, %(last)s::date, interval '1 month') AS m
           WHERE NOT EXISTS (SELECT FROM month_snapshots s WHERE s.month = m AND s.table_name = %(table)s) ORDER BY 1""",
        {
            "first": first_month if start is None else max(first_month, start.month),
            "last": last,
            "table": table,
        },
    ).fetchall()
    return [month for (month,) in rows]


def was_ever_read(connection: psycopg.Connection, table: str) -> bool:
    """Whether the table was read of any month."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM month_snapshots WHERE table_name = %s)", [table]
    ).fetchone()
    return row is not None and bool(row[0])


def record_read(
    connection: psycopg.Connection,
    table: str,
    months: Sequence[date],
    *,
    read_at: datetime,
    is_complete: bool,
) -> None:
    """Records that the source was asked for all that these months, closed ones among them, have of the table."""
    record_snapshot(connection, table, months, taken_at=read_at, is_complete=is_complete)
