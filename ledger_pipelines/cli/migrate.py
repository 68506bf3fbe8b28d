"""`ledger migrate`: the database brought up to date."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli.context import console, error_console, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import parse_month, usable_first_month


def migrate(
    first_month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="Let the ledger begin with this month; only while it is empty."),
    ] = None,
) -> None:
    """Brings the database up to date; safe to repeat, and safe to run twice at once."""
    from ledger_pipelines.connections import cfo_database, ledger_database
    from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.migrations import change_first_month
    from ledger_pipelines.store.migrations import migrate as apply

    first = None if first_month is None else usable_first_month(parse_month(first_month), today())
    settings = read_settings()
    database = ledger_database(settings)
    applied = apply(database, first_month=first or settings.first_month_on(today()))
    if first is not None:
        change_first_month(database, first)
    for migration in applied:
        console.print(f"Applied {migration.version:04} {migration.name}.", highlight=False)
    try:
        notes = prepare_cfo_database(cfo_database(settings))
    except LedgerError as error:
        notes = [f"{error} Nothing else waits for it."]
    for note in notes:
        error_console.print(f"[yellow]Warning:[/] {escape(note)}", highlight=False, soft_wrap=True)
    console.print("The database is up to date.")
