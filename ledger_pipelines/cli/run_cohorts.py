"""`ledger cohorts unpaid`: the cohorts that nobody pays for."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.memberships import add_unpaid_cohort, list_unpaid_cohorts, remove_unpaid_cohort

_NEXT = "It holds from the next reading of 4Geeks on: run `ledger sync --from-step service-periods`."


def print_list(database: Database, console: Console) -> None:
    """The patterns, each with who said so and why."""
    with database.connect() as connection:
        cohorts = list_unpaid_cohorts(connection)
    if not cohorts:
        console.print("Every cohort is paid for.")
    for cohort in cohorts:
        by = f" by {cohort.added_by}" if cohort.added_by else ""
        note = f": {cohort.note}" if cohort.note else ""
        console.print(
            f"[bold]{escape(cohort.pattern)}[/], {cohort.added_at:%Y-%m-%d}{escape(by + note)}",
            highlight=False,
            soft_wrap=True,
        )


def add(database: Database, pattern: str, note: str | None, person: str, console: Console) -> None:
    """Counts cohorts of this pattern as unpaid. Raises LedgerError for one that would mean every cohort."""
    with database.connect() as connection:
        add_unpaid_cohort(connection, pattern, note=note, person=person)
    console.print(
        f"Nobody pays for {escape(pattern.strip().casefold())}. {_NEXT}", highlight=False, soft_wrap=True
    )


def remove(database: Database, pattern: str, console: Console) -> None:
    """Counts cohorts of this pattern as paid for. Raises LedgerError where nobody had said otherwise."""
    with database.connect() as connection:
        remove_unpaid_cohort(connection, pattern)
    console.print(
        f"{escape(pattern.strip().casefold())} is paid for. {_NEXT}", highlight=False, soft_wrap=True
    )
