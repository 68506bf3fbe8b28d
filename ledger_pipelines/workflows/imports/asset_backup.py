"""The devices' backed-up bytes from Datto RMM, in place of Codex's (rules/billing.md, Backup)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.backup_usage import (
    EMPTY,
    NO_COMPANY,
    NO_DEVICE,
    NOT_LISTED,
    SEVERAL,
    SEVERAL_KINDS,
    with_usage,
)
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import unsettled, without_ignored
from ledger_pipelines.store.snapshots import newest_snapshot, read_gaps, read_snapshots, require_read
from ledger_pipelines.tables.codex import ASSETS
from ledger_pipelines.workflows.step import Step

_TERABYTE = 2**40
#: The operation of Datto's errors about bytes that nobody is billed for.
UNBILLED = "devices"


def with_backup(
    step: Step, assets: pa.Table, companies: pa.Table, months: Sequence[date], unread: Collection[str]
) -> pa.Table:
    """The devices of these months with Datto RMM's bytes; names bytes that nobody is billed for.

    `unread` are companies whose devices Codex could not show. Raises LedgerError where a month's usage was never read.
    """
    require_read(step.connection, "backup_usage", "Datto RMM", months)
    usage = read_months(step.connection, "backup_usage", months)
    found = with_usage(assets, usage, companies, former=_former(step, months), unread=unread)
    problems = [_unbilled(row) for row in found.unbilled.to_pylist()]
    retained = [one for one in problems if one.details["kept"]]
    open_ids = {one.external_id for one in without_ignored(step.connection, retained)}
    # Of the others a person says that they are gone indeed.
    gone = {_device_of(one.details): 0 for one in retained if one.external_id not in open_ids}
    step.record("datto", UNBILLED, problems, months=months)
    return _with_bytes(found.assets, gone)


def _former(step: Step, months: Sequence[date]) -> pa.Table:
    """The devices that these months have with bytes of Datto RMM's; of a month without any those that were read last."""
    taken = {one.month for one in read_snapshots(step.connection, months) if one.table_name == "assets"}
    newest = newest_snapshot(step.connection, "assets")
    parts = [ASSETS.schema.empty_table()]
    for month in months:
        source = month if month in taken else newest
        if source is not None:
            rows = read_months(step.connection, "assets", [source], ASSETS.schema.names)
            # Where the bytes are Codex's, it says them as terabytes, too.
            rows = rows.filter((pc.field("backup_data_bytes") > 0) & pc.field("backup_usage_tb").is_null())
            own = pa.repeat(pa.scalar(month, pa.date32()), rows.num_rows)
            parts.append(rows.set_column(0, ASSETS.schema.field("month"), own).cast(ASSETS.schema))
    return pa.concat_tables(parts)


def with_backup_read_since(step: Step, months: Sequence[date]) -> pa.Table:
    """The devices of older open months that keep their snapshot, with what could be read since of their backup usage.

    Only months whose devices have Datto RMM's bytes already: others keep Codex's. Codex's bytes are not kept beside
    Datto's; of devices that are billed none the errors have them.
    """
    taken = {(one.table_name, one.month): one.snapshot_at for one in read_snapshots(step.connection, months)}
    parts = [ASSETS.schema.empty_table()]
    for month in months:
        usage, devices = taken.get(("backup_usage", month)), taken.get(("assets", month))
        if usage is not None and devices is not None and usage <= devices:
            companies = read_months(step.connection, "companies", [month], ["account_number", "name"])
            gaps = read_gaps(step.connection, [month]).filter(pc.field("table_name") == "assets")
            unread: list[Any] = gaps["account_number"].to_pylist()
            parts.append(with_backup(step, _of_codex(step, month), companies, [month], unread))
    return pa.concat_tables(parts)


