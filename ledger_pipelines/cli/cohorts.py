"""`ledger cohorts`: what people say of 4Geeks' cohorts."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger_pipelines.cli.entering import console, enter, person

app = typer.Typer(help="What is known of 4Geeks' cohorts beside 4Geeks.", no_args_is_help=True)
unpaid = typer.Typer(
    help="Cohorts that nobody pays for: their memberships are no service periods.", no_args_is_help=True
)
app.add_typer(unpaid, name="unpaid")

_Pattern = Annotated[str, typer.Argument(metavar="SLUG", help="A cohort's slug; * stands for any text.")]


@unpaid.command("list")
def list_() -> None:
    """The cohorts that nobody pays for."""
    from ledger_pipelines.cli.run_cohorts import print_list

    print_list(enter(), console)


@unpaid.command()
def add(
    pattern: _Pattern,
    note: Annotated[str | None, typer.Option("--note", help="Why; it is kept with the cohort.")] = None,
) -> None:
    """Counts these cohorts as unpaid, from the next reading of 4Geeks on."""
    from ledger_pipelines.cli.run_cohorts import add as command

    command(enter(), pattern, note, person(), console)


@unpaid.command()
def remove(pattern: _Pattern) -> None:
    """Counts these cohorts as paid for again, from the next reading of 4Geeks on."""
    from ledger_pipelines.cli.run_cohorts import remove as command

    command(enter(), pattern, console)
