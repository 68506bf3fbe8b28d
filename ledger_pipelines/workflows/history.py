"""The ledger's past: what of it was read, what a close reads along, and a person's word that it begins with a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month, month_of
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.history import (
    READ_BY_MONTH,
    HistoryStart,
    history_start,
    start_history,
    unread_history,
    was_ever_read,
)
from ledger_pipelines.store.migrations import read_first_month


@dataclass(frozen=True, slots=True)
class History:
    """The ledger's first month, a person's word on where its past begins, and the unread months by table."""

    first_month: date
    start: HistoryStart | None
    unread: Mapping[str, list[date]]


def read_history(database: Database, today: date) -> History:
    """What was read up to this month and what was not, for each table that is read by month."""
    with database.connect() as connection:
        first = read_first_month(connection)
        unread = {table: unread_history(connection, table, first, month_of(today)) for table in READ_BY_MONTH}
        return History(first, history_start(connection), unread)


def begin_history(database: Database, month: date, *, person: str, reason: str, today: date) -> None:
    """Records a person's statement that there is nothing before the month.

    Raises LedgerError where it has no reason, the month has not begun, or the ledger holds something before it.
    """
    if month > month_of(today):
        raise LedgerError(
            f"{format_month(month)} has not begun, so nobody knows that there is nothing before it: "
            f"name a month up to {format_month(month_of(today))}."
        )
    with database.connect() as connection:
        start_history(connection, month, person=person, reason=reason)


def history_to_read(database: Database, settings: Settings, months: Sequence[date]) -> date | None:
    """From when a close of these months reads the history, None where all before them was read."""
    with database.connect() as connection:
        unread = _unread_of_used(connection, settings, months[-1])
    before = [
        month
        for system, missing in unread.items()
        if settings.missing_for(system.lower()) is None
        for month in missing
        if month < months[0]
    ]
    return min(before, default=None)


def refuse_unread(database: Database, settings: Settings, months: Sequence[date]) -> None:
    """Raises LedgerError when a month that is to be closed for good, or one before it, was never read."""
    with database.connect() as connection:
        unread = _unread_of_used(connection, settings, months[-1])
    if unread:
        named = "; ".join(f"{describe_months(missing)} from {system}" for system, missing in unread.items())
        raise LedgerError(
            f"{describe_months(months)} was not closed, for months were never read: {named}. "
            f"`ledger close {format_month(months[-1])}` reads them; if there is nothing before "
            f"{format_month(months[0])}, say so: `ledger history --nothing-before {format_month(months[0])} --reason …`."
        )


def _unread_of_used(
    connection: psycopg.Connection, settings: Settings, last: date
) -> Mapping[str, list[date]]:
    """The months up to `last` that were never read, by the system's name, of systems that the ledger uses."""
    first = read_first_month(connection)
    unread = {
        system: unread_history(connection, table, first, last)
        for table, system in READ_BY_MONTH.items()
        if settings.missing_for(system.lower()) is None or was_ever_read(connection, table)
    }
    return {system: months for system, months in unread.items() if months}
