"""Sub-ledgers of customers and suppliers with their changes, and what reconciles them with the general ledger."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.defs.general_ledger.charts import aging_picture, aging_table, balances_of
from ledger_pipelines.defs.general_ledger.checks import SUB_LEDGER_CHECKS, sub_ledger_findings
from ledger_pipelines.months import last_day
from ledger_pipelines.orchestration.closed_months import booked_or_computed
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, SO_FAR
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import amount_metadata, month_bars, preview
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import AssetStep, executed_step
from ledger_pipelines.store.queries.sub_ledgers import balance_by_month
from ledger_pipelines.tables import TABLES
from ledger_pipelines.workflows.general_ledger.reports import update_sub_ledgers
from ledger_pipelines.workflows.general_ledger.sub_ledgers import (
    CUSTOMER,
    OUTPUT_TABLES,
    RECONCILIATION,
    SUPPLIER,
    SubLedgers,
)
from ledger_pipelines.workflows.general_ledger.verification import open_items
from ledger_pipelines.workflows.step import Changes

_JOURNAL = dg.AssetDep("journal_lines", partition_mapping=SO_FAR)
_DEPS: dict[str, list[dg.AssetDep]] = {
    **{table: [_JOURNAL] for table in OUTPUT_TABLES},
    RECONCILIATION: [
        _JOURNAL,
        *(dg.AssetDep(table) for table in (CUSTOMER, SUPPLIER, "deferred_revenue")),
    ],
}


@dg.multi_asset(
    name="sub_ledgers",
    specs=[
        month_asset(table, deps=_DEPS[table], group="general_ledger", kinds=("postgres", "arrow"))
        for table in (*OUTPUT_TABLES, RECONCILIATION)
    ],
    check_specs=SUB_LEDGER_CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=BACKFILL_POLICY,
    pool="general_ledger",
)
def sub_ledger_assets(
    context: dg.AssetExecutionContext, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read the journal, match payments with open items, replace the months, compare with the general ledger."""
    with executed_step(context, ledger, "sub_ledgers") as step:
        updated = update_sub_ledgers(step, sync_start=ledger.settings.sync_start_date)
        found, compared, changes = updated.found, updated.compared, updated.changes
        _describe(step, found, compared, changes)
        findings = list(sub_ledger_findings(step, found, compared, changes))
    results = [dg.MaterializeResult[None](asset_key=table) for table in (*OUTPUT_TABLES, RECONCILIATION)]
    yield from selected(context, ledger, results, findings)


def _describe(step: AssetStep, found: SubLedgers, compared: pa.Table, changes: Mapping[str, Changes]) -> None:
    """What stands on each month's page: open items and their aging, the month's changes, the comparison."""
    frames = {**found.frames, RECONCILIATION: compared}
    for table, by_month in changes.items():
        for month, change in by_month.items():
            if month not in step.months:
                if change.added + change.removed:
                    counts = {"dagster/partition_row_count": change.rows, "rows_added": change.added}
                    step.report_unasked(table, month, counts | {"rows_removed": change.removed})
                continue
            rows = booked_or_computed(step, table, month, change, frames[table])
            metadata: dict[str, Any] = {"preview": preview(rows, TABLES[table].preview)}
            if table in (CUSTOMER, SUPPLIER):
                balances = balances_of(rows)
                metadata |= amount_metadata("balance", balances)
                aging = open_items(step.connection, table, last_day(month))
                metadata["aging"] = aging_table(aging, last_day(month))
                step.log_month(month, change, f"{metadata['balance']} in the {table.replace('_', ' ')}")
            step.describe(table, month, change, **metadata)
    last = step.months[-1]
    for table in (CUSTOMER, SUPPLIER):
        items = open_items(step.connection, table, last_day(last))
        history = balance_by_month(step.connection, table, last)
        currency = items["currency"][0].as_py() if items.num_rows else None
        if currency in history:
            step.show(
                table,
                last,
                {
                    "balance_by_month": month_bars(history[currency], currency),
                    "aging_picture": aging_picture(items, last_day(last)),
                },
            )
