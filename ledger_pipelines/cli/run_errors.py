"""`ledger errors`: what could not be used, and deciding about it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import heed_error, ignore_error, list_errors, resolve_error
from ledger_pipelines.wording import counted


def print_list(database: Database, console: Console, *, everything: bool) -> None:
    """The errors that are open, or all of them, the newest first."""
    with database.connect() as connection:
        errors = list_errors(connection)
    shown = [error for error in errors if everything or error.status == "open"]
    if not shown:
        console.print("There are no integration errors." if not errors else "No integration error is open.")
        return
    console.print(counted(len(shown), "integration error"), style="italic", highlight=False)
    for error in shown:
        note = error.ignore_notes if error.status == "ignored" else error.resolution_notes
        status = error.status + (f": {note}" if note else "")
        where = f"{error.integration} {error.operation}, {error.entity_type} {error.external_id}"
        console.print(
            f"[bold]{error.error_id}[/] [cyan]{escape(where)}[/], seen {error.last_seen_at:%Y-%m-%d}, {escape(status)}",
            highlight=False,
        )
        console.print(Padding(escape(error.message), (0, 0, 0, 4)), highlight=False)


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
