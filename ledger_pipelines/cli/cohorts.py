"""`ledger cohorts`: what people say of 4Geeks' cohorts."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli.context import console, enter, person

app = typer.Typer(help="What is known of 4Geeks' cohorts beside 4Geeks.", no_args_is_help=True)
unpaid = typer.Typer(
    help="Cohorts that nobody pays for: their memberships are no service periods.", no_args_is_help=True
)
app.add_typer(unpaid, name="unpaid")

_Pattern = Annotated[str, typer.Argument(metavar="SLUG", help="A cohort's slug; * stands for any text.")]
_NEXT = "It holds from the next reading of 4Geeks on: run `ledger sync --from-step service-periods`."


@unpaid.command("list")
def list_() -> None:
    """The cohorts that nobody pays for."""
    from ledger_pipelines.store.memberships import list_unpaid_cohorts

    with enter().connect() as connection:
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


@unpaid.command()
def add(
    pattern: _Pattern,
    note: Annotated[str | None, typer.Option("--note", help="Why; it is kept with the cohort.")] = None,
) -> None:
    """Counts these cohorts as unpaid, from the next reading of 4Geeks on."""
    from ledger_pipelines.store.memberships import add_unpaid_cohort

    with enter().connect() as connection:
        add_unpaid_cohort(connection, pattern, note=note, person=person())
    _print(f"Nobody pays for {escape(pattern.strip().casefold())}. {_NEXT}")


@unpaid.command()
def remove(pattern: _Pattern) -> None:
    """Counts these cohorts as paid for again, from the next reading of 4Geeks on."""
    from ledger_pipelines.store.memberships import remove_unpaid_cohort

    with enter().connect() as connection:
        remove_unpaid_cohort(connection, pattern)
    _print(f"{escape(pattern.strip().casefold())} is paid for. {_NEXT}")


def _print(sentence: str) -> None:
    console.print(sentence, highlight=False, soft_wrap=True)
