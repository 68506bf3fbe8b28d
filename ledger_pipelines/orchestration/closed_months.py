"""A closed month against its source: which records differ from what the month holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pyarrow as pa

from ledger_pipelines.closing.differences import NEWS_WORDS, difference
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.findings import Finding, listing
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.months import Change, key_columns, rows_of_months
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.tables.labels import describe_rows
from ledger_pipelines.workflows.step import Step


def closed_month_finding(
    step: Step, table: str, month: date, change: Change, computed: pa.Table, *, columns: Sequence[str]
) -> Finding:
    """Whether the source still says of a closed month what the month holds; an open month has no difference.

    `computed` are the rows as the source has them now, `change` how they differ, `columns` those that name a
    record. What differs is described by these, and by whether it is new, gone or changed.
    """
    if month not in step.closed or change.added + change.removed == 0:
        return Finding(table, CLOSED_UNCHANGED, month, 0, dg.AssetCheckSeverity.WARN)
    return closed_rows_finding(
        table, month, _differing(step, table, month, rows_of_months(computed, [month]), columns)
    )


def booked_or_computed(step: Step, table: str, month: date, change: Change, computed: pa.Table) -> pa.Table:
    """A month's rows as its table has them: of `computed` its own, and of a closed month those that were booked."""
    if month in step.closed and change.added + change.removed:
        return read_months(step.connection, table, [month]).select(computed.column_names)
    return rows_of_months(computed, [month])


def closed_rows_finding(
    table: str,
    month: date,
    rows: pa.Table,
    *,
    message: str | None = None,
    advice: str = "The first open month takes the news.",
    **metadata: str,
) -> Finding:
    """The rows that differ from what a closed month holds, under a message; nothing where there are none."""
    if rows.num_rows == 0:
        return Finding(table, CLOSED_UNCHANGED, month, 0, dg.AssetCheckSeverity.WARN)
    message = message or f"the source says otherwise of its {table} now"
    return Finding(
        asset=table,
        check=CLOSED_UNCHANGED,
        month=month,
        count=rows.num_rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=listing(f"{format_month(month)} is closed; {message}", describe_rows(rows), advice),
        metadata={"difference": preview(rows, rows.column_names, rows=25), **metadata},
    )


def _differing(step: Step, table: str, month: date, computed: pa.Table, columns: Sequence[str]) -> pa.Table:
    booked = read_months(step.connection, table, [month])
    key = key_columns(step.connection, table)
    names = [name for name in columns if name in booked.column_names]
    labels = [name for name in names if name not in key]
    found = difference(computed.select(booked.column_names), booked, key, labels=labels).rows
    changes = pa.array([NEWS_WORDS[str(change)] for change in found["change"].to_pylist()], pa.string())
    rows = found.select([*names, "change", "columns"])
    return rows.set_column(len(names), "change", changes)
