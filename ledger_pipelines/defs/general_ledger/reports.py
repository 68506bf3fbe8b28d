"""Trial balance and VAT summary."""

from collections.abc import Iterator

import dagster as dg

from ledger_pipelines.defs.general_ledger.checks import REPORT_CHECKS, report_findings
from ledger_pipelines.orchestration.closed_months import booked_or_computed
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, SO_FAR
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import executed_step
from ledger_pipelines.store.queries.sub_ledgers import draft_share
from ledger_pipelines.tables import TABLES
from ledger_pipelines.workflows.general_ledger.reports import REPORTS, update_reports

_DEPS = {
    "trial_balance": [dg.AssetDep("journal_lines", partition_mapping=SO_FAR)],
    "vat_summary": [dg.AssetDep("journal_lines")],
}


@dg.multi_asset(
    name="ledger_reports",
    specs=[
        month_asset(table, deps=_DEPS[table], group="general_ledger", kinds=("postgres", "pandas"))
        for table in REPORTS
    ],
    check_specs=REPORT_CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=BACKFILL_POLICY,
    pool="general_ledger",
)
def ledger_reports(
    context: dg.AssetExecutionContext, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Add the journal up by account, replace the months, say how much of it is draft."""
    with executed_step(context, ledger, "ledger_reports") as step:
        frames, changes = update_reports(step, fiscal_year=int(ledger.settings.fiscal_year_start))
        for table in REPORTS:
            for month, change in changes[table].items():
                if month not in step.months:
                    if change.added + change.removed:
                        counts = {"dagster/partition_row_count": change.rows, "rows_added": change.added}
                        step.report_unasked(table, month, counts | {"rows_removed": change.removed})
                    continue
                rows = booked_or_computed(step, table, month, change, frames[table])
                metadata = {"preview": preview(rows, TABLES[table].preview, rows=50)}
                drafts, entries = draft_share(step.connection, month)
                step.describe(table, month, change, drafts=drafts, entries=entries, **metadata)
                step.log_month(month, change, f"{rows.num_rows:,} rows of {table.replace('_', ' ')}")
        findings = list(report_findings(step, frames, changes))
    results = [dg.MaterializeResult[None](asset_key=table) for table in REPORTS]
    yield from selected(context, ledger, results, findings)
