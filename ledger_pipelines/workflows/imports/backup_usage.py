"""Datto RMM's devices with what is backed up of them, month by month (wire/datto.md; rules/billing.md, Backup)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.backup_usage import emptied_devices
from ledger_pipelines.closing.snapshots import months_to_read
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month
from ledger_pipelines.shrinkage import ENTITY, SHORTEST_DOUBTED, is_doubtful, shrunken_list
from ledger_pipelines.sources.datto.client import INTEGRATION, DattoClient, DevicesRead
from ledger_pipelines.sources.datto.models import OPERATION
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import take_confirmation, unignore_changed_messages, unsettled
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.snapshots import (
    complete_snapshot,
    newest_snapshot,
    read_snapshots,
    record_snapshot,
)
from ledger_pipelines.tables.datto import BACKUP_USAGE
from ledger_pipelines.workflows.imports.codex_unread import for_months
from ledger_pipelines.workflows.imports.outcome import ImportedTable
from ledger_pipelines.workflows.step import Step, in_months

TABLE = "backup_usage"
_NO_BACKUP_AT_ALL = Problem(
    INTEGRATION,
    OPERATION,
    "field",
    "no device has a backup",
    "Of all devices that Datto RMM shows not one has anything in the user-defined field of backed-up bytes, so that no "
    "backup is billed: check DATTO_BACKUP_UDF, and run again (older months with --refresh-snapshots); if nothing is "
    "backed up, ignore this error with a note.",
)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Devices as they are now, and which of their values are doubted.

    `emptied` has the bytes that a device had before it lost them, `confirmed` what those have of which a person
    confirmed that they have so few. `is_whole` is false where the list is cut or doubted.
    """

    devices: pa.Table
    unreadable: frozenset[str]
    emptied: Mapping[str, int]
    confirmed: Mapping[str, int | None]
    problems: list[Problem]
    is_whole: bool


def import_backup_usage(
    step: Step, datto: Callable[[], DattoClient], *, taken_at: datetime, refresh: bool = False
) -> ImportedTable:
    """Reads all devices once and writes them to the months that need a snapshot.

    Those are the current and the just-ended month, and open ones that have none. What could not be read keeps the row
    that its month has, and what became empty its bytes, until a person confirms it. An older open month keeps its
    snapshot, and is given only what it could not read then; with `refresh` it is taken anew.
    """
    snapshots = [one for one in read_snapshots(step.connection, step.months) if one.table_name == TABLE]
    taken = {one.month for one in snapshots}
    fresh = months_to_read(
        step.months, today=taken_at.date(), with_snapshot=taken, closed=step.closed, refresh=refresh
    )
    older = sorted({one.month for one in snapshots if not one.is_complete} - {*fresh, *step.closed})
    months = sorted([*fresh, *older])
    if not months:
        return ImportedTable(BACKUP_USAGE.schema.empty_table(), {})
    # Before a confirmation settles any of them.
    lacking = {month: _lacking(step, month) for month in older}
    with datto() as client:
        read = client.devices()
    before = _newest(step)
    reading = _judge(step, read, before)
    stored = read_months(step.connection, TABLE, months)
    parts = [_fresh(reading, _of(stored, month) if month in taken else before, month) for month in fresh]
    parts += [_completed(reading, _of(stored, month), lacking[month], month) for month in older]
    frame = pa.concat_tables(parts)
    problems = [*for_months(reading.problems, fresh), *_still_lacking(reading, lacking)]
    looked_at = [month for month in older if _is_answered(reading, lacking[month])]
    still = {one.month for one in problems}
    ensure_months(step.connection, [TABLE], months)
    with step.connection.transaction():
        changes = step.write({TABLE: frame}, months)[TABLE]
        is_complete = not any(problem.is_blocking for problem in reading.problems)
        record_snapshot(step.connection, TABLE, fresh, taken_at=taken_at, is_complete=is_complete)
        complete_snapshot(
            step.connection, TABLE, [month for month in looked_at if format_month(month) not in still]
        )
    step.record(INTEGRATION, OPERATION, problems, months=[*fresh, *looked_at], is_complete=reading.is_whole)
    return ImportedTable(frame, changes, reading.problems)


