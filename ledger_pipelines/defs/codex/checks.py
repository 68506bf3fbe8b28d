"""Checks of the snapshots: were they read in time, and could all of them be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg
import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.month_hours import own_months
from ledger_pipelines.billing.snapshots import is_later_state
from ledger_pipelines.columns import array, column
from ledger_pipelines.defs.findings import Finding, rows_finding
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.months import format_month
from ledger_pipelines.store.frames import months_in
from ledger_pipelines.store.replacement import rows_of_months
from ledger_pipelines.store.snapshots import read_snapshots

CLOSED_TICKETS = "closed_month_unchanged"
TABLES = ("companies", "plans", "assets", "contacts", "tickets")

CHECKS = (
    [
        dg.AssetCheckSpec(
            "read_completely",
            asset=table,
            description="Every record of the source could be read; those that could not are integration errors.",
        )
        for table in TABLES
    ]
    + [
        dg.AssetCheckSpec(
            "snapshot_in_time",
            asset=table,
            description="The month's snapshot was taken in the month or the one after: it is billed from its own state.",
        )
        for table in TABLES
        if table != "tickets"
    ]
    + [
        dg.AssetCheckSpec(
            CLOSED_TICKETS,
            asset="tickets",
            description="A closed month's tickets have the hours that Codex shows; what differs goes to an open one.",
        )
    ]
)


def snapshot_findings(step: Step, wanted: Sequence[str]) -> list[Finding]:
    """Findings for the tables that this run materialises, one for each month and check."""
    found = {
        (snapshot.table_name, snapshot.month): snapshot
        for snapshot in read_snapshots(step.connection, step.months)
    }
    findings = []
    for table in wanted:
        for month in step.months:
            snapshot = found.get((table, month))
            is_complete = snapshot is None or snapshot.is_complete
            findings.append(
                _finding(
                    table,
                    "read_completely",
                    month,
                    is_complete,
                    f"some {table} could not be read; see integration_errors",
                )
            )
            if table != "tickets":
                is_late = snapshot is not None and is_later_state(month, snapshot.snapshot_at.date())
                taken = "" if snapshot is None else f" (taken {snapshot.snapshot_at:%Y-%m-%d})"
                findings.append(
                    _finding(
                        table,
                        "snapshot_in_time",
                        month,
                        not is_late,
                        f"billed from a later state of {table}{taken}",
                    )
                )
    return findings


def closed_ticket_findings(step: Step, news: pa.Table) -> list[Finding]:
    """For the run's months and every closed month with news: the tickets whose hours Codex shows otherwise now."""
    own = array(own_months(news).astype(np.int32)).view(pa.date32())
    dated = news.select(["account_number", "ticket_number"]).add_column(0, "month", own)
    dated = dated.append_column("hours", column(news, "total_hours_spent"))
    dated = dated.append_column("is_gone", column(news, "is_gone")).append_column(
        "told_in", column(news, "month")
    )
    dated = dated.sort_by([("account_number", "ascending"), ("ticket_number", "ascending")])
    with_news = [month for month in months_in(dated) if month in step.closed]
    return [
        rows_finding(
            "tickets",
            CLOSED_TICKETS,
            month,
            rows_of_months(dated, [month] if month in step.closed else []),
            told="tickets came late, have other hours since or are gone",
            severity=dg.AssetCheckSeverity.WARN,
        )
        for month in sorted({*step.months, *with_news})
    ]


def _finding(table: str, check: str, month: date, passed: bool, text: str) -> Finding:
    return Finding(
        asset=table,
        check=check,
        month=month,
        count=0 if passed else 1,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if passed else f"{format_month(month)}: {text}.",
    )
