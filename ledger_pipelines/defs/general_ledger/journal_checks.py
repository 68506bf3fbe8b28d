"""The journal's invariants as asset checks, month by month (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.orchestration.closed_months import closed_rows_finding
from ledger_pipelines.orchestration.findings import Finding, month_check, rows_finding
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.queries.journal_totals import lines_of_unknown_accounts, totals_by_type
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.workflows.general_ledger.posting import Posted
from ledger_pipelines.workflows.step import Step

_ENTRIES, _LINES = "journal_entries", "journal_lines"
_BALANCES, _KNOWN = "debits_equal_credits", "accounts_are_known"
CHECKS = [
    month_check(
        _BALANCES, asset=_ENTRIES, description="In each currency the month's debits are its credits."
    ),
    month_check(
        CLOSED_UNCHANGED,
        asset=_ENTRIES,
        description="What a closed month's documents come to now is what is posted of them.",
    ),
    month_check(_KNOWN, asset=_LINES, description="Every account of a line is in the chart of accounts."),
]


def journal_findings(step: Step, posted: Posted) -> Iterator[Finding]:
    """What the checks found in each of the step's months."""
    totals = totals_by_type(step.connection, step.months)
    unknown = lines_of_unknown_accounts(step.connection, step.months)
    for month in step.months:
        yield _balances(rows_of_months(totals, [month]), month)
        yield _closed(posted, month)
        yield rows_finding(
            _LINES,
            _KNOWN,
            month,
            rows_of_months(unknown, [month]),
            heading="accounts that the chart of accounts lacks",
            severity=dg.AssetCheckSeverity.WARN,
            advice="Add them to `accounts`, or import the file that has them.",
        )


def _balances(totals: pa.Table, month: date) -> Finding:
    sums = (
        totals.group_by("currency", use_threads=False)
        .aggregate([("debit", "sum"), ("credit", "sum")])
        .rename_columns(["currency", "debit", "credit"])
    )
    wrong = sums.filter(pc.not_equal(sums["debit"], sums["credit"]))
    return rows_finding(
        _ENTRIES,
        _BALANCES,
        month,
        wrong,
        heading="currencies whose debits are not their credits",
        severity=dg.AssetCheckSeverity.ERROR,
    )


def _closed(posted: Posted, month: date) -> Finding:
    documents = posted.differing.get(month, [])
    return closed_rows_finding(
        _ENTRIES,
        month,
        pa.table({"id": pa.array(documents, pa.string())}),
        message="its documents come to other entries now",
        advice="The first open month takes the corrections.",
    )
