"""`ledger cfo`: paid invoices in the CFO's transactions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ledger_pipelines.cli.context import console, enter

app = typer.Typer(help="Paid invoices in the CFO's transactions.", no_args_is_help=True)


@app.command("pending")
def pending(
    limit: Annotated[int, typer.Option(min=1, help="How many are shown at most.")] = 100,
) -> None:
    """Paid invoices that are not handed over, and why."""
    database = enter()
    from ledger_pipelines.cli.run_cfo import print_pending

    print_pending(database, console, limit=limit)


@app.command("status")
def status(invoice: Annotated[str, typer.Argument(help="The invoice's number, or # and its id.")]) -> None:
    """How a paid invoice stands."""
    database = enter()
    from ledger_pipelines.cli.run_cfo import print_status

    print_status(database, invoice, console)


@app.command("sync")
def sync(
    invoice: Annotated[
        str | None, typer.Option(help="Only the invoice of this number, or # and its id.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Take failed ones again, and what waits for a retry."),
    ] = False,
) -> None:
    """Hands over what is ready, now."""
    database = enter(to_run=True)
    from ledger_pipelines.cli.run_cfo import sync as command

    command(database, invoice=invoice, force=force, now=datetime.now(UTC), console=console)


@app.command("metrics")
def metrics() -> None:
    """How long it takes, how much succeeds, what waits."""
    database = enter()
    from ledger_pipelines.cli.run_cfo import print_metrics

    print_metrics(database, datetime.now(UTC), console)


@app.command("verify")
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended, in rows that came from here alone.")
    ] = False,
) -> None:
    """Compares all that was handed over with the CFO's transactions; exit code 1 where a difference is left."""
    database = enter()
    from ledger_pipelines.cli.run_cfo import verify as command

    if not command(database, mend=repair, now=datetime.now(UTC), console=console):
        raise typer.Exit(1)


@app.command("payments")
def payments() -> None:
    """Payments that fit nothing: on another network, of a cancelled or complete invoice, lost after the hand-over."""
    database = enter()
    from ledger_pipelines.cli.run_cfo import print_payments

    print_payments(database, console)


@app.command("settle")
def settle(
    payment: Annotated[str, typer.Argument(help="The payment's hash, with :OUTPUT where it has one.")],
    note: Annotated[str, typer.Option(help="What was done about it.")],
) -> None:
    """Says what was done about a payment that fits nothing."""
    database = enter()
    from ledger_pipelines.cli.run_cfo import settle as command

    command(database, payment, note=note, now=datetime.now(UTC), console=console)
