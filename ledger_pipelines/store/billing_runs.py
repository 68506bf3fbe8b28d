"""What each month's statements were billed by: which edits a run has seen, and which companies wait for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

#: What people edit of what is billed.
BILLED_EDITS = (
    *("billing_plans", "client_billing_overrides", "asset_billing_overrides", "user_billing_overrides"),
    *("manual_assets", "manual_users", "custom_line_items"),
)
# A transaction that began long before the run may end after it: times alone would miss its edits.
_UNSEEN = """
SELECT m.month, e.table_name, v.row FROM unnest(%(months)s::date[]) AS m (month) LEFT JOIN billing_runs r USING (month)
JOIN edits e ON r.month IS NULL OR e.edited_at >= r.read_at
    OR (e.transaction_id >= pg_snapshot_xmin(r.snapshot) AND NOT pg_visible_in_snapshot(e.transaction_id, r.snapshot))
CROSS JOIN LATERAL (VALUES (e.before), (e.after)) AS v (row)
WHERE e.table_name = ANY(%(tables)s) AND v.row IS NOT NULL
AND coalesce((v.row ->> 'from_month')::date <= m.month, true)
AND coalesce((v.row ->> 'one_off_year')::int = extract(year FROM m.month), true)
AND coalesce((v.row ->> 'one_off_month')::int = extract(month FROM m.month), true)"""
# A device's and a person's edit bears on whoever has it, a plan's on whoever is on it or was put on it.
_WAITING = f"""
WITH unseen AS MATERIALIZED ({_UNSEEN}), bearing AS (
    SELECT month, row ->> 'account_number' AS account_number FROM unseen WHERE row ? 'account_number'
    UNION SELECT month, a.account_number FROM unseen u JOIN assets a USING (month)
        WHERE u.table_name = 'asset_billing_overrides' AND a.id = (u.row ->> 'asset_id')::bigint
        AND (%(account)s::text IS NULL OR a.account_number = %(account)s)
    UNION SELECT month, c.account_number FROM unseen u JOIN contacts c USING (month)
        WHERE u.table_name = 'user_billing_overrides' AND c.id = (u.row ->> 'user_id')::bigint
        AND (%(account)s::text IS NULL OR c.account_number = %(account)s)
    UNION SELECT month, c.account_number FROM unseen u JOIN companies c USING (month)
        WHERE u.table_name = 'billing_plans' AND btrim(c.billing_plan) = btrim(u.row ->> 'billing_plan')
        AND (%(account)s::text IS NULL OR c.account_number = %(account)s)
    UNION SELECT month, o.account_number FROM unseen u JOIN client_billing_overrides o
        ON u.table_name = 'billing_plans' AND btrim(o.billing_plan) = btrim(u.row ->> 'billing_plan')
        AND (%(account)s::text IS NULL OR o.account_number = %(account)s))
SELECT b.month, b.account_number FROM bearing b JOIN companies USING (month, account_number)
WHERE (%(account)s::text IS NULL OR b.account_number = %(account)s)
AND NOT EXISTS (SELECT FROM ledger_periods p WHERE p.month = b.month AND p.status = 'closed')
ORDER BY 1, 2"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class View:
    """When something was read, and PostgreSQL's word on which transactions were over then."""

    read_at: datetime
    snapshot: str


def present_view(connection: psycopg.Connection) -> View:
    """What a read that follows sees at least."""
    row = connection.execute("SELECT clock_timestamp(), pg_current_snapshot()::text").fetchone()
    assert row is not None  # noqa: S101 - it asks for no table
    return View(*row)


def record_billing_run(connection: psycopg.Connection, months: Sequence[date], view: View) -> None:
    """Says that the statements of these months are billed by the edits of this view."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO billing_runs VALUES (%s, %s, %s) ON CONFLICT (month) DO UPDATE
               SET read_at = excluded.read_at, snapshot = excluded.snapshot""",
            [(month, view.read_at, view.snapshot) for month in sorted(months)],
        )


def edited_since_run(
    connection: psycopg.Connection, months: Sequence[date], account: str | None = None
) -> list[tuple[date, str]]:
    """The open ones of these months, and the companies of each on whose statement an edit bears that it does not have.

    It may name one too many, where an edit was saved while a run read; never one too few.
    """
    rows = connection.execute(
        _WAITING, {"months": list(months), "tables": list(BILLED_EDITS), "account": account}
    )
    return [(month, number) for month, number in rows.fetchall()]
