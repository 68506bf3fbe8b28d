"""`ledger errors`: records that could not be used, and what a person decides about them."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger_pipelines.cli.entering import console, enter

app = typer.Typer(help="Records that could not be used.", no_args_is_help=True)

_Id = Annotated[int, typer.Argument(metavar="ID", help="As `ledger errors list` shows it.")]
_Note = Annotated[str, typer.Option("--note", help="Why; it is kept with the error.")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Resolved and ignored ones, too.")] = False,
) -> None:
    """The integration errors that are open, the newest first."""
    from ledger_pipelines.cli.run_errors import print_list

    print_list(enter(), console, everything=everything)


@app.command()
def ignore(error: _Id, note: _Note) -> None:
    """Counts an error no longer: the month may be closed without its record."""
    from ledger_pipelines.cli.run_errors import ignore as command

    command(enter(), error, note, console)


@app.command()
def heed(error: _Id) -> None:
    """Counts an ignored error again."""
    from ledger_pipelines.cli.run_errors import heed as command

    command(enter(), error, console)


@app.command()
def resolve(error: _Id, note: _Note) -> None:
    """Marks an error as mended; seen again, it is open again."""
    from ledger_pipelines.cli.run_errors import resolve as command

    command(enter(), error, note, console)
