"""`ledger cfo`: what waits for the CFO, how an invoice stands, handing over now, and the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cfo.metrics import Metrics, due_alerts
from ledger_pipelines.cli.progress import run_with_progress
from ledger_pipelines.connections import cfo_database
from ledger_pipelines.destinations.cfo.table import CFO_SCHEMA
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, describe_months, format_month, month_of, month_range
from ledger_pipelines.orchestration.partitions import nearest_month
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.cfo.metrics import (
    WaitingInvoice,
    ready_months,
    shown_amount,
    sync_metrics,
    waiting_invoices,
)
from ledger_pipelines.store.cfo.sync import invoice_of, register_holded_invoices
from ledger_pipelines.store.cfo.troubles import due_troubles, misfit_payments, settle_payment
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.summaries import run_executions
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cfo.sync import release_lost
from ledger_pipelines.workflows.cfo.verification import Difference, repair
from ledger_pipelines.workflows.cfo.verification import verify as find_differences


def print_pending(database: Database, console: Console, *, limit: int) -> None:
    """Paid invoices that are not in the CFO's transactions, the oldest `limit` of them, and why."""
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
            escape(one.shown),
            escape(one.client_name or ""),
            one.sync_status or "not taken up",
            f"{one.paid_at:%Y-%m-%d %H:%M}",
            str(one.retry_count),
            "" if one.next_attempt_at is None else f"{one.next_attempt_at:%m-%d %H:%M}",
            escape(one.shown_amount),
        )
    console.print(table)
    if len(waiting) > limit:
        console.print(f"… and {len(waiting) - limit:,} more; --limit shows them.")
    for error, invoices in _by_error(waiting).items():
        shown = ", ".join(invoices[:_NAMED]) + (
            f" and {len(invoices) - _NAMED:,} more" if invoices[_NAMED:] else ""
        )
        console.print(f"[bold]{escape(shown)}[/] {escape(error)}", highlight=False)


#: How many invoices are named where many failed for the same reason.
_NAMED = 10


