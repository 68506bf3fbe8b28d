"""Handing paid invoices to the CFO by a person's wish, as a run of Dagster's (rules/cfo_sync.md, States)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg

from ledger_pipelines.connections import cfo_database_beside
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, month_of, month_range, nearest_month
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.cfo.metrics import ready_months, waiting_invoices
from ledger_pipelines.store.cfo.sync import invoice_of, register_holded_invoices
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.queries.summaries import run_executions
from ledger_pipelines.workflows.cfo.sync import release_lost

#: The job that hands over, and its step.
JOB, STEP = "cfo_sync", "cfo_transactions"


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a sync will do: the months to run, and the run's config.

    `released` is how many handed-over invoices are gone there and are ready again, or `unseen` why that could not be
    looked at; `transaction` is that of an invoice which is handed over already: then there is nothing to run.
    """

    months: list[date]
    config: Mapping[str, object]
    released: int = 0
    unseen: str | None = None
    transaction: int | None = None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did: how many invoices of each kind, named as in its execution, and why it is no success."""

    counts: Sequence[Mapping[str, int]] = ()
    failure: str | None = None


def plan_cfo_sync(database: Database, invoice: str | None, *, force: bool, now: datetime) -> SyncRequest:
    """What handing over now means: all that is ready, or one invoice by its number.

    Raises LedgerError when there is no such invoice, or it cannot be taken now.
    """
    released, unseen = 0, None
    try:
        released = release_lost(database, cfo_database_beside(database, read_settings()), clock=lambda: now)
    except LedgerError as error:
        unseen = str(error)
    with database.connect() as connection:
        register_holded_invoices(connection)
        state = {} if invoice is None else invoice_of(connection, invoice)["sync"] or {}
        months = _months(connection, invoice, now, force=force)
    config = {"invoices": [invoice] if invoice else [], "force": force, "correct": False}
    if state.get("sync_status") == "synced":
        return SyncRequest([], config, released, unseen, state["cfo_transaction_id"])
    if refusal := _refusal(state, now, force=force):
        raise LedgerError(f"Invoice {invoice} {refusal}")
    return SyncRequest(months, config, released, unseen)


def cfo_sync_result(
    database: Database, run_id: str, failures: Sequence[str], invoice: str | None, *, now: datetime
) -> SyncResult:
    """What a run of the sync came to, of which `failures` are the sentences of what failed."""
    with database.connect() as connection:
        counts = [execution.result for execution in run_executions(connection, run_id)]
        state = {} if invoice is None else invoice_of(connection, invoice)["sync"] or {}
    return SyncResult(counts, _failure(failures, counts, invoice, state, now))


def _failure(
    failures: Sequence[str],
    counts: Sequence[Mapping[str, int]],
    invoice: str | None,
    state: Mapping[str, Any],
    now: datetime,
) -> str | None:
    if failures:
        return failures[0]
    if state.get("sync_status") == "failed":
        return f"Invoice {invoice} has failed: {state['sync_error']}"
    if state and state["sync_status"] != "synced":
        return f"Invoice {invoice} {_refusal(state, now, force=False)}"
    failed = sum(one.get("invoices_failed", 0) for one in counts)
    if failed:
        return f"{failed:,} of the invoices have failed: `ledger cfo pending` says why."
    waiting = sum(one.get("invoices_to_retry", 0) for one in counts)
    if waiting:
        return f"{waiting:,} of the invoices are tried again later: `ledger cfo pending` says why."
    return None


def _refusal(state: Mapping[str, Any], now: datetime, *, force: bool) -> str | None:
    """Why an invoice whose sync stands so is not taken now, if it is not."""
    status = state.get("sync_status")
    ready_at = state.get("ready_at")
    ready = None if ready_at is None else datetime.fromisoformat(ready_at)
    if status == "failed" and not force and ready is None:
        return f"has failed: mend it, then force it. {state['sync_error']}"
    if status == "retry" and not force and ready is not None and ready > now:
        return f"is tried again by itself at {ready:%Y-%m-%d %H:%M} UTC, or now where it is forced. {state['sync_error']}"
    if status == "pending" and ready is not None and ready > now:
        return (
            f"is being handed over by another sync; if that was killed, take it after {ready:%H:%M:%S} UTC."
        )
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
    first = read_first_month(connection)
    months = [nearest_month(month, first, now.date()) for month in paid]
    return month_range(min(months), add_months(max(months), 1)) if months else []
