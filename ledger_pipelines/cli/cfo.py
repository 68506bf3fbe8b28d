"""`ledger cfo`: what waits for the CFO, how an invoice stands, handing over now, comparing, and the metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli.context import console, enter
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ledger_pipelines.store.cfo.metrics import WaitingInvoice
    from ledger_pipelines.store.database import Database
    from ledger_pipelines.workflows.cfo.verification import Difference


app = typer.Typer(help="Paid invoices in the CFO's transactions.", no_args_is_help=True)

#: How many invoices are named where many failed for the same reason.
_NAMED = 10
_COUNTS = {
    "invoices_inserted": "Handed over",
    "invoices_linked": "there already",
    "invoices_to_retry": "to be tried again",
    "invoices_failed": "failed",
}


@app.command("pending")
def pending(
    limit: Annotated[int, typer.Option(min=1, help="How many are shown at most.")] = 100,
) -> None:
    """Paid invoices that are not handed over, and why."""
    database = enter()
    print_pending(database, console, limit=limit)


@app.command("status")
def status(invoice: Annotated[str, typer.Argument(help="The invoice's number, or # and its id.")]) -> None:
    """How a paid invoice stands."""
    database = enter()
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
    sync_now(database, invoice=invoice, force=force, now=datetime.now(UTC), console=console)


@app.command("metrics")
def metrics() -> None:
    """How long it takes, how much succeeds, what waits."""
    database = enter()
    print_metrics(database, datetime.now(UTC), console)


@app.command("verify")
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended, in rows that came from here alone.")
    ] = False,
) -> None:
    """Compares all that was handed over with the CFO's transactions; exit code 1 where a difference is left."""
    database = enter()
    if not verify_now(database, mend=repair, now=datetime.now(UTC), console=console):
        raise typer.Exit(1)


@app.command("payments")
def payments() -> None:
    """Payments that fit nothing: on another network, of a cancelled or complete invoice, lost after the hand-over."""
    database = enter()
    print_payments(database, console)


@app.command("settle")
def settle(
    payment: Annotated[str, typer.Argument(help="The payment's hash, with :OUTPUT where it has one.")],
    note: Annotated[str, typer.Option(help="What was done about it.")],
) -> None:
    """Says what was done about a payment that fits nothing."""
    database = enter()
    settle_now(database, payment, note=note, now=datetime.now(UTC), console=console)


