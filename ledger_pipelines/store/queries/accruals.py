"""What a month's accruals have of the contracts."""

from __future__ import annotations

from datetime import date

import psycopg


def accrual_summary(connection: psycopg.Connection, month: date, contracts: int) -> dict[str, int]:
    """Of all `contracts`: those with an accrual in the month, those without one that a notice names, and the rest."""
    ((successful, failed),) = connection.execute(
        """WITH accrued AS (
               SELECT DISTINCT contact_id, service_id, currency FROM monthly_accruals WHERE month = %(month)s
           ), noticed AS (
               SELECT DISTINCT contact_id, service_id, currency FROM accrual_notices
               WHERE month = %(month)s AND contact_id IS NOT NULL AND service_id IS NOT NULL
           )
           SELECT (SELECT count(*) FROM accrued),
                  (SELECT count(*) FROM (SELECT * FROM noticed EXCEPT SELECT * FROM accrued) AS left_out)""",
        {"month": month},
    ).fetchall()
    return {
        "total_contracts_processed": contracts,
        "successful_accruals": successful,
        "failed_accruals": failed,
        "skipped_accruals": max(contracts - successful - failed, 0),
    }
