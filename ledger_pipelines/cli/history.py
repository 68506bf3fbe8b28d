"""`ledger history`: what of the ledger's past was read, and a person's word that there is nothing before a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import psycopg
from rich.console import Console
from rich.markup import escape

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month, month_of
from ledger_pipelines.orchestration.partitions import first_partition
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.history import (
    READ_BY_MONTH,
    history_start,
    start_history,
    unread_history,
    was_ever_read,
)


def run(
    database: Database,
    *,
    nothing_before: date | None,
    reason: str | None,
    person: str,
    today: date,
    console: Console,
) -> None:
    """Prints what was read of each source and what was not; with `nothing_before`, first keeps a person's word.

    Raises LedgerError where that word has no reason, is of a month that has not begun, or is contradicted by what the
    ledger holds.
    """
    if nothing_before is not None and nothing_before > month_of(today):
        raise LedgerError(
            f"{format_month(nothing_before)} has not begun, so nobody knows that there is nothing before it: "
            f"name a month up to {format_month(month_of(today))}."
        )
    with database.connect() as connection:
        if nothing_before is not None:
            start_history(connection, nothing_before, person=person, reason=reason or "")
        elif reason is not None:
            raise LedgerError(
                "--reason says why there is nothing before a month: name it with --nothing-before."
            )
        begun = history_start(connection)
        console.print(f"The ledger's first month is {format_month(first_partition())}.", highlight=False)
        if begun is not None:
            console.print(
                f"There is nothing before {format_month(begun.month)}, says {escape(begun.person)} "
                f"({begun.decided_at:%Y-%m-%d}): {escape(begun.reason)}",
                highlight=False,
            )
        for table, system in READ_BY_MONTH.items():
            unread = unread_history(connection, table, first_partition(), month_of(today))
            told = f"never read: {describe_months(unread)}" if unread else "every month was read"
            console.print(f"{table.capitalize()} from {system}: {told}.", highlight=False)


def unread_of_used(
    connection: psycopg.Connection, settings: Settings, last: date
) -> Mapping[str, list[date]]:
    """The months up to `last` that were never read, by the system's name, of systems that the ledger uses."""
    unread = {}
    for table, system in READ_BY_MONTH.items():
        is_used = settings.missing_for(system.lower()) is None or was_ever_read(connection, table)
        if is_used:
            unread[system] = unread_history(connection, table, first_partition(), last)
    return {system: months for system, months in unread.items() if months}


def history_to_read(
    connection: psycopg.Connection, settings: Settings, months: Sequence[date]
) -> date | None:
    """From when a close of these months reads the history, None where all before them was read."""
    before = [
        month
        for system, unread in unread_of_used(connection, settings, months[-1]).items()
        if settings.missing_for(system.lower()) is None
        for month in unread
        if month < months[0]
    ]
    return min(before, default=None)


def refuse_unread(database: Database, months: Sequence[date]) -> None:
    """Raises LedgerError when a month that is to be closed for good, or one before it, was never read."""
    with database.connect() as connection:
        unread = unread_of_used(connection, read_settings(), months[-1])
    if unread:
        told = "; ".join(f"{describe_months(missing)} from {system}" for system, missing in unread.items())
        raise LedgerError(
            f"{describe_months(months)} was not closed, for months were never read: {told}. "
            f"`ledger close {format_month(months[-1])}` reads them; if there is nothing before "
            f"{format_month(months[0])}, say so: `ledger history --nothing-before {format_month(months[0])} --reason …`."
        )
