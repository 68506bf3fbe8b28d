"""Paid invoices in the CFO's transactions, by the month of payment."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from ledger_pipelines.defs.cfo.checks import CHECKS, cfo_findings
from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import month_of
from ledger_pipelines.orchestration.findings import report
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, first_partition, partition_key
from ledger_pipelines.orchestration.presentation import MONTHLY_FRESHNESS, OWNER, table_metadata
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.orchestration.resources import CfoResource, LedgerResource
from ledger_pipelines.orchestration.steps import AssetStep, executed_step
from ledger_pipelines.store.cfo.metrics import month_figures, ready_invoices, stray_months, waiting_invoices
from ledger_pipelines.store.cfo.sync import invoice_of
from ledger_pipelines.store.database import Database
from ledger_pipelines.tables import TABLES
from ledger_pipelines.workflows.cfo.sync import SyncCounts, correct_months, sync_invoices


class CfoConfig(dg.Config):
    """`invoices` (numbers) syncs these only; `force` takes failed ones again, from count 0.

    `correct` gives transactions of the months the entities that the mappings say now, but for closed months.
    """

    invoices: list[str] = Field(default_factory=list)
    force: bool = False
    correct: bool = True


@dg.asset(
    key="cfo_transactions",
    deps=["invoices"],
    description=TABLES["cfo_transactions"].row,
    metadata=table_metadata(TABLES["cfo_transactions"], "transactions"),
    group_name="cfo",
    owners=[OWNER],
    kinds={"postgres"},
    partitions_def=MONTHS,
    backfill_policy=BACKFILL_POLICY,
    freshness_policy=MONTHLY_FRESHNESS,
    check_specs=CHECKS,
)
def cfo_transactions(
    context: dg.AssetExecutionContext, config: CfoConfig, ledger: LedgerResource, cfo: CfoResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Hand over what is ready, correct what the mappings say differently now, say what waits and why.

    The CFO's database being away, or of another form, holds back nothing: the month closes, with a warning, and each
    invoice has its own retries, after 1, 5 and 15 minutes.
    """
    with executed_step(context, ledger, "cfo-sync") as step:
        theirs = cfo.database
        months = _payment_months(step)
        began = _now()
        were_ready = [] if config.invoices else ready_invoices(step.connection, began)
        troubles = _prepare(theirs)
        counts = _sync(step, ledger.database, theirs, config, months)
        troubles += [
            one for one in (counts.trouble, counts.unseen) if one is not None and one not in troubles
        ]
        for trouble in troubles:
            context.log.warning(trouble)
        _describe(step, counts, months, troubles)
        findings = list(
            cfo_findings(
                step.connection, theirs, months, were_ready=were_ready, ready_at=began, troubles=troubles
            )
        )
    yield dg.MaterializeResult()
    yield from report(context, ledger, findings)


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


def _payment_months(step: AssetStep) -> dict[date, list[date]]:
    """The step's months, each with the months of payments that belong to it.

    Payments dated before the ledger belong to its first month, those dated later than now to the current.
    """
    months = {month: [month] for month in step.months}
    first, last = first_partition(), month_of(_now().date())
    if first in months or last in months:
        for stray in stray_months(step.connection, first, last):
            months.get(first if stray < first else last, []).append(stray)
    return months


def _prepare(theirs: Database) -> list[str]:
    """Makes the table and its keys where they are missing; what is wrong there. Each invoice keeps it as its reason."""
    try:
        return prepare_cfo_database(theirs)
    except LedgerError as error:
        return [str(error)]


def _sync(
    step: AssetStep,
    ours: Database,
    theirs: Database,
    config: CfoConfig,
    months: Mapping[date, Sequence[date]],
) -> SyncCounts:
    ids = [invoice_of(step.connection, number)["invoice_id"] for number in config.invoices] or None
    counts = sync_invoices(
        ours,
        theirs,
        clock=_now,
        months=None if ids else _flat(months),
        invoice_ids=ids,
        force=config.force,
    )
    to_correct = {month: months[month] for month in step.open(step.months)}
    if config.correct and to_correct and not counts.trouble:
        try:
            counts.corrected = correct_months(ours, theirs, _flat(to_correct), clock=_now)
        except LedgerError as error:
            counts.trouble = str(error)
    return counts


def _flat(months: Mapping[date, Sequence[date]]) -> list[date]:
    return [payment for payments in months.values() for payment in payments]


def _describe(
    step: AssetStep, counts: SyncCounts, months: Mapping[date, Sequence[date]], troubles: Sequence[str]
) -> None:
    step.execution.metadata["result"] = {
        "invoices_inserted": counts.inserted,
        "invoices_linked": counts.linked,
        "invoices_to_retry": counts.to_retry,
        "invoices_failed": counts.failed,
        "invoices_gone_there": counts.released,
        "entities_corrected": counts.corrected,
    }
    for month, known in _month_metadata(step, months).items():
        if troubles:
            known["trouble"] = " ".join(troubles)
        step.context.add_asset_metadata(
            known, asset_key="cfo_transactions", partition_key=partition_key(month)
        )


def _month_metadata(step: AssetStep, months: Mapping[date, Sequence[date]]) -> dict[date, dict[str, Any]]:
    """Of each month lag, success rate and what waits, with a table of what failed and why."""
    month_of_payment = {payment: month for month, payments in months.items() for payment in payments}
    waiting: dict[date, list[dict[str, Any]]] = {month: [] for month in months}
    for one in waiting_invoices(step.connection, list(month_of_payment)):
        month = month_of_payment[month_of(one.paid_at.astimezone(UTC).date())]
        waiting[month].append(
            {
                "invoice": one.label,
                "client": one.client_name,
                "amount": one.amount_label,
                "status": one.sync_status or "not taken up",
                "tries": one.retry_count,
                "why": one.error,
                "next_try": one.next_attempt_at,
            }
        )
    described = {}
    for figures in month_figures(step.connection, months):
        rows = pa.Table.from_pylist(waiting[figures.month], _WAITING)
        known: dict[str, Any] = {
            "paid": figures.paid,
            "synced": figures.synced,
            "pending": figures.pending,
            "failed": figures.failed,
            "dagster/partition_row_count": figures.synced,
            "waiting_or_failed": preview(rows, _WAITING.names, rows=50) if rows.num_rows else "none",
        }
        if figures.lag_seconds is not None:
            known["lag_seconds"] = float(figures.lag_seconds)  # a duration, not money
        if figures.success_rate is not None:
            known["success_rate_percent"] = float(figures.success_rate)
        described[figures.month] = known
    return described