def _lacking(step: Step, month: date) -> set[tuple[str, str]]:
    """What a month could not read: entity types and ids of its errors."""
    found = unsettled(step.connection, INTEGRATION, OPERATION, month)
    return {(entity, external_id) for entity, external_id, _ in found}


def _still_lacking(reading: _Reading, lacking: Mapping[date, Set[tuple[str, str]]]) -> list[Problem]:
    """The reading's problems as those of older months, which lack what they lacked and nothing more."""
    return [
        one
        for month, ids in lacking.items()
        for one in in_months((one for one in reading.problems if one.is_blocking), [month])
        if (one.entity_type, one.external_id) in ids
    ]


def _newest(step: Step) -> pa.Table:
    """The devices that were read last; none where none ever were."""
    newest = newest_snapshot(step.connection, TABLE)
    return read_months(step.connection, TABLE, [] if newest is None else [newest])


def _judge(step: Step, read: DevicesRead, before: pa.Table) -> _Reading:
    """What is accepted of a reading, compared with the newest snapshot."""
    # Who ignores "0.1 TB" does not ignore "90 TB".
    unignore_changed_messages(step.connection, read.problems)
    doubts = _doubts(step, read, before)
    emptied, confirmed, losses = _emptied(step, read, before)
    if not emptied and not confirmed and read.devices["backup_bytes"].null_count == read.devices.num_rows > 0:
        losses = [_NO_BACKUP_AT_ALL]
    sites: list[Any] = read.devices["site_uid"].to_pylist()
    accounts = pa.array([read.accounts.get(site) for site in sites], pa.string())
    return _Reading(
        read.devices.append_column("account_number", accounts),
        read.unreadable,
        emptied,
        confirmed,
        [*read.problems, *doubts, *losses],
        read.is_whole and not doubts,
    )


def _doubts(step: Step, read: DevicesRead, before: pa.Table) -> list[Problem]:
    """Where far fewer devices are shown than the newest snapshot has, unless a person confirms it."""
    now = read.devices.num_rows + len(read.unreadable)
    if not is_doubtful(before.num_rows, now):
        return []
    problem = shrunken_list(INTEGRATION, OPERATION, "Datto RMM", "devices", before=before.num_rows, now=now)
    return [] if take_confirmation(step.connection, problem) else [problem]


def _emptied(
    step: Step, read: DevicesRead, before: pa.Table
) -> tuple[dict[str, int], dict[str, int | None], list[Problem]]:
    """By their uid, the bytes that shown devices had before they lost them, and what those have of which a person
    confirms it; and the errors of the others. Most of them at once are one error, of the list.
    """
    rows: list[Any] = emptied_devices(read.devices, before, unreadable=read.unreadable).to_pylist()
    found = {row["uid"]: row for row in rows}
    had = before.filter(pc.field("backup_bytes") > 0).num_rows
    if len(found) >= SHORTEST_DOUBTED and is_doubtful(had, had - len(found)):
        is_empty = all(row["now"] is None for row in rows)
        records = "devices with a backup" if is_empty else "devices with a backup of about the former size"
        problem = shrunken_list(
            INTEGRATION, OPERATION, "Datto RMM", records, before=had, now=had - len(found)
        )
        confirmed = set(found) if take_confirmation(step.connection, problem) else set()
        problems = [] if confirmed else [problem]
    else:
        by_device = {uid: _emptied_device(row) for uid, row in found.items()}
        confirmed = {uid for uid, one in by_device.items() if take_confirmation(step.connection, one)}
        problems = [one for uid, one in by_device.items() if uid not in confirmed]
    retained = {uid: row["bytes"] for uid, row in found.items() if uid not in confirmed}
    return retained, {uid: found[uid]["now"] for uid in confirmed}, problems


