"""`ledger errors`: what could not be used, and deciding about it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import heed_error, ignore_error, list_errors, resolve_error


def print_list(database: Database, console: Console, *, everything: bool) -> None:
    """The errors that are open, or all of them, the newest first."""
    with database.connect() as connection:
        errors = list_errors(connection)
    shown = [error for error in errors if everything or error.status == "open"]
    if not shown:
        console.print("There are no integration errors." if not errors else "No integration error is open.")
        return
    table = Table(title=f"{len(shown):,} integration errors", title_justify="left")
    table.add_column("Id", justify="right", no_wrap=True)
    for name in ("From", "Record", "What is wrong", "Seen"):
        table.add_column(name)
    table.add_column("Status", no_wrap=True)
    for error in shown:
        note = error.ignore_notes if error.status == "ignored" else error.resolution_notes
        table.add_row(
            str(error.error_id),
            f"{error.integration} {error.operation}",
            escape(f"{error.entity_type} {error.external_id}"),
            escape(error.message),
            f"{error.last_seen_at:%Y-%m-%d}",
            error.status + (f": {escape(note)}" if note else ""),
        )
    console.print(table)


def ignore(database: Database, error_id: int, note: str, console: Console) -> None:
    """Counts an error no longer. Raises LedgerError when there is none, or no note."""
    with database.connect() as connection:
        message = ignore_error(connection, error_id, note)
    console.print(f"Ignored from now on: {escape(message)}", highlight=False)


def heed(database: Database, error_id: int, console: Console) -> None:
    """Counts an ignored error again. Raises LedgerError when there is none."""
    with database.connect() as connection:
        message = heed_error(connection, error_id)
    console.print(f"Counts again: {escape(message)}", highlight=False)


def resolve(database: Database, error_id: int, note: str, console: Console) -> None:
    """Marks an error as mended. Raises LedgerError when there is none, or no note."""
    with database.connect() as connection:
        message = resolve_error(connection, error_id, note)
    console.print(f"Resolved, until it is seen again: {escape(message)}", highlight=False)
