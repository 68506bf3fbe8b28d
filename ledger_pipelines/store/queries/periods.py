"""What is known of one month: its checks, what was done with it, and what would be different in it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

#: The check that compares a closed month's rows with what they would be now.
CLOSED_UNCHANGED = "closed_month_unchanged"


@dataclass(frozen=True, slots=True)
class PeriodEvent:
    """A month was closed or reopened."""

    month: date
    action: str
    happened_at: datetime
    person: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class PeriodCheck:
    """What a check of a month found last; `records` = 0 is a pass."""

    month: date
    asset: str
    check: str
    records: int
    is_error: bool
    description: str | None
    checked_at: datetime


def read_events(
    connection: psycopg.Connection, month: date | None = None, count: int = 50
) -> list[PeriodEvent]:
    """What was done with a month, or with all, the latest first."""
    rows = connection.execute(
        """SELECT month, action, happened_at, person, reason FROM ledger_period_events
           WHERE %(month)s::date IS NULL OR month = %(month)s ORDER BY id DESC LIMIT %(count)s""",
        {"month": month, "count": count},
    ).fetchall()
    return [PeriodEvent(*row) for row in rows]


def read_checks(connection: psycopg.Connection, month: date) -> list[PeriodCheck]:
    """The checks of a month as they were found last: failures, then warnings, then what passed."""
    return _checks(connection, "month = %s", [month])


def changed_since_closed(connection: psycopg.Connection, months: Sequence[date]) -> list[PeriodCheck]:
    """The closed months of which a run has computed something else since, with what and how many rows."""
    return _checks(
        connection,
        "month = ANY(%s) AND check_name = %s AND records > 0",
        [list(months), CLOSED_UNCHANGED],
    )


def _checks(connection: psycopg.Connection, condition: str, values: Sequence[object]) -> list[PeriodCheck]:
    rows = connection.execute(
        f"""SELECT month, asset_name, check_name, records, is_error, description, checked_at FROM check_results
            WHERE {condition} ORDER BY records = 0, NOT is_error, month, asset_name, check_name""",  # noqa: S608
        list(values),
    ).fetchall()
    return [PeriodCheck(*row) for row in rows]
