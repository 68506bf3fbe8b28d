"""What is exported of the general ledger: aging, trial balance, journal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.exports.general_ledger import (
    AGING_COLUMNS,
    JOURNAL_COLUMNS,
    TRIAL_BALANCE_COLUMNS,
    aging_rows,
    journal_rows,
    trial_balance_rows,
)
from ledger_pipelines.months import describe_months, format_month, last_day
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.sub_ledgers import read_journal, read_trial_balance
from ledger_pipelines.workflows.exports import Export, sheet
from ledger_pipelines.workflows.general_ledger.sub_ledgers import TABLES
from ledger_pipelines.workflows.general_ledger.verification import open_items


def export_aging(database: Database, months: Sequence[date]) -> Export:
    """The aging at the months' ends, a row for each party and currency. Raises LedgerError where nothing is open."""
    with database.connect() as connection:
        rows = [
            row
            for month in months
            for ledger, table in TABLES.items()
            for row in aging_rows(open_items(connection, table, last_day(month)), last_day(month), ledger)
        ]
    if not rows:
        raise _nothing("open item", months)
    return sheet("Aging", AGING_COLUMNS, rows)


def export_trial_balance(database: Database, months: Sequence[date]) -> Export:
    """The months' trial balances. Raises LedgerError where there is none."""
    with database.connect() as connection:
        rows = list(trial_balance_rows(read_trial_balance(connection, months)))
    if not rows:
        raise _nothing("trial balance", months)
    return sheet("Trial balance", TRIAL_BALANCE_COLUMNS, rows)


def export_journal(database: Database, months: Sequence[date]) -> Export:
    """The months' journal, a row for each line, as `ledger import journal` reads it. Raises LedgerError without one."""
    with database.connect() as connection:
        rows = list(journal_rows(read_journal(connection, months)))
    if not rows:
        raise _nothing("journal entry", months)
    return sheet("Journal", JOURNAL_COLUMNS, rows)


#: By what people call them.
EXPORTS = {"aging": export_aging, "trial-balance": export_trial_balance, "journal": export_journal}


def _nothing(what: str, months: Sequence[date]) -> LedgerError:
    return LedgerError(
        f"There is no {what} in {describe_months(months)}: run `ledger close {format_month(months[0])}`."
    )
