"""A company's statement as a person or a program asks for it: what is stored, or where something that bears on it was
edited since the run, what the rule makes of it now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.billing_runs import edited_since_run
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.workflows.preview import (
    Statement,
    computed_statements,
    stored_statements,
    why_unbilled,
)


class UnknownCompanyError(LedgerError):
    """No company has this account number in the month."""


@dataclass(frozen=True, slots=True)
class PresentStatement:
    """A statement; `is_final` where its month is closed, `waits_for_run` where it is not what is stored."""

    statement: Statement
    is_final: bool
    waits_for_run: bool


def statement_of(database: Database, settings: Settings, account: str, month: date) -> PresentStatement:
    """The company's statement of a month, by all that is saved.

    Raises UnknownCompanyError where the month has no such company, LedgerError where it has no statement, with why.
    """
    # What a run writes meanwhile must not give the lines of one statement and the total of another.
    with pooled_connection(database) as connection, one_view(connection):
        row = connection.execute(
            "SELECT status = 'closed' FROM ledger_periods WHERE month = %s", [month]
        ).fetchone()
        is_final = row is not None and bool(row[0])
        waits = not is_final and bool(edited_since_run(connection, [month], account))
        found = (
            computed_statements(connection, settings, account, [month])
            if waits
            else stored_statements(connection, [month], account)
        )
        if month in found:
            return PresentStatement(found[month], is_final, waits)
        company = connection.execute(
            "SELECT FROM companies WHERE month = %s AND account_number = %s", [month, account]
        ).fetchone()
        if company is None:
            raise UnknownCompanyError(f"There is no company {account!r} in {format_month(month)}.")
        why = [] if is_final else why_unbilled(connection, settings, account, month)
    raise LedgerError(
        f"The company {account} has no statement for {format_month(month)}"
        f"{': ' + ' '.join(why) if why else ': its plan is Inactive, or the month was not billed with it yet: run it.'}"
    )


def latest_month(database: Database) -> date | None:
    """The latest month that has statements; None where none has."""
    with pooled_connection(database) as connection:
        row = connection.execute("SELECT max(month) FROM billing_statements").fetchone()
    return None if row is None else row[0]


def companies_edited_since_run(database: Database, months: Sequence[date]) -> dict[date, frozenset[str]]:
    """Of each of these months the companies whose stored statement an edit is not on yet; closed months have none."""
    with pooled_connection(database) as connection:
        found = edited_since_run(connection, months)
    return {month: frozenset(account for one, account in found if one == month) for month in months}
