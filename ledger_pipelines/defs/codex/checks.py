"""Checks of the snapshots: were they read in time, and could all of them be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pyarrow as pa

from ledger_pipelines.closing.snapshots import is_later_state
from ledger_pipelines.orchestration.closed_months import closed_rows_finding
from ledger_pipelines.orchestration.findings import Finding, listing, month_check
from ledger_pipelines.sources.datto.models import OPERATION as BACKUP_OPERATION
from ledger_pipelines.sources.freshservice.models import OPERATION as ENTRIES_OPERATION
from ledger_pipelines.store.copy import months_in
from ledger_pipelines.store.integration_errors import is_ignored_in, open_messages
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.store.snapshots import Snapshot, read_gaps, read_snapshots
from ledger_pipelines.tables.labels import describe_problems
from ledger_pipelines.workflows.imports.asset_backup import UNBILLED
from ledger_pipelines.workflows.imports.codex import SNAPSHOTS
from ledger_pipelines.workflows.imports.codex_tickets import UNDATED
from ledger_pipelines.workflows.imports.entry_tickets import UNCLAIMED
from ledger_pipelines.workflows.step import Step

_WARN = dg.AssetCheckSeverity.WARN
_COMPLETE, _IN_TIME = "read_completely", "snapshot_in_time"
#: Under which sources and operations the problems of a table are filed; of the others it is its own, as Codex's.
_OPERATIONS = {
    "assets": (("codex", "assets"), ("datto", BACKUP_OPERATION), ("datto", UNBILLED)),
    "tickets": (
        ("codex", "tickets"),
        ("codex", UNDATED),
        ("freshservice", ENTRIES_OPERATION),
        ("freshservice", UNCLAIMED),
    ),
}

CHECKS = (
    [
        month_check(
            _COMPLETE,
            asset=table,
            description="Every record of the source could be read; those that could not are integration errors.",
        )
        for table in SNAPSHOTS
    ]
    + [
        month_check(
            _IN_TIME,
            asset=table,
            description="The month's snapshot was taken in the month or the one after: it is billed from its own state.",
        )
        for table in SNAPSHOTS
        if table != "tickets"
    ]
    + [
        month_check(
            CLOSED_UNCHANGED,
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
            findings.append(_completeness(step, table, month, snapshot))
            if table != "tickets":
                findings.append(_lateness(table, month, snapshot))
    return findings


def _completeness(step: Step, table: str, month: date, snapshot: Snapshot | None) -> Finding:
    if snapshot is None or snapshot.is_complete:
        return Finding(table, _COMPLETE, month, 0, _WARN)
    operations = _OPERATIONS.get(table, (("codex", table),))
    messages = [
        message
        for source, operation in operations
        for message in open_messages(step.connection, source, operation, month)
    ]
    gaps = read_gaps(step.connection, [month])
    is_whole = table not in gaps["table_name"].to_pylist()
    if (
        not messages
        and is_whole
        and any(is_ignored_in(step.connection, source, operation, month) for source, operation in operations)
    ):
        return Finding(table, _COMPLETE, month, 0, _WARN)
    description = (
        listing(f"some {table} could not be read", describe_problems(messages))
        if messages
        else f"Some {table} could not be read when the month was; nothing of it is open: see `ledger errors list`."
    )
    return Finding(
        table,
        _COMPLETE,
        month,
        max(1, len(messages)),
        _WARN,
        description,
        records=frozenset(messages or [description]),
    )


def _lateness(table: str, month: date, snapshot: Snapshot | None) -> Finding:
    if snapshot is None or not is_later_state(month, snapshot.snapshot_at.date()):
        return Finding(table, _IN_TIME, month, 0, _WARN)
    description = f"It is billed from a later state of {table} (taken {snapshot.snapshot_at:%Y-%m-%d})."
    return Finding(table, _IN_TIME, month, 1, _WARN, description)


def closed_ticket_findings(step: Step, news: pa.Table) -> list[Finding]:
    """For the run's months and every closed month with news (NEWS): the tickets that differ in Codex now."""
    with_news = {month for month in months_in(news) if month in step.closed}
    return [
        closed_rows_finding("tickets", month, rows_of_months(news, [month] if month in with_news else []))
        for month in sorted({*step.months, *with_news})
    ]
