"""Datto RMM's devices with what is backed up of them, month by month (wire/datto.md; rules/billing.md, Backup)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.backup_usage import emptied_devices
from ledger_pipelines.closing.snapshots import months_to_read
from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful, shrunken_list
from ledger_pipelines.sources.datto.client import INTEGRATION, DattoClient, DevicesRead
from ledger_pipelines.sources.datto.models import OPERATION
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.snapshots import newest_snapshot, read_snapshots, record_snapshot
from ledger_pipelines.tables.datto import BACKUP_USAGE
from ledger_pipelines.workflows.imports.codex_unread import for_months
from ledger_pipelines.workflows.imports.outcome import ImportedTable
from ledger_pipelines.workflows.step import Step

TABLE = "backup_usage"


def import_backup_usage(step: Step, datto: Callable[[], DattoClient], *, taken_at: datetime) -> ImportedTable:
    """Reads all devices once and writes them to the months that need a snapshot.

    Those are the current and the just-ended month, and open ones that have none, or none that is complete. What could
    not be read keeps the row that its month has, and what became empty its bytes, until a person confirms it.
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
    newest = newest_snapshot(step.connection, TABLE)
    before = read_months(step.connection, TABLE, [] if newest is None else [newest])
    doubts = _doubts(step, read, before)
    emptied, losses = _emptied(step, read.devices, before)
    devices = _with_accounts(read)
    frame = _by_month(
        devices, stored, months, emptied, unread=None if doubts or not read.is_whole else read.unreadable
    )
    problems = [*read.problems, *doubts, *losses]
    is_complete = not any(problem.is_blocking for problem in problems)
    ensure_months(step.connection, [TABLE], months)
    with step.connection.transaction():
        changes = step.write({TABLE: frame}, months)[TABLE]
        record_snapshot(step.connection, TABLE, months, taken_at=taken_at, is_complete=is_complete)
    is_whole = read.is_whole and not doubts
    step.record(INTEGRATION, OPERATION, for_months(problems, months), months=months, is_complete=is_whole)
    return ImportedTable(frame, changes, problems)


def _doubts(step: Step, read: DevicesRead, before: pa.Table) -> list[Problem]:
    """Where far fewer devices are shown than the newest snapshot has, unless a person confirms it."""
    now = read.devices.num_rows + len(read.unreadable)
    if not is_doubtful(before.num_rows, now):
        return []
    problem = shrunken_list(INTEGRATION, OPERATION, "Datto RMM", "devices", before=before.num_rows, now=now)
    return [] if take_confirmation(step.connection, problem) else [problem]


def _emptied(step: Step, devices: pa.Table, before: pa.Table) -> tuple[dict[str, int], list[Problem]]:
    """The bytes in the newest snapshot of shown devices whose field is empty now, by their uid, and the errors.

    Most of them at once are one error, of the list. Those that a person confirms are none.
    """
    found = emptied_devices(devices, before)
    had = before.filter(pc.field("backup_bytes") > 0).num_rows
    rows = found.to_pylist()
    if len(rows) >= SHORTEST_DOUBTED and is_doubtful(had, had - len(rows)):
        problem = shrunken_list(
            INTEGRATION, OPERATION, "Datto RMM", "devices with a backup", before=had, now=had - len(rows)
        )
        if take_confirmation(step.connection, problem):
            return {}, []
        return {row["uid"]: row["bytes"] for row in rows}, [problem]
    told = {row["uid"]: (row["bytes"], _emptied_device(row)) for row in rows}
    unsettled = {uid: one for uid, one in told.items() if not take_confirmation(step.connection, one[1])}
    return {uid: stored for uid, (stored, _) in unsettled.items()}, [one for _, one in unsettled.values()]


def _emptied_device(row: dict[str, Any]) -> Problem:
    return Problem(
        INTEGRATION,
        OPERATION,
        "device",
        f"{row['uid']} without backup",
        f"Device {row['hostname'] or row['uid']} of site {row['site'] or 'without a name'} had {row['bytes']:,} bytes "
        "backed up when it was read last, and its user-defined field is empty now, so what was read before is kept: "
        "check the field and DATTO_BACKUP_UDF; if nothing is backed up any more, ignore this error with a note (`ledger "
        "errors list`, `ledger errors ignore`) and run again.",
        {"uid": row["uid"], "hostname": row["hostname"], "bytes": row["bytes"]},
    )


def _with_accounts(read: DevicesRead) -> pa.Table:
    """The devices with the account numbers of their sites."""
    sites: list[Any] = read.devices["site_uid"].to_pylist()
    accounts = pa.array([read.accounts.get(site) for site in sites], pa.string())
    return read.devices.append_column("account_number", accounts)


def _by_month(
    devices: pa.Table,
    stored: pa.Table,
    months: Sequence[date],
    emptied: Mapping[str, int],
    *,
    unread: Collection[str] | None,
) -> pa.Table:
    """The devices once for each month, with the month's own rows of those that are `unread` (None: all not shown).

    Devices that were `emptied` keep the bytes of the month's own row, or where it has none those that are given.
    """
    names = [name for name in BACKUP_USAGE.schema.names if name != "month"]
    own = {
        (row["month"], row["uid"]): row["backup_bytes"] for row in stored.to_pylist() if row["uid"] in emptied
    }
    uids: list[Any] = devices["uid"].to_pylist()
    read: list[Any] = devices["backup_bytes"].to_pylist()
    at = devices.schema.get_field_index("backup_bytes")
    shown = []
    for month in months:
        kept_bytes = [
            own.get((month, uid), emptied[uid]) if uid in emptied else now
            for uid, now in zip(uids, read, strict=True)
        ]
        fresh = devices.set_column(at, "backup_bytes", pa.array(kept_bytes, pa.int64())).select(names)
        shown.append(fresh.add_column(0, "month", pa.repeat(pa.scalar(month, pa.date32()), len(fresh))))
    kept = stored.filter(pc.invert(pc.is_in(stored["uid"], devices["uid"].combine_chunks())))
    if unread is not None:
        kept = kept.filter(pc.is_in(kept["uid"], pa.array(sorted(unread), pa.string())))
    return pa.concat_tables(one.cast(BACKUP_USAGE.schema) for one in (*shown, kept))
