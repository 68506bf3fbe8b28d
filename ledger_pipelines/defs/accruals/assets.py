"""Monthly accruals, deferred revenue, and what a person should look at."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import AccrualResult
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines.defs.accruals.charts import month_totals, notice_table, recognised_by_service, waterfall
from ledger_pipelines.defs.accruals.checks import CHECKS, accrual_findings
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.orchestration.closed_months import booked_or_computed
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, SO_FAR, first_partition
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import month_bars, month_previews, preview
from ledger_pipelines.orchestration.resources import FourGeeksResource, LedgerResource
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import (
    MONTH_CLOSE,
    AssetStep,
    executed_step,
    not_configured,
    with_history,
)
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.months import Change, rows_of_months
from ledger_pipelines.store.queries.contract_names import named_contracts
from ledger_pipelines.store.snapshots import computed_months, read_newest_snapshot, record_snapshot
from ledger_pipelines.tables import TABLES
from ledger_pipelines.workflows.accruals import OUTPUT_TABLES, contract_count, frames_of, read_inputs

_ALL = dg.AllPartitionMapping()
_DEPS = {
    "monthly_accruals": [
        dg.AssetDep("contracts", partition_mapping=_ALL),
        dg.AssetDep("enrollments", partition_mapping=_ALL),
        dg.AssetDep("external_ids", partition_mapping=_ALL),
    ],
    "deferred_revenue": [dg.AssetDep("monthly_accruals", partition_mapping=SO_FAR)],
    "accrual_notices": [dg.AssetDep("monthly_accruals")],
}


@dg.multi_asset(
    name="accruals",
    specs=[
        month_asset(
            table,
            deps=_DEPS[table],
            group="accruals",
            kinds=("postgres", "arrow"),
        )
        for table in OUTPUT_TABLES
    ],
    check_specs=CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=BACKFILL_POLICY,
    pool="accruals",
)
def accruals(
    context: dg.AssetExecutionContext, ledger: LedgerResource, fourgeeks: FourGeeksResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read what is known of every contract, recognise the months, replace them, say what happened.

    Nothing here is tried again: the same inputs give the same failure.
    """
    if fourgeeks.missing and _never_read(ledger):
        yield from not_configured(context, ledger, "accruals", fourgeeks.missing)
        return
    with executed_step(context, ledger, "accruals") as step:
        last, this_month = step.months[-1], month_of(datetime.now(UTC).date())
        ledger_months = month_range(first_partition(), add_months(max(this_month, last), 1))
        if read_newest_snapshot(step.connection, "clients") is None:
            raise LedgerError("The clients were never read: run `ledger sync --from-step crm-clients` first.")
        inputs = read_inputs(step.connection, ledger_months, step.closed)
        months = _months_to_accrue(step)
        result = accrue(inputs, months)
        changes = step.write(frames_of(result), months)
        record_snapshot(
            step.connection,
            "monthly_accruals",
            step.open(months),
            taken_at=datetime.now(UTC),
            is_complete=True,
        )
        _report_other_months(step, changes)
        _describe(step, inputs, result, changes)
        step.execution.metadata["result"] = {
            "contracts_processed": contract_count(inputs.contracts),
            "accruals": result.accruals.num_rows,
            "notices": result.notices.num_rows,
        }
        findings = list(accrual_findings(step, inputs, result))
        _picture(step)
    results = [dg.MaterializeResult[None](asset_key=table) for table in OUTPUT_TABLES]
    yield from selected(context, ledger, results, findings)


def _months_to_accrue(step: AssetStep) -> list[date]:
    """The step's months, and the open ones that were accrued before; in a month's close those that never were, too.

    What a month brings may change the others: an invoice, a status, which contract a period belongs to. So whatever
    order months are run in, in the end all of them rest on the same knowledge.
    """
    before = computed_months(step.connection, "monthly_accruals")
    if step.context.run.job_name == MONTH_CLOSE:
        before += with_history(step.connection, "monthly_accruals", step.months)
    return sorted({*step.months, *step.open(before)})


def _report_other_months(step: AssetStep, changes: Mapping[str, Mapping[date, Change]]) -> None:
    """Months that were not asked for and changed were materialised by this run, too."""
    for table, by_month in changes.items():
        for month, change in by_month.items():
            if month not in step.months and change.added + change.removed:
                step.report_unasked(
                    table,
                    month,
                    {
                        "dagster/partition_row_count": change.rows,
                        "rows_added": change.added,
                        "rows_removed": change.removed,
                    },
                )


def _never_read(ledger: LedgerResource) -> bool:
    """Whether nobody's clients were ever read: without the CRM every client would look like one who never came."""
    with ledger.database.connect() as connection:
        return read_newest_snapshot(connection, "clients") is None


def _describe(
    step: AssetStep,
    inputs: AccrualInputs,
    result: AccrualResult,
    changes: Mapping[str, Mapping[date, Change]],
) -> None:
    """What stands on each month's page: its own contracts and notices, and of a closed one what is booked."""
    computed = frames_of(result)
    frames: dict[str, dict[date, pa.Table]] = {
        table: {
            month: booked_or_computed(step, table, month, changes[table][month], computed[table])
            for month in step.months
        }
        for table in OUTPUT_TABLES
    }
    names = partial(named_contracts, step.connection)
    contracts = month_previews(frames["monthly_accruals"], TABLES["monthly_accruals"].preview, named=names)
    for month in step.months:
        deferred, notices = frames["deferred_revenue"][month], frames["accrual_notices"][month]
        figures = month_totals(deferred)
        change = changes["deferred_revenue"][month]
        if month in step.closed and change.added + change.removed:
            would_be = month_totals(rows_of_months(result.deferred_revenue, [month]))
            figures |= {f"{name}_would_be": value for name, value in would_be.items()}
        metadata: dict[str, dict[str, Any]] = {
            "monthly_accruals": {
                "preview": contracts[month],
                "recognised_by_service": recognised_by_service(
                    frames["monthly_accruals"][month], inputs.services
                ),
            },
            "deferred_revenue": {"preview": preview(deferred, TABLES["deferred_revenue"].preview)},
            "accrual_notices": {"notices": notice_table(notices, inputs.clients)},
        }
        for table in OUTPUT_TABLES:
            step.describe(table, month, changes[table][month], **figures, **metadata[table])
        message = f"{figures['recognised']} recognised, {figures['deferred']} deferred"
        step.log_month(month, changes["monthly_accruals"][month], message)


def _picture(step: AssetStep) -> None:
    """What a person would rather look at: the waterfall of the last twelve months, small and large."""
    last = step.months[-1]
    year = read_months(
        step.connection, "deferred_revenue", month_range(add_months(last, -11), add_months(last, 1))
    )
    if year.num_rows == 0:
        return
    currency = year["currency"][0].as_py()
    closing = {row["month"]: row["closing"] for row in year.to_pylist() if row["currency"] == currency}
    pictures = {"deferred_by_month": month_bars(closing, currency), "waterfall": waterfall(year)}
    step.show("deferred_revenue", last, pictures)
