"""What follows from an import at once: its documents are posted, and the ledgers of its months computed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ledger_pipelines.months import add_months, format_month, month_range
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
from ledger_pipelines.store.journal import months_of_journal
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.snapshots import computed_months
from ledger_pipelines.workflows.general_ledger.posting import post
from ledger_pipelines.workflows.general_ledger.reports import update_reports, update_sub_ledgers
from ledger_pipelines.workflows.general_ledger.sub_ledgers import CUSTOMER
from ledger_pipelines.workflows.step import Step


def update_ledgers(database: Database, settings: Settings, months: Iterable[date]) -> None:
    """Posts the documents of these months, and computes the ledgers from the first of them on: a month's sub-ledgers and
    balances rest on those before it.

    An execution of the journal's step of its own; closed months stay. Nothing happens where there are no months.
    """
    imported = sorted(set(months))
    if not imported:
        return
    metadata = {"months": [format_month(month) for month in imported]}
    with (
        database.connect(application_name="ledger import") as connection,
        recorded_execution(database, "journal", metadata) as execution,
    ):
        closed = closed_months(connection)
        computed = computed_months(connection, CUSTOMER)
        # The opening entry of a file stands before its months.
        first = min([*imported, *(month for month in months_of_journal(connection) if month not in computed)])
        last = max([*imported, *computed])
        span = [month for month in month_range(first, add_months(last, 1)) if month not in closed]
        step = Step(
            connection=connection,
            execution=execution,
            months=span,
            closed=closed,
            asked=span,
            run_id=f"import {execution.id}",
        )
        post(step, [month for month in imported if month not in closed])
        update_sub_ledgers(step, sync_start=settings.sync_start_date)
        update_reports(step, fiscal_year=int(settings.fiscal_year_start))
