"""Checks of the snapshots: were they read in time, and could all of them be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from ledger_pipelines.billing.snapshots import is_later_state
from ledger_pipelines.defs.findings import Finding
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.months import format_month
from ledger_pipelines.store.replacement import Change
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
            description="A closed month's tickets are still those of Codex; late ones are never billed by themselves.",
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


def closed_ticket_findings(step: Step, changes: Mapping[date, Change]) -> list[Finding]:
    """For the run's months and every closed month read along: whether Codex's tickets are still those booked."""
    findings = []
    for month in sorted({*step.months, *(month for month in changes if month in step.closed)}):
        change = changes.get(month, Change()) if month in step.closed else Change()
        differing = change.added + change.removed
        told = f"{format_month(month)} is closed; {change.added:,} tickets came and {change.removed:,} left since."
        findings.append(
            Finding(
                asset="tickets",
                check=CLOSED_TICKETS,
                month=month,
                count=differing,
                severity=dg.AssetCheckSeverity.WARN,
                description=told if differing else None,
            )
        )
    return findings


def _finding(table: str, check: str, month: date, passed: bool, text: str) -> Finding:
    return Finding(
        asset=table,
        check=check,
        month=month,
        count=0 if passed else 1,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if passed else f"{format_month(month)}: {text}.",
    )