def _by_error(waiting: Sequence[WaitingInvoice]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in waiting:
        if one.error:
            found.setdefault(one.error, []).append(one.shown)
    return found


def print_status(database: Database, number: str, console: Console) -> None:
    """How a paid invoice stands. Raises LedgerError when there is none of this number."""
    with database.connect() as connection:
        register_holded_invoices(connection)
        invoice = invoice_of(connection, number)
    sync = invoice["sync"] or {}
    table = Table(title=escape(f"Invoice {number}"), title_justify="left", show_header=False)
    facts = {
        "Number": invoice["invoice_number"] or "none",
        "Origin": invoice["origin"],
        "Client": invoice["client_name"],
        "Amount": shown_amount(Decimal(str(invoice["amount"])), invoice["currency"], invoice["paid_in"]),
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


def sync(database: Database, *, invoice: str | None, force: bool, now: datetime, console: Console) -> None:
    """Hands over what is ready now, or one invoice, as a run of Dagster's.

    Raises LedgerError when there is no such invoice, it cannot be taken now, or something was not handed over.
    """
    try:
        gone = release_lost(database, _cfo(database), clock=lambda: now)
    except LedgerError as error:
        console.print(f"[yellow]{escape(str(error))}[/]", highlight=False, soft_wrap=True)
    else:
        if gone:
            console.print(f"[yellow]{gone:,} handed-over invoices are gone there and are ready again.[/]")
    with database.connect() as connection:
        register_holded_invoices(connection)
        state = {} if invoice is None else invoice_of(connection, invoice)["sync"] or {}
        months = _months(connection, invoice, now, force=force)
    if state.get("sync_status") == "synced":
        console.print(
            f"Invoice {escape(invoice or '')} is the CFO's transaction {state['cfo_transaction_id']} already."
        )
        return
    if refusal := _not_now(state, now, force=force):
        raise LedgerError(f"Invoice {invoice} {refusal}")
    if not months:
        console.print("Nothing is ready to be handed over.")
        return
    config = {"invoices": [invoice] if invoice else [], "force": force, "correct": False}
    outcome = run_with_progress(
        database,
        "cfo_sync",
        months,
        today=now.date(),
        console=console,
        title=f"Handing over {describe_months(months)}",
        settings={"cfo_transactions": config},
    )
    failed = waiting = 0
    with database.connect() as connection:
        for execution in run_executions(connection, outcome.run_id):
            counts = (f"{told} {execution.result.get(name, 0):,}" for name, told in _COUNTS.items())
            console.print(f"{', '.join(counts)}.", highlight=False)
            failed += execution.result.get("invoices_failed", 0)
            waiting += execution.result.get("invoices_to_retry", 0)
        state = {} if invoice is None else invoice_of(connection, invoice)["sync"] or {}
    if outcome.failures:
        raise LedgerError(outcome.failures[0])
    if state.get("sync_status") == "failed":
        raise LedgerError(f"Invoice {invoice} has failed: {state['sync_error']}")
    if state and state["sync_status"] != "synced":
        raise LedgerError(f"Invoice {invoice} {_not_now(state, now, force=False)}")
    if failed:
        raise LedgerError(f"{failed:,} of the invoices have failed: `ledger cfo pending` says why.")
    if waiting:
        raise LedgerError(
            f"{waiting:,} of the invoices are tried again later: `ledger cfo pending` says why."
        )


_COUNTS = {
    "invoices_inserted": "Handed over",
    "invoices_linked": "there already",
    "invoices_to_retry": "to be tried again",
    "invoices_failed": "failed",
}


def _not_now(state: Mapping[str, Any], now: datetime, *, force: bool) -> str | None:
    """Why an invoice whose sync stands so is not taken now, if it is not."""
    if state.get("sync_status") == "failed" and not force:
        if state["ready_at"] is not None:
            return None
        return f"has failed: mend it, then add --force. {state['sync_error']}"
    if state.get("sync_status") == "retry" and not force:
        due = datetime.fromisoformat(state["ready_at"])
        if due > now:
            return f"is tried again by itself at {due:%Y-%m-%d %H:%M} UTC, or now with --force. {state['sync_error']}"
    if state.get("sync_status") == "pending":
        until = datetime.fromisoformat(state["ready_at"])
        if until > now:
            return f"is being handed over by another sync; if that was killed, take it after {until:%H:%M:%S} UTC."
    return None


def _months(connection: psycopg.Connection, invoice: str | None, now: datetime, *, force: bool) -> list[date]:
    """The month in which the invoice was paid, or the span of months with something to hand over."""
    if invoice is not None:
        paid = [month_of(datetime.fromisoformat(invoice_of(connection, invoice)["paid_at"]).date())]
    else:
        paid = [one.month for one in ready_months(connection, now)]
    if invoice is None and force:
        waiting = waiting_invoices(connection)
        paid += [month_of(one.paid_at.date()) for one in waiting if one.sync_status in ("failed", "retry")]
    months = [nearest_month(month, now.date()) for month in paid]
    return month_range(min(months), add_months(max(months), 1)) if months else []


def print_metrics(database: Database, now: datetime, console: Console) -> None:
    """Lag, success rate and what waits, with the alerts that they call for."""
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


def _cfo(database: Database) -> Database:
    """The CFO's database of the settings, beside this ledger."""
    settings = read_settings()
    return (
        replace(database, schema=CFO_SCHEMA) if settings.cfo_database_url is None else cfo_database(settings)
    )


def print_payments(database: Database, console: Console) -> None:
    """Payments that fit nothing, each with its amount and why."""
    with database.connect() as connection:
        misfits = misfit_payments(connection)
    if not misfits:
        console.print("Every payment fits its invoice.")
    for one in misfits:
        console.print(f"[bold]{escape(one.name)}[/] {one.amount} {escape(one.currency)}", highlight=False)
        console.print(f"  {escape(one.message)}.", highlight=False, soft_wrap=True)


def settle(database: Database, name: str, *, note: str, now: datetime, console: Console) -> None:
    """Keeps what a person did about a payment that fits nothing. Raises LedgerError when it is none."""
    with database.connect() as connection:
        settle_payment(connection, name, note, now)
    console.print(f"Payment {escape(name)} is settled.", highlight=False)


def verify(database: Database, *, mend: bool, now: datetime, console: Console) -> bool:
    """Prints each difference between what was handed over and the CFO's transactions; true where none is left.

    `mend` mends what can be mended first. Raises LedgerError when the CFO's database does not let us look.
    """
    cfo = _cfo(database)
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


def _print_differences(differences: Sequence[Difference], told: str, console: Console) -> None:
    if not differences:
        return
    table = Table("Invoice", "Transaction", "Difference", "Mendable", title_justify="left")
    table.title = f"{counted(len(differences), 'difference')} {told}"
    for one in differences:
        number = "" if one.transaction is None else str(one.transaction)
        table.add_row(escape(one.invoice), number, escape(one.message), "yes" if one.is_mendable else "")
    console.print(table)
