"""Paid invoices in the CFO's transactions, by the month of payment."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from ledger_pipelines.cfo.frames import TRANSACTIONS
from ledger_pipelines.defs.cfo.checks import CHECKS, cfo_findings
from ledger_pipelines.defs.cfo.run import SyncCounts, correct_months, sync_invoices
from ledger_pipelines.defs.findings import report
from ledger_pipelines.defs.partitions import MONTHS, first_partition, partition_key
from ledger_pipelines.defs.presentation import MONTHLY_FRESHNESS, OWNER, preview, table_metadata
from ledger_pipelines.defs.resources import CfoResource, LedgerResource
from ledger_pipelines.defs.steps import Step, executed_step
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.store.cfo_metrics import month_figures, waiting_invoices
from ledger_pipelines.store.cfo_sync import invoice_of
from ledger_pipelines.store.cfo_transactions import prepare_cfo_database
from ledger_pipelines.store.database import Database

#: No invoice that is still to be handed over was paid before.
_EARLIEST = date(2000, 1, 1)


class CfoConfig(dg.Config):
    """`invoices` (numbers) syncs these only; `force` takes failed ones again, from count 0."""

    invoices: list[str] = Field(default_factory=list)
    force: bool = False


@dg.asset(
    key="cfo_transactions",
    deps=["invoices"],
    description="A row is a paid invoice in the CFO's transactions, handed over exactly once, in the month of payment.",
    metadata=table_metadata("transactions", pa.schema([f for f in TRANSACTIONS if f.name != "invoice_id"]))
    | {"dagster/table_name": dg.MetadataValue.text("transactions")},
    group_name="cfo",
    owners=[OWNER],
    kinds={"postgres"},
    partitions_def=MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=MONTHLY_FRESHNESS,
    check_specs=CHECKS,
)
def cfo_transactions(
    context: dg.AssetExecutionContext, config: CfoConfig, ledger: LedgerResource, cfo: CfoResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Hand over what is ready, correct what the mappings say differently now, say what waits and why.

    Dagster tries nothing again: each invoice has its own retries, after 1, 5 and 15 minutes.
    """
    with executed_step(context, ledger, "cfo-sync") as step:
        theirs = cfo.database
        counts = _sync(step, ledger.database, theirs, config)
        _describe(step, counts)
        if counts.trouble:
            raise LedgerError(
                f"To be tried again: {counts.to_retry:,}, failed: {counts.failed:,} invoices. {counts.trouble}"
            )
        findings = list(cfo_findings(step, theirs))
    yield dg.MaterializeResult()
    yield from report(context, findings)


_WAITING_COLUMNS: dict[str, pa.DataType] = {
    "invoice": pa.string(),
    "client": pa.string(),
    "amount": pa.string(),
    "status": pa.string(),
    "tries": pa.int32(),
    "why": pa.string(),
    "next_try": pa.timestamp("us", "UTC"),
}
_WAITING = pa.schema(_WAITING_COLUMNS)


def _now() -> datetime:
    return datetime.now(UTC)


def _sync(step: Step, ours: Database, theirs: Database, config: CfoConfig) -> SyncCounts:
    try:
        prepare_cfo_database(theirs)
    except DatabaseUnavailableError as error:
        # Each invoice that is ready keeps this as its reason, and when it is tried again.
        step.context.log.warning(str(error))
    ids = [invoice_of(step.connection, number)["invoice_id"] for number in config.invoices] or None
    counts = sync_invoices(
        ours,
        theirs,
        clock=_now,
        months=None if ids else _months_of_payments(step),
        invoice_ids=ids,
        force=config.force,
    )
    if not counts.trouble:
        counts.corrected = correct_months(ours, theirs, _months_of_payments(step), clock=_now)
    return counts


def _months_of_payments(step: Step) -> list[date]:
    """The step's months; payments dated before the ledger go with its first month, later ones with the current."""
    months = list(step.months)
    if months[0] == first_partition():
        months = [*month_range(_EARLIEST, months[0]), *months]
    if months[-1] == month_of(_now().date()):
        months += month_range(add_months(months[-1], 1), add_months(months[-1], 120))
    return months


def _describe(step: Step, counts: SyncCounts) -> None:
    step.execution.metadata["result"] = {
        "invoices_inserted": counts.inserted,
        "invoices_linked": counts.linked,
        "invoices_to_retry": counts.to_retry,
        "invoices_failed": counts.failed,
        "entities_corrected": counts.corrected,
    }
    for month, known in _month_metadata(step).items():
        if counts.trouble:
            # A step that fails materialises nothing, and this is when people look.
            event = dg.AssetObservation("cfo_transactions", partition=partition_key(month), metadata=known)
            step.context.log_event(event)
        else:
            step.context.add_asset_metadata(
                known, asset_key="cfo_transactions", partition_key=partition_key(month)
            )


def _month_metadata(step: Step) -> dict[date, dict[str, Any]]:
    """Of each month lag, success rate and what waits, with a table of what failed and why."""
    waiting: dict[date, list[dict[str, Any]]] = {month: [] for month in step.months}
    for one in waiting_invoices(step.connection, step.months):
        waiting[month_of(one.paid_at.astimezone(UTC).date())].append(
            {
                "invoice": one.invoice_number,
                "client": one.client_name,
                "amount": f"{one.amount} {one.currency}",
                "status": one.sync_status or "not taken up",
                "tries": one.retry_count,
                "why": one.error,
                "next_try": one.next_attempt_at,
            }
        )
    described = {}
    for figures in month_figures(step.connection, step.months):
        rows = pa.Table.from_pylist(waiting[figures.month], _WAITING)
        known: dict[str, Any] = {
            "paid": figures.paid,
            "synced": figures.synced,
            "pending": figures.waiting,
            "dagster/partition_row_count": figures.synced,
            "waiting_or_failed": preview(rows, _WAITING.names, rows=50) if rows.num_rows else "none",
        }
        if figures.lag_seconds is not None:
            known["lag_seconds"] = float(figures.lag_seconds)  # a duration, not money
        if figures.success_rate is not None:
            known["success_rate_percent"] = float(figures.success_rate)
        described[figures.month] = known
    return described
