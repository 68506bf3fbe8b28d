"""Billing statements, their lines, and the ticket hours behind them, month by month."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from ledger_pipelines.billing.outputs import STATEMENT_LINES, STATEMENTS, TICKET_HOURS, BillingResult
from ledger_pipelines.defs.billing.charts import statement_chart
from ledger_pipelines.defs.billing.checks import CHECKS, statement_findings
from ledger_pipelines.defs.billing.run import OUTPUT_TABLES, SNAPSHOT_TABLES, StatementRun, run_statements
from ledger_pipelines.defs.findings import Finding
from ledger_pipelines.defs.partitions import MONTHS, YEAR_SO_FAR
from ledger_pipelines.defs.presentation import month_asset, preview
from ledger_pipelines.defs.resources import CodexResource, LedgerResource
from ledger_pipelines.defs.selection import selected
from ledger_pipelines.defs.steps import Step, executed_step, not_configured
from ledger_pipelines.errors import Problem
from ledger_pipelines.money import shown
from ledger_pipelines.months import add_months, years_so_far
from ledger_pipelines.store.replacement import rows_of_months
from ledger_pipelines.store.snapshots import require_snapshots
from ledger_pipelines.store.statements import totals_by_kind

_SCHEMAS = {
    "ticket_hours": TICKET_HOURS,
    "billing_statement_lines": STATEMENT_LINES,
    "billing_statements": STATEMENTS,
}
_DESCRIPTIONS = {
    "ticket_hours": "A row is a ticket's hours that count in the month: its total less what closed months billed of it.",
    "billing_statement_lines": "A row is one charge on a company's statement, with the record that it comes from.",
    "billing_statements": "A row is a company's statement of the month: what was counted, at which rates, and the total.",
}
_DEPS: dict[str, list[dg.AssetDep]] = {
    "ticket_hours": [dg.AssetDep("tickets", partition_mapping=YEAR_SO_FAR)],
    "billing_statement_lines": [
        *(dg.AssetDep(table) for table in SNAPSHOT_TABLES),
        dg.AssetDep("ticket_hours"),
    ],
    "billing_statements": [dg.AssetDep("billing_statement_lines")],
}
_NOTES = {
    "source_type": "what kind of record the line bills",
    "source_id": "that record's id",
    "amount": "rounded half up to cents, once",
    "hours": "hours that count in this month",
    "billed_before": "hours of the ticket on statements of other closed months",
    "ticket_month": "the ticket's own month, where that was closed before these hours were known",
    "late_hours": "billable hours of closed months' tickets, beside billable_hours",
}
_TOP = (
    "account_number",
    "company_name",
    "billing_plan",
    "total_user_charges",
    "total_asset_charges",
    "total",
)


@dg.multi_asset(
    name="billing",
    specs=[
        month_asset(
            table,
            _SCHEMAS[table],
            _DESCRIPTIONS[table],
            deps=_DEPS[table],
            group="billing",
            kinds=("postgres", "arrow"),
            notes=_NOTES,
        )
        for table in OUTPUT_TABLES
    ],
    check_specs=CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="billing",
)
def billing(
    context: dg.AssetExecutionContext, ledger: LedgerResource, codex: CodexResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read the months' snapshots, bill them, replace the months, say what was charged.

    Nothing here is tried again: the same inputs give the same failure.
    """
    if codex.is_left_out:
        yield from not_configured(context, "CODEX_URL")
        return
    with executed_step(context, ledger, "billing") as step:
        for table in SNAPSHOT_TABLES:
            require_snapshots(step.connection, table, step.open(step.months))
        require_snapshots(step.connection, "tickets", step.open(years_so_far(step.months)))
        findings: list[Finding] = []
        problems: list[Problem] = []
        results: list[BillingResult] = []
        for run in run_statements(
            ledger.database,
            step.months,
            closed=step.closed,
            currency=ledger.settings.currency,
            write=step.write,
        ):
            _describe(step, run, ledger.settings.currency)
            findings += statement_findings(step, run)
            problems += run.result.problems
            results = [run.result]  # only the last is looked at: a year's would not fit
        step.record("billing", "statements", problems, months=step.months)
        pictures = _pictures(step, results[-1])
    results_of = [
        dg.MaterializeResult[None](asset_key=table, metadata=pictures.get(table, {}))
        for table in OUTPUT_TABLES
    ]
    yield from selected(context, results_of, findings)


def _describe(step: Step, run: StatementRun, currency: str) -> None:
    for month in run.months:
        statements = rows_of_months(run.result.statements, [month])
        total: Decimal = pc.sum(statements["total"]).as_py() or Decimal(0)
        total_shown = shown(total, currency)
        figures: dict[str, dict[str, Any]] = {
            "billing_statements": {"statements": statements.num_rows, "total": total_shown},
            "billing_statement_lines": {"total": total_shown},
        }
        for table, changes in run.changes.items():
            step.describe(table, month, changes[month], **figures.get(table, {}))


def _pictures(step: Step, result: BillingResult) -> dict[str, dict[str, Any]]:
    """What a person would rather look at: the year's totals, the largest statements, a few lines."""
    last = step.months[-1]
    totals = totals_by_kind(step.connection, add_months(last, -11), last)
    statements = rows_of_months(result.statements, [last]).sort_by([("total", "descending")])
    chart = {"totals_by_month_and_kind": statement_chart(totals)} if totals.num_rows else {}
    step.show("billing_statements", last, {"largest_statements": preview(statements, _TOP), **chart})
    return {
        "billing_statement_lines": {
            "preview": preview(
                result.lines, ("account_number", "kind", "type", "description", "quantity", "rate", "amount")
            )
        }
    }
