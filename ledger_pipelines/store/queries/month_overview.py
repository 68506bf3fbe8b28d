"""Every month of the ledger at a glance: open or closed, by whom, what it billed, what its checks found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import psycopg


@dataclass(frozen=True, slots=True)
class MonthOverview:
    """A month: who closed it and when (None: it is open), its statements with their totals by currency, its checks.

    `checks` is how many were made last, `warnings` and `failures` how many of them found something.
    """

    month: date
    closed_by: str | None
    closed_at: datetime | None
    statements: int
    totals: dict[str, Decimal]
    checks: int
    warnings: int
    failures: int

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None


def month_overviews(connection: psycopg.Connection) -> list[MonthOverview]:
    """One for each of the ledger's months that was ever written or checked, in order.

    Months before its first one have tickets only, for the prepaid hours of the year: they are no one's to close.
    """
    rows = connection.execute(
        """WITH billed AS (SELECT month, currency, count(*) AS statements, sum(total) AS total
                           FROM billing_statements GROUP BY month, currency),
                totals AS (SELECT month, sum(statements)::bigint AS statements, array_agg(currency) AS currencies,
                                  array_agg(total) AS totals
                           FROM billed GROUP BY month),
                checked AS (SELECT month, count(*) AS checks,
                                   count(*) FILTER (WHERE records > 0 AND NOT is_error) AS warnings,
                                   count(*) FILTER (WHERE records > 0 AND is_error) AS failures
                            FROM check_results GROUP BY month)
           SELECT month, p.closed_by, p.closed_at, coalesce(t.statements, 0), coalesce(t.currencies, '{}'),
                  coalesce(t.totals, '{}'), coalesce(c.checks, 0), coalesce(c.warnings, 0), coalesce(c.failures, 0)
           FROM ledger_periods p FULL JOIN checked c USING (month) LEFT JOIN totals t USING (month)
           WHERE month >= (SELECT to_date(value, 'YYYY-MM') FROM ledger_settings WHERE name = 'first_month')
              OR p.closed_at IS NOT NULL
           ORDER BY month"""
    ).fetchall()
    return [
        MonthOverview(month, by, at, statements, dict(zip(currencies, totals, strict=True)), *checks)
        for month, by, at, statements, currencies, totals, *checks in rows
    ]
