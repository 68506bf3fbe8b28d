"""`ledger up`: everything that runs, in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger_pipelines.cli.context import console, today

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ledger_pipelines.store.database import Database


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Add the sandbox and close a year of its books.")
    ] = False,
    dagster_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster pages.")] = 3000,
    sandbox_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the sandbox, with --demo.")
    ] = 5999,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the console.")] = 5030,
    host: Annotated[
        str, typer.Option(help="Address that the Dagster pages listen on; they have no login.")
    ] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option(help="Where a reverse proxy, which signs people in, shows them.")
    ] = None,
) -> None:
    """Runs everything in the foreground until Ctrl-C."""
    from ledger_pipelines.local.up import Options, run

    options = Options(
        demo=demo,
        dagster_port=dagster_port,
        sandbox_port=sandbox_port,
        console_port=port,
        host=host,
        public_url=public_url,
    )
    run(options, today=today(), console=console, close=_close)


def _close(database: Database, months: Sequence[date]) -> None:
    # Only now does the environment say the ledger's first month, which the definitions read when imported.
    from ledger_pipelines.cli.close import close_months

    close_months(database, months, by="demo", on=today())
