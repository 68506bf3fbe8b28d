"""`ledger errors`: records that could not be used, and what a person decides about them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from ledger_pipelines.cli.context import console, enter
from ledger_pipelines.wording import counted

app = typer.Typer(help="Records that could not be used.", no_args_is_help=True)

_Id = Annotated[int, typer.Argument(metavar="ID", help="As `ledger errors list` shows it.")]
_Note = Annotated[str, typer.Option("--note", help="Why; it is kept with the error.")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Resolved and ignored ones, too.")] = False,
) -> None:
    """The integration errors that are open, the newest first."""
    from ledger_pipelines.store.integration_errors import list_errors

    with enter().connect() as connection:
        errors = list_errors(connection)
    listed = [error for error in errors if everything or error.status == "open"]
    if not listed:
        console.print("There are no integration errors." if not errors else "No integration error is open.")
        return
    console.print(counted(len(listed), "integration error"), style="italic", highlight=False)
    for error in listed:
        note = error.ignore_notes if error.status == "ignored" else error.resolution_notes
        status = error.status + (f": {note}" if note else "")
        where = f"{error.integration} {error.operation}, {error.entity_type} {error.external_id}"
        console.print(
            f"[bold]{error.error_id}[/] [cyan]{escape(where)}[/], seen {error.last_seen_at:%Y-%m-%d}, {escape(status)}",
            highlight=False,
        )
        console.print(Padding(escape(error.message), (0, 0, 0, 4)), highlight=False)


@app.command()
def ignore(error: _Id, note: _Note) -> None:
    """Counts an error no longer: the month may be closed without its record."""
    from ledger_pipelines.store.integration_errors import ignore_error

    with enter().connect() as connection:
        message = ignore_error(connection, error, note)
    console.print(f"Ignored from now on: {escape(message)}", highlight=False)


@app.command("heed")
def unignore(error: _Id) -> None:
    """Counts an ignored error again."""
    from ledger_pipelines.store.integration_errors import unignore_error

    with enter().connect() as connection:
        message = unignore_error(connection, error)
    console.print(f"Counts again: {escape(message)}", highlight=False)


@app.command()
def resolve(error: _Id, note: _Note) -> None:
    """Marks an error as mended; seen again, it is open again."""
    from ledger_pipelines.store.integration_errors import resolve_error

    with enter().connect() as connection:
        message = resolve_error(connection, error, note)
    console.print(f"Resolved, until it is seen again: {escape(message)}", highlight=False)
