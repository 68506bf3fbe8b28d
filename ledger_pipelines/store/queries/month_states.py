"""Which months are open and which are closed, and which of them have a company."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.queries.dashboard import ledger_months


def month_states(database: Database) -> tuple[list[date], list[date]]:
    """The ledger's open months and its closed ones, in order."""
    with pooled_connection(database) as connection:
        months = sorted(ledger_months(connection), key=lambda one: one.month)
    return [one.month for one in months if not one.is_closed], [one.month for one in months if one.is_closed]


def is_closed(database: Database, month: date) -> bool:
    """Whether the month is closed."""
    with pooled_connection(database) as connection:
        row = connection.execute("SELECT status FROM ledger_periods WHERE month = %s", [month]).fetchone()
    return row == ("closed",)


def draft_months(database: Database) -> list[date]:
    """The open months that have statements, in order."""
    with pooled_connection(database) as connection:
        rows = connection.execute(
            """SELECT DISTINCT s.month FROM billing_statements s JOIN ledger_periods p USING (month)
               WHERE p.status = 'open' ORDER BY 1"""
        ).fetchall()
    return [month for (month,) in rows]


def open_months_of(database: Database, account: str, *, most: int) -> list[date]:
    """The latest open months in which the newest snapshots have the company, in order; at most so many."""
    with pooled_connection(database) as connection:
        rows = connection.execute(
            """SELECT month FROM companies c WHERE account_number = %s AND NOT EXISTS
               (SELECT FROM ledger_periods p WHERE p.month = c.month AND p.status = 'closed')
               ORDER BY month DESC LIMIT %s""",
            [account, most],
        ).fetchall()
    return sorted(month for (month,) in rows)


def accounts_of_record(database: Database, table: str, record_id: int) -> Sequence[str]:
    """The companies that a device (`assets`) or a person (`contacts`) stands under in any open month's snapshot."""
    query = {
        "assets": "SELECT DISTINCT account_number FROM assets WHERE id = %s ORDER BY 1",
        "contacts": "SELECT DISTINCT account_number FROM contacts WHERE id = %s ORDER BY 1",
    }[table]
    with pooled_connection(database) as connection:
        return [account for (account,) in connection.execute(query, [record_id]).fetchall()]
