"""What the import steps show of a run: each month's figures and rows, and whether all could be read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import dagster as dg

from ledger_pipelines.errors import Problem
from ledger_pipelines.orchestration.closed_months import booked_or_computed, closed_month_finding
from ledger_pipelines.orchestration.findings import Finding, listing
from ledger_pipelines.orchestration.previews import month_previews
from ledger_pipelines.orchestration.steps import AssetStep
from ledger_pipelines.store.history import READ_BY_MONTH
from ledger_pipelines.store.integration_errors import without_ignored
from ledger_pipelines.store.months import Change
from ledger_pipelines.store.queries.contract_names import named_contracts
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.labels import describe_problems
from ledger_pipelines.workflows.imports.outcome import ImportedTable
from ledger_pipelines.workflows.step import Step

READ_COMPLETELY = "read_completely"


def described(step: AssetStep, table: str, imported: ImportedTable) -> dg.MaterializeResult[None]:
    """What the run did to a table, with each month's own figures and rows at that month."""
    frame, changes = imported.frame, imported.changes
    has_months = "month" in frame.column_names
    frames = {
        month: booked_or_computed(step, table, month, change, frame) if has_months else frame
        for month, change in changes.items()
    }
    columns = TABLES[table].preview
    named = partial(named_contracts, step.connection) if "client" in columns else None
    previews = month_previews(frames, columns, named=named)
    for month, change in changes.items():
        step.describe(table, month, change, preview=previews[month])
    return dg.MaterializeResult(asset_key=table, metadata=dict(imported.figures))


def completeness(step: Step, table: str, problems: Sequence[Problem]) -> list[Finding]:
    """One finding for each month that was read: could every record be? Notes, and what is ignored, do not count."""
    heading = "some records could not be read"
    problems = [one for one in without_ignored(step.connection, problems) if one.is_blocking]
    names = describe_problems(problem.message for problem in problems)
    return [
        Finding(
            asset=table,
            check=READ_COMPLETELY,
            month=month,
            count=len(problems),
            severity=dg.AssetCheckSeverity.WARN,
            description=listing(heading, names) if problems else None,
            records=frozenset(problem.message for problem in problems),
        )
        for month in (step.months if table in READ_BY_MONTH else step.asked)
    ]


def closed_unchanged(step: Step, table: str, imported: ImportedTable) -> list[Finding]:
    """One finding for each month: does the source still say what a closed month holds?"""
    columns = TABLES[table].preview
    return [
        closed_month_finding(
            step, table, month, imported.changes.get(month, Change()), imported.frame, columns=columns
        )
        for month in step.months
    ]