def _emptied_device(row: dict[str, Any]) -> Problem:
    value = "is empty" if row["now"] is None else f"says {row['now']:,}"
    return Problem(
        INTEGRATION,
        OPERATION,
        "device",
        _emptied_id(row["uid"]),
        f"Device {row['hostname'] or row['uid']} of site {row['site'] or 'without a name'} had {row['bytes']:,} bytes "
        f"backed up when it was read last, and its user-defined field {value} now, so what was read before is kept: "
        "check the field, its unit and DATTO_BACKUP_UDF; if no more is backed up any more, ignore this error with a note "
        "(`ledger errors list`, `ledger errors ignore`) and run again; that holds in every open month that is read then, "
        "the month before among them, to which a line item can bill what it had.",
        {"uid": row["uid"], "hostname": row["hostname"], "bytes": row["bytes"], "now": row["now"] or 0},
    )


def _fresh(reading: _Reading, former: pa.Table, month: date) -> pa.Table:
    """A month's devices as they are now, with the `former` rows of what is not known now.

    Those are the month's own, or of a month without any the newest snapshot's.
    """
    own = {row["uid"]: row["backup_bytes"] for row in former.to_pylist() if row["uid"] in reading.emptied}
    now: list[Any] = reading.devices.select(["uid", "backup_bytes"]).to_pylist()
    stored = [
        own.get(row["uid"], reading.emptied[row["uid"]])
        if row["uid"] in reading.emptied
        else row["backup_bytes"]
        for row in now
    ]
    current = _in_month(_with_bytes(reading.devices, stored), month)
    retained = former.filter(pc.invert(_is_in(former, current["uid"].to_pylist())))
    if reading.is_whole:
        retained = retained.filter(_is_in(retained, reading.unreadable))
    return pa.concat_tables([current, _in_month(retained, month)])


def _completed(reading: _Reading, own: pa.Table, lacking: Set[tuple[str, str]], month: date) -> pa.Table:
    """An older month's rows as they are, with the devices that it could not read then as they are now.

    Where the list itself was not read whole, those are all that it does not have. What was doubted to be empty is
    so in this month, too, once a person has confirmed it.
    """
    ids = {external_id for _, external_id in lacking}
    is_all = any(entity == ENTITY for entity, _ in lacking)
    gone = {uid: now for uid, now in reading.confirmed.items() if is_all or _emptied_id(uid) in ids}
    had: list[Any] = own.select(["uid", "backup_bytes"]).to_pylist()
    retained = _with_bytes(own, [gone.get(row["uid"], row["backup_bytes"]) for row in had])
    missing = reading.devices.filter(pc.invert(_is_in(reading.devices, own["uid"].to_pylist())))
    filled = missing if is_all else missing.filter(_is_in(missing, ids))
    return pa.concat_tables([_in_month(retained, month), _in_month(filled, month)])


def _is_answered(reading: _Reading, lacking: Set[tuple[str, str]]) -> bool:
    """Whether this reading says of everything that a month lacks what became of it; a device may be gone by now."""
    listed: list[Any] = reading.devices["uid"].to_pylist()
    known = {*listed, *reading.unreadable, *map(_emptied_id, listed)}
    return reading.is_whole and all(entity == ENTITY or found in known for entity, found in lacking)


def _emptied_id(uid: str) -> str:
    return f"{uid} without backup"


def _of(rows: pa.Table, month: date) -> pa.Table:
    return rows.filter(pc.field("month") == pa.scalar(month, pa.date32()))


def _is_in(rows: pa.Table, uids: Iterable[Any]) -> Any:
    return pc.is_in(rows["uid"], pa.array(sorted(uids), pa.string()))


def _with_bytes(rows: pa.Table, stored: Sequence[int | None]) -> pa.Table:
    at = rows.schema.get_field_index("backup_bytes")
    return rows.set_column(at, "backup_bytes", pa.array(stored, pa.int64()))


def _in_month(devices: pa.Table, month: date) -> pa.Table:
    """The rows as those of a month (BACKUP_USAGE)."""
    names = [name for name in BACKUP_USAGE.schema.names if name != "month"]
    months = pa.repeat(pa.scalar(month, pa.date32()), len(devices))
    return devices.select(names).add_column(0, "month", months).cast(BACKUP_USAGE.schema)
