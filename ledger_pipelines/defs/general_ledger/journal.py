"""The journal: what the books of each month say, as entries that balance."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.defs.general_ledger.journal_checks import CHECKS, journal_findings
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, SO_FAR
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import amount_metadata, preview
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import MONTH_CLOSE, AssetStep, executed_step, with_history
from ledger_pipelines.store.months import Change, rows_of_months
from ledger_pipelines.store.queries.journal_totals import first_rows, totals_by_type
from ledger_pipelines.store.snapshots import computed_months, record_snapshot
from ledger_pipelines.tables import TABLES
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.general_ledger.posting import Posted, post

_ENTRIES, _LINES = "journal_entries", "journal_lines"
_DEPS: dict[str, list[dg.AssetDep]] = {
    _ENTRIES: [
        *(
            dg.AssetDep(table)
            for table in (
                "invoices",
                "invoice_lines",
                "invoice_payments",
                "billing_statements",
                "monthly_accruals",
                "vendor_invoices",
            )
        ),
        # What a document defers is the sum of its rows up to the month.
        dg.AssetDep("contracts", partition_mapping=SO_FAR),
    ],
    _LINES: [dg.AssetDep(_ENTRIES)],
}


@dg.multi_asset(
    name="journal",
    specs=[
        month_asset(table, deps=_DEPS[table], group="general_ledger", kinds=("postgres", "arrow"))
        for table in (_ENTRIES, _LINES)
    ],
    check_specs=CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=BACKFILL_POLICY,
    pool="general_ledger",
)
def journal(
    context: dg.AssetExecutionContext, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read the months' documents, make an entry of each, replace the drafts, say what they come to."""
    with executed_step(context, ledger, "journal") as step:
        months = _months_to_post(step)
        posted = post(step, months)
        record_snapshot(
            step.connection, _ENTRIES, step.open(months), taken_at=datetime.now(UTC), is_complete=True
        )
        _describe(step, posted)
        step.execution.metadata["result"] = {"entries": posted.journal.entries.num_rows}
        findings = list(journal_findings(step, posted))
    results = [dg.MaterializeResult[None](asset_key=table) for table in (_ENTRIES, _LINES)]
    yield from selected(context, ledger, results, findings)


def _months_to_post(step: AssetStep) -> list[date]:
    """The step's months, and the open ones that were posted before; in a month's close those that never were, too.

    What a month brings may change others: their accruals, or what of a document belongs to contracts.
    """
    before = computed_months(step.connection, _ENTRIES)
    if step.context.run.job_name == MONTH_CLOSE:
        before += with_history(step.connection, _ENTRIES, step.months)
    return sorted({*step.months, *step.open(before)})


def _describe(step: AssetStep, posted: Posted) -> None:
    """What stands on each month's page: its entries, drafts and posted ones, and what they come to."""
    totals = totals_by_type(step.connection, step.months)
    for month in sorted({*step.months, *posted.changes[_ENTRIES]}):
        change = posted.changes[_ENTRIES].get(month)
        if change is None:
            continue
        if month not in step.months:
            if change.added + change.removed:
                counts = {"dagster/partition_row_count": change.rows, "rows_added": change.added}
                step.report_unasked(_ENTRIES, month, counts | {"rows_removed": change.removed})
            continue
        of_month = rows_of_months(totals, [month])
        figures: dict[str, Any] = {"entries": _entries(of_month), **_debits(of_month)}
        by_type = preview(of_month, [name for name in of_month.column_names if name != "month"], rows=50)
        step.describe(
            _ENTRIES,
            month,
            change,
            by_type=by_type,
            preview=_preview(step, _ENTRIES, month, change),
            **figures,
        )
        of_lines = posted.changes[_LINES][month]
        step.describe(_LINES, month, of_lines, preview=_preview(step, _LINES, month, of_lines), **figures)
        total = figures.get("debit", "nothing")
        step.log_month(month, change, f"{counted(figures['entries'], 'entry', 'entries')}, {total} a side")


def _preview(step: AssetStep, table: str, month: date, change: Change) -> dg.MetadataValue[Any]:
    rows = first_rows(step.connection, table, month, TABLES[table].preview)
    return preview(rows, TABLES[table].preview, of=max(change.rows, rows.num_rows))


def _entries(totals: pa.Table) -> int:
    return sum({(row["source_type"], row["status"]): row["entries"] for row in totals.to_pylist()}.values())


def _debits(totals: pa.Table) -> dict[str, Any]:
    sums = totals.group_by("currency", use_threads=False).aggregate([("debit", "sum")]).to_pylist()
    return amount_metadata("debit", {row["currency"]: row["debit_sum"] for row in sums})
