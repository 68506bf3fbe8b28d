"""A ledger in which journals are written and months reckoned and closed, as their steps do it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from ledger_pipelines.months import parse_month
from ledger_pipelines.store.executions import Execution
from ledger_pipelines.store.journal import add_posted, replace_drafts
from ledger_pipelines.store.periods import close_months, closed_months
from ledger_pipelines.workflows.general_ledger.reports import update_reports, update_sub_ledgers
from ledger_pipelines.workflows.step import Changes, Step
from ledger_pipelines_tests.general_ledger.journals import Entry, journal_of


def write(connection: psycopg.Connection, *entries: Entry) -> None:
    """Adds the entries to the journal, those that are posted as they are, and drafts in place of their months'."""
    posted = [one for one in entries if one.entry["status"] == "posted"]
    drafts = [one for one in entries if one.entry["status"] == "draft"]
    if posted:
        journal = journal_of(posted)
        add_posted(connection, journal.entries, journal.lines)
    if drafts:
        journal = journal_of(drafts)
        months = sorted({one.entry["month"] for one in drafts})
        replace_drafts(connection, months, journal.entries, journal.lines)


def step_of(connection: psycopg.Connection, months: Sequence[date]) -> Step:
    return Step(
        connection=connection,
        execution=Execution(1, "general_ledger"),
        months=list(months),
        closed=closed_months(connection),
        asked=list(months),
        run_id="test",
    )


def reckon(
    connection: psycopg.Connection, *months: str, sync_start: date | None = None, fiscal_year: int = 1
) -> dict[str, Changes]:
    """Materialises sub-ledgers and reports of the months; what changed, by table."""
    wanted = [parse_month(month) for month in months]
    step = step_of(connection, wanted)
    changes = update_sub_ledgers(step, sync_start=sync_start).changes
    return changes | update_reports(step, fiscal_year=fiscal_year)[1]


def close(connection: psycopg.Connection, *months: str) -> None:
    close_months(connection, [parse_month(month) for month in months], person="ann")


def rows(connection: psycopg.Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), values).fetchall()


def remaining(
    connection: psycopg.Connection, month: str, table: str = "customer_ledger"
) -> dict[str, Decimal]:
    """What remains of each row of a month, by its entry."""
    found = rows(
        connection, f"SELECT voucher, remaining_amount FROM {table} WHERE month = %s", parse_month(month)
    )
    return {voucher.removeprefix("books/"): amount for voucher, amount in found}


def reconciled(connection: psycopg.Connection, month: str, account: str) -> dict[str, str]:
    """An account's reconciliation, what is 0 apart."""
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute(
            "SELECT * FROM ledger_reconciliation WHERE month = %s AND account = %s",
            [parse_month(month), account],
        ).fetchone()
    assert row is not None
    return {name: f"{value:.2f}" for name, value in row.items() if isinstance(value, Decimal) and value}