def _of_codex(step: Step, month: date) -> pa.Table:
    """A month's devices with Codex's bytes of those that lost them when Datto RMM's took their place."""
    assets = read_months(step.connection, "assets", [month])
    lost = {
        _device_of({**details, "month": format_month(month)}): details["bytes"]
        for _, _, details in unsettled(step.connection, "datto", UNBILLED, month)
        if details.get("reason") in {NOT_LISTED, EMPTY}
    }
    none = pa.repeat(pa.scalar(0, pa.int64()), assets.num_rows)
    at = assets.schema.get_field_index("backup_data_bytes")
    assets = assets.set_column(at, assets.schema.field(at), none.cast(assets.schema.field(at).type))
    return _with_bytes(assets.cast(ASSETS.schema), lost)


def _device_of(details: Mapping[str, Any]) -> tuple[str, str, str]:
    """Month, company and id of the device of Codex's that an error names."""
    return str(details["month"]), str(details["account_number"]), str(details["device"])


def _with_bytes(assets: pa.Table, stored: Mapping[tuple[str, str, str], int]) -> pa.Table:
    """The devices (ASSETS), some of them with other bytes."""
    if not stored:
        return assets
    rows: list[Any] = assets.select(["month", "account_number", "id", "backup_data_bytes"]).to_pylist()
    found = [
        stored.get(
            (format_month(row["month"]), row["account_number"], str(row["id"])), row["backup_data_bytes"]
        )
        for row in rows
    ]
    at = assets.schema.get_field_index("backup_data_bytes")
    field = assets.schema.field(at)
    return assets.set_column(at, field, pa.array(found, field.type))


def _unbilled(row: dict[str, Any]) -> Problem:
    month = format_month(row["month"])
    name = f"Device {row['hostname'] or row['device']}"
    stored = f"{row['bytes']:,} bytes"
    if row["reason"] == NO_COMPANY:
        account = f" and the account_number {row['account_number']!r}" if row["account_number"] else ""
        message = (
            f"{name} of the site {row['site'] or 'without a name'!r}{account} has {stored} backed up in {month}, and no "
            "company of Codex is it, so that nobody is billed for them: give the site its company's name, or the "
            "variable account_number, in Datto RMM, or ignore this if they are nobody's."
        )
    elif row["reason"] == NO_DEVICE:
        message = (
            f"{name} of company {row['account_number']} has {stored} backed up in {month}, and Codex has no device "
            "of that name there, so that nobody is billed for them: sync Codex with Datto RMM, or ignore this."
        )
    elif row["reason"] in {SEVERAL, SEVERAL_KINDS}:
        message = (
            f"Company {row['account_number']} has several devices called {row['hostname']} in Codex, and Datto RMM has a "
            f"backup of some, {stored} in {month}, which those that were seen last are billed for: give each device its "
            "own name, or ignore this if that is right."
        )
    elif row["reason"] == EMPTY:
        message = (
            f"{name} of company {row['account_number']} has {stored} backed up by Codex, and its user-defined field in "
            f"Datto RMM is empty, so that it is billed none in {month}: check DATTO_BACKUP_UDF and the field, or ignore "
            "this if nothing is backed up any more."
        )
    elif row["kept"]:
        message = (
            f"{name} of company {row['account_number']} had {stored} backed up when it was read last, and Datto RMM does "
            f"not show it any more, while Codex has it, so that it is billed in {month} as it was: look for it in Datto "
            "RMM, or ignore this with a note and run again if it is gone."
        )
    else:
        message = (
            f"{name} of company {row['account_number']} has {stored} backed up by Codex, and Datto RMM does not show it, "
            f"so that it is billed none in {month}: look for it in Datto RMM, or ignore this if it is gone."
        )
    # Who ignores this ignores it in this month, and as many terabytes as were begun: bytes grow a little every day.
    most = -(-row["bytes"] // _TERABYTE)
    external_id = (
        f"{row['account_number'] or '-'}/{row['device']} {row['reason']} in {month} up to {most:,} TB"
    )
    # Which of several alike it is changes nothing that is billed.
    is_blocking = row["reason"] != SEVERAL
    return Problem(
        "datto", UNBILLED, "device", external_id, message, {**row, "month": month}, month, is_blocking
    )
