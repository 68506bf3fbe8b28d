"""The `ledger` command itself: its subcommands and exit codes."""

from __future__ import annotations

import logging
import sys
from io import TextIOWrapper
from typing import Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli import (
    backup,
    bench,
    cfo,
    close,
    cohorts,
    edit_history,
    edits,
    errors,
    export,
    imports,
    match,
    migrate,
    months,
    prune,
    sandbox,
    sync,
    up,
    verify,
)
from ledger_pipelines.cli import (
    console as console_command,
)
from ledger_pipelines.cli.context import console, error_console
from ledger_pipelines.errors import LedgerError

app = typer.Typer(
    help="Closes the books of a service business every month.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(export.app, name="export")
app.add_typer(imports.app, name="import")
app.add_typer(match.app, name="match")
app.add_typer(errors.app, name="errors")
app.add_typer(cfo.app, name="cfo")
app.add_typer(cohorts.app, name="cohorts")
app.add_typer(edits.plans, name="plans")
app.add_typer(edits.overrides, name="overrides")
app.add_typer(edits.items, name="items")
for command in (
    up.up,
    migrate.migrate,
    backup.backup,
    backup.restore,
    prune.prune,
    close.close,
    close.reopen,
    sync.sync,
    months.months,
    months.history,
    edit_history.edits,
    sandbox.sandbox,
    console_command.console,
    bench.bench,
    verify.verify,
):
    app.command()(command)


def main() -> None:
    """Runs the command; what a person can mend is one sentence on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot encode a letter of a name gets a replacement for it.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    # Its warnings are of connections that are given up anyway, as when Ctrl-C comes in the middle of a statement.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        app(standalone_mode=True)
    except LedgerError as error:
        error_console.print(f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from ledger_pipelines.store.breakdowns import sentence_of

        sentence = sentence_of(error)
        if sentence is None:
            raise
        error_console.print(f"[red]Error:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def doctor() -> None:
    """Reaches every configured source and says whether it answers."""
    from ledger_pipelines.cli import doctor as command

    if not command.run(console):
        sys.exit(1)


@app.command()
def token(
    permission: Annotated[str, typer.Option(help="admin, technician, billing or client.")] = "billing",
    user: Annotated[str, typer.Option(help="Whom the token names.")] = "demo",
) -> None:
    """Prints a signed token, from the sandbox's Core only."""
    from ledger_pipelines.cli.doctor import sandbox_token

    print(sandbox_token(user, permission))
