"""What the checks of each month found last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import psycopg


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check of an asset in a month: how many records break its rule (none: it passed), and what it says of them."""

    month: date
    asset: str
    check: str
    records: int
    is_error: bool
    description: str | None


def record_check_results(
    connection: psycopg.Connection, results: Sequence[CheckResult], *, run_id: str
) -> None:
    """Stores the results as the latest of their checks."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO check_results (month, asset_name, check_name, records, is_error, description, run_id)
               VALUES (%s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (month, asset_name, check_name) DO UPDATE
               SET records = excluded.records, is_error = excluded.is_error, description = excluded.description,
                   run_id = excluded.run_id, checked_at = now()""",
            # In one order, so that two runs do not wait for each other.
            sorted(
                (one.month, one.asset, one.check, one.records, one.is_error, one.description, run_id)
                for one in results
            ),
        )


def broken_checks(
    connection: psycopg.Connection, *, run_id: str | None = None, months: Sequence[date] | None = None
) -> list[CheckResult]:
    """The checks that failed as errors: those that a run made last, or those of these months, in order."""
    rows = connection.execute(
        """SELECT month, asset_name, check_name, records, is_error, description FROM check_results
           WHERE records > 0 AND is_error AND (%(run)s::text IS NULL OR run_id = %(run)s)
                 AND (%(months)s::date[] IS NULL OR month = ANY (%(months)s))
           ORDER BY asset_name, check_name, month""",
        {"run": run_id, "months": None if months is None else list(months)},
    ).fetchall()
    return [CheckResult(*row) for row in rows]
