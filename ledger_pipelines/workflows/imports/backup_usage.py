"""Datto RMM's devices with what is backed up of them, month by month (wire/datto.md; rules/billing.md, Backup)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.snapshots import months_to_read
from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import is_doubtful, shrunken_list
from ledger_pipelines.sources.datto.client import INTEGRATION, DattoClient, DevicesRead
from ledger_pipelines.sources.datto.models import OPERATION
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.snapshots import read_snapshots, record_snapshot
from ledger_pipelines.tables.datto import BACKUP_USAGE
from ledger_pipelines.workflows.imports.codex_unread import for_months
from ledger_pipelines.workflows.imports.outcome import ImportedTable
from ledger_pipelines.workflows.step import Step

TABLE = "backup_usage"


def import_backup_usage(step: Step, datto: Callable[[], DattoClient], *, taken_at: datetime) -> ImportedTable:
    """Reads all devices once and writes them to the months that need a snapshot.

    Those are the current and the just-ended month, and open ones that have none, or none that is complete. What could
    not be read keeps the row that its month has.
    """
    snapshots = read_snapshots(step.connection, step.months)
    whole = {one.month for one in snapshots if one.table_name == TABLE and one.is_complete}
    months = months_to_read(
        step.months, today=taken_at.date(), with_snapshot=whole, closed=step.closed, refresh=False
    )
    if not months:
        return ImportedTable(BACKUP_USAGE.schema.empty_table(), {})
    with datto() as client:
        read = client.devices()
    stored = read_months(step.connection, TABLE, months)
    doubts = _doubts(step, read, stored)
    frame = _by_month(read, stored, months, keeps_all=bool(doubts) or not read.is_whole)
    problems = [*read.problems, *doubts]
    is_complete = not any(problem.is_blocking for problem in problems)
    ensure_months(step.connection, [TABLE], months)
    with step.connection.transaction():
        changes = step.write({TABLE: frame}, months)[TABLE]
        record_snapshot(step.connection, TABLE, months, taken_at=taken_at, is_complete=is_complete)
    is_whole = read.is_whole and not doubts
    step.record(INTEGRATION, OPERATION, for_months(problems, months), months=months, is_complete=is_whole)
    return ImportedTable(frame, changes, problems)


def _doubts(step: Step, read: DevicesRead, stored: pa.Table) -> list[Problem]:
    """Where far fewer devices are shown than the last month that has any had, unless a person confirms it."""
    if not stored.num_rows:
        return []
    latest = stored.filter(pc.equal(stored["month"], pc.max(stored["month"])))
    before, now = latest.num_rows, read.devices.num_rows + len(read.unreadable)
    if not is_doubtful(before, now):
        return []
    problem = shrunken_list(INTEGRATION, OPERATION, "Datto RMM", "devices", before=before, now=now)
    return [] if take_confirmation(step.connection, problem) else [problem]


def _by_month(read: DevicesRead, stored: pa.Table, months: Sequence[date], *, keeps_all: bool) -> pa.Table:
    """The devices once for each month, with the month's own rows of those that could not be read."""
    sites: list[Any] = read.devices["site_uid"].to_pylist()
    accounts = pa.array([read.accounts.get(site) for site in sites], pa.string())
    devices = read.devices.append_column("account_number", accounts)
    names = [name for name in BACKUP_USAGE.schema.names if name != "month"]
    shown = [
        devices.select(names).add_column(0, "month", pa.repeat(pa.scalar(month, pa.date32()), len(devices)))
        for month in months
    ]
    is_missing = pc.invert(pc.is_in(stored["uid"], read.devices["uid"].combine_chunks()))
    is_unread = pc.is_in(stored["uid"], pa.array(sorted(read.unreadable), pa.string()))
    kept = stored.filter(is_missing if keeps_all else pc.and_(is_missing, is_unread))
    return pa.concat_tables(one.cast(BACKUP_USAGE.schema) for one in (*shown, kept))