def print_pending(database: Database, console: Console, *, limit: int) -> None:
    """Paid invoices that are not in the CFO's transactions, the oldest `limit` of them, and why."""
    from ledger_pipelines.store.cfo.metrics import waiting_invoices
    from ledger_pipelines.store.cfo.sync import register_holded_invoices

    with database.connect() as connection:
        register_holded_invoices(connection)
        waiting = waiting_invoices(connection)
    if not waiting:
        console.print("Every paid invoice is in the CFO's transactions.")
        return
    table = Table(
        title=f"Not in the CFO's transactions: {counted(len(waiting), 'paid invoice')}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("Invoice", min_width=8, overflow="fold")
    for name in ("Client", "Status"):
        table.add_column(name, overflow="fold")
    for name in ("Paid (UTC)", "Tries", "Next try"):
        table.add_column(name, no_wrap=True)
    table.add_column("Amount", justify="right", no_wrap=True)
    for one in waiting[:limit]:
        table.add_row(
            escape(one.label),
            escape(one.client_name or ""),
            one.sync_status or "not taken up",
            f"{one.paid_at:%Y-%m-%d %H:%M}",
            str(one.retry_count),
            "" if one.next_attempt_at is None else f"{one.next_attempt_at:%m-%d %H:%M}",
            escape(one.amount_label),
        )
    console.print(table)
    if len(waiting) > limit:
        console.print(f"… and {len(waiting) - limit:,} more; --limit shows them.")
    for error, invoices in _by_error(waiting).items():
        names = ", ".join(invoices[:_NAMED]) + (
            f" and {len(invoices) - _NAMED:,} more" if invoices[_NAMED:] else ""
        )
        console.print(f"[bold]{escape(names)}[/] {escape(error)}", highlight=False)


def _by_error(waiting: Sequence[WaitingInvoice]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in waiting:
        if one.error:
            found.setdefault(one.error, []).append(one.label)
    return found


def print_status(database: Database, number: str, console: Console) -> None:
    """How a paid invoice stands. Raises LedgerError when there is none of this number."""
    from ledger_pipelines.store.cfo.metrics import amount_label
    from ledger_pipelines.store.cfo.sync import invoice_of, register_holded_invoices

    with database.connect() as connection:
        register_holded_invoices(connection)
        invoice = invoice_of(connection, number)
    sync = invoice["sync"] or {}
    table = Table(title=escape(f"Invoice {number}"), title_justify="left", show_header=False)
    facts = {
        "Number": invoice["invoice_number"] or "none",
        "Origin": invoice["origin"],
        "Client": invoice["client_name"],
        "Amount": amount_label(Decimal(str(invoice["amount"])), invoice["currency"], invoice["paid_in"]),
        "Paid": invoice["paid_at"],
        "Invoice status": invoice["status"],
        "Sync status": sync.get("sync_status") or "not taken up",
        "CFO transaction": sync.get("cfo_transaction_id"),
        "Synced": sync.get("sync_timestamp"),
        "Entity": sync.get("entity_mapped"),
        "Subcategory": sync.get("subcategory_mapped"),
        "Retries": sync.get("retry_count"),
        "Next try": sync.get("next_attempt_at"),
        "Error": sync.get("sync_error"),
    }
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, escape(str(value)))
    console.print(table)


def sync_now(
    database: Database, *, invoice: str | None, force: bool, now: datetime, console: Console
) -> None:
    """Hands over what is ready now, or one invoice, as a run of Dagster's.

    Raises LedgerError when there is no such invoice, it cannot be taken now, or something was not handed over.
    """
    from ledger_pipelines.cli.progress import run_with_progress
    from ledger_pipelines.runs.cfo_sync import JOB, STEP, cfo_sync_result, plan_cfo_sync

    request = plan_cfo_sync(database, invoice, force=force, now=now)
    if request.unseen is not None:
        console.print(f"[yellow]{escape(request.unseen)}[/]", highlight=False, soft_wrap=True)
    if request.released:
        console.print(
            f"[yellow]{request.released:,} handed-over invoices are gone there and are ready again.[/]"
        )
    if request.transaction is not None:
        console.print(
            f"Invoice {escape(invoice or '')} is the CFO's transaction {request.transaction} already."
        )
        return
    if not request.months:
        console.print("Nothing is ready to be handed over.")
        return
    outcome = run_with_progress(
        database,
        JOB,
        request.months,
        today=now.date(),
        console=console,
        title=f"Handing over {describe_months(request.months)}",
        settings={STEP: request.config},
    )
    result = cfo_sync_result(database, outcome.run_id, outcome.failures, invoice, now=now)
    for counts in result.counts:
        counts_text = (f"{word} {counts.get(name, 0):,}" for name, word in _COUNTS.items())
        console.print(f"{', '.join(counts_text)}.", highlight=False)
    if result.failure is not None:
        raise LedgerError(result.failure)


def print_metrics(database: Database, now: datetime, console: Console) -> None:
    """Lag, success rate and what waits, with the alerts that they call for."""
    from ledger_pipelines.cfo.metrics import Metrics, due_alerts
    from ledger_pipelines.store.cfo.metrics import ready_months, sync_metrics, waiting_invoices
    from ledger_pipelines.store.cfo.sync import register_holded_invoices
    from ledger_pipelines.store.cfo.troubles import due_troubles

    with database.connect() as connection:
        register_holded_invoices(connection)
        metrics = Metrics(*sync_metrics(connection, now))
        ready = ready_months(connection, now)
        troubles = due_troubles(connection)
        failed = sum(one.sync_status == "failed" for one in waiting_invoices(connection))
    table = Table("Metric", "Value", title="CFO sync", title_justify="left")
    lag = "nothing synced" if metrics.lag_seconds is None else f"{metrics.lag_seconds:,.1f} s"
    rate = "nothing taken up" if metrics.success_rate is None else f"{metrics.success_rate:.2f} %"
    table.add_row("Mean lag, 24 hours", lag)
    table.add_row("Success rate, 7 days", rate)
    table.add_row("Pending: paid and not handed over", f"{metrics.pending:,}")
    table.add_row("  of these failed, for a person to mend", f"{failed:,}")
    table.add_row("  of these after three retries", f"{metrics.exhausted:,}")
    table.add_row(
        "Ready by month", ", ".join(f"{format_month(one.month)}: {one.invoices:,}" for one in ready) or "none"
    )
    console.print(table)
    alerts = [(alert.kind, alert.message) for alert in due_alerts(metrics)]
    for kind, message in [*alerts, *((alert.kind, alert.message) for alert in troubles)]:
        console.print(f"[yellow]{kind}[/] {escape(message)}", highlight=False)


def print_payments(database: Database, console: Console) -> None:
    """Payments that fit nothing, each with its amount and why."""
    from ledger_pipelines.store.cfo.troubles import misfit_payments

    with database.connect() as connection:
        misfits = misfit_payments(connection)
    if not misfits:
        console.print("Every payment fits its invoice.")
    for one in misfits:
        console.print(f"[bold]{escape(one.name)}[/] {one.amount} {escape(one.currency)}", highlight=False)
        console.print(f"  {escape(one.message)}.", highlight=False, soft_wrap=True)


def settle_now(database: Database, name: str, *, note: str, now: datetime, console: Console) -> None:
    """Keeps what a person did about a payment that fits nothing. Raises LedgerError when it is none."""
    from ledger_pipelines.store.cfo.troubles import settle_payment

    with database.connect() as connection:
        settle_payment(connection, name, note, now)
    console.print(f"Payment {escape(name)} is settled.", highlight=False)


def verify_now(database: Database, *, mend: bool, now: datetime, console: Console) -> bool:
    """Prints each difference between what was handed over and the CFO's transactions; true where none is left.

    `mend` mends what can be mended first. Raises LedgerError when the CFO's database does not let us look.
    """
    from ledger_pipelines.connections import cfo_database_beside
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.cfo.verification import repair
    from ledger_pipelines.workflows.cfo.verification import verify as find_differences

    cfo = cfo_database_beside(database, read_settings())
    if mend:
        mended = repair(database, cfo, clock=lambda: now)
        _print_differences(mended, "found", console)
    left = find_differences(database, cfo)
    if mend and left:
        _print_differences(left, "left, for a person to mend", console)
    elif not mend:
        _print_differences(left, "found; --repair mends those marked so", console)
    if not left:
        console.print("The CFO's transactions hold every paid invoice, once and as it is.")
    return not left


def _print_differences(differences: Sequence[Difference], suffix: str, console: Console) -> None:
    if not differences:
        return
    table = Table("Invoice", "Transaction", "Difference", "Mendable", title_justify="left")
    table.title = f"{counted(len(differences), 'difference')} {suffix}"
    for one in differences:
        number = "" if one.transaction is None else str(one.transaction)
        table.add_row(escape(one.invoice), number, escape(one.message), "yes" if one.is_mendable else "")
    console.print(table)
