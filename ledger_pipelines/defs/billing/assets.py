"""Billing statements, their lines, and the ticket hours behind them, month by month."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.defs.billing.charts import statement_chart
from ledger_pipelines.defs.billing.checks import CHECKS, statement_findings
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import matching_rows
from ledger_pipelines.months import add_months, years_so_far
from ledger_pipelines.orchestration.closed_months import booked_or_computed
from ledger_pipelines.orchestration.findings import Finding
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, YEAR_SO_FAR
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import amount_metadata, month_bars, month_previews, preview
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import AssetStep, executed_step, not_configured
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.queries.statements import totals_by_kind
from ledger_pipelines.store.snapshots import require_snapshots
from ledger_pipelines.tables import TABLES
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.billing import OUTPUT_TABLES, SNAPSHOT_TABLES, StatementRun, run_statements

_NOTHING = Decimal(0)
_DEPS: dict[str, list[dg.AssetDep]] = {
    "ticket_hours": [dg.AssetDep("tickets", partition_mapping=YEAR_SO_FAR)],
    "billing_statement_lines": [
        *(dg.AssetDep(table) for table in SNAPSHOT_TABLES),
        dg.AssetDep("ticket_hours"),
    ],
    "billing_statements": [dg.AssetDep("billing_statement_lines")],
}


@dg.multi_asset(
    name="billing",
    specs=[
        month_asset(
            table,
            deps=_DEPS[table],
            group="billing",
            kinds=("postgres", "arrow"),
        )
        for table in OUTPUT_TABLES
    ],
    check_specs=CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=BACKFILL_POLICY,
    pool="billing",
)
def billing(
    context: dg.AssetExecutionContext, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read the months' snapshots, bill them, replace the months, say what was charged.

    Nothing here is tried again: the same inputs give the same failure.
    """
    if ledger.settings.is_without_codex:
        yield from not_configured(context, ledger, "billing", "CODEX_URL")
        return
    with executed_step(context, ledger, "billing") as step:
        for table in SNAPSHOT_TABLES:
            require_snapshots(step.connection, table, step.open(step.months))
        require_snapshots(step.connection, "tickets", step.open(years_so_far(step.months)))
        findings: list[Finding] = []
        problems: list[Problem] = []
        for run in run_statements(
            ledger.database,
            step.months,
            closed=step.closed,
            currency=ledger.settings.currency,
            write=step.write,
        ):
            _describe(step, run)
            findings += statement_findings(step, run)
            problems += run.result.problems
        step.record("billing", "statements", problems, months=step.months)
        _picture(step)
    results = [dg.MaterializeResult[None](asset_key=table) for table in OUTPUT_TABLES]
    yield from selected(context, ledger, results, findings)


def _describe(step: AssetStep, run: StatementRun) -> None:
    """What stands on each month's page: its own statements, and of a closed one what is booked."""
    for month in run.months:
        change = run.changes["billing_statements"][month]
        statements = booked_or_computed(step, "billing_statements", month, change, run.result.statements)
        totals = _totals(statements)
        figures: dict[str, Any] = {"statements": statements.num_rows, **amount_metadata("total", totals)}
        if month in step.closed and change.added + change.removed:
            would_be = _totals(rows_of_months(run.result.statements, [month]))
            figures |= amount_metadata("total_would_be", would_be)
            figures |= amount_metadata(
                "difference",
                {
                    one: would_be.get(one, _NOTHING) - totals.get(one, _NOTHING)
                    for one in {*totals, *would_be}
                },
            )
        largest = statements.sort_by([("total", "descending"), ("account_number", "ascending")])
        largest_columns = TABLES["billing_statements"].preview
        names = statements.select(["account_number", "company_name"])
        for table, frame in (
            ("ticket_hours", run.result.ticket_hours),
            ("billing_statement_lines", run.result.lines),
        ):
            rows = {month: booked_or_computed(step, table, month, run.changes[table][month], frame)}
            previews = month_previews(rows, TABLES[table].preview, named=partial(_with_names, names=names))
            step.describe(table, month, run.changes[table][month], preview=previews[month])
        step.describe(
            "billing_statements",
            month,
            change,
            **figures,
            largest_statements=preview(largest, largest_columns),
        )
        step.log_month(month, change, f"{counted(statements.num_rows, 'statement')}, {figures['total']}")


def _totals(statements: pa.Table) -> dict[str, Decimal]:
    """What the statements come to, by currency."""
    sums = statements.group_by("currency", use_threads=False).aggregate([("total", "sum")])
    return {row["currency"]: row["total_sum"] for row in sums.to_pylist()}


def _with_names(rows: pa.Table, names: pa.Table) -> pa.Table:
    """The rows with their companies' names, in their order."""
    companies = matching_rows(rows, names, {"account_number": "account_number"})
    return rows.append_column("company_name", companies["company_name"])


def _picture(step: AssetStep) -> None:
    """What a person would rather look at: the last twelve months' totals, small and large."""
    last = step.months[-1]
    totals = totals_by_kind(step.connection, add_months(last, -11), last)
    if totals.num_rows == 0:
        return
    by_month: dict[date, Decimal] = {}
    for row in totals.to_pylist():
        by_month[row["month"]] = by_month.get(row["month"], _NOTHING) + row["amount"]
    pictures = {
        "totals_by_month": month_bars(by_month, totals["currency"][0].as_py()),
        "totals_by_month_and_kind": statement_chart(totals),
    }
    step.show("billing_statements", last, pictures)
