"""Datto RMM's backed-up bytes as those of Codex's devices (rules/billing.md, Backup).

Left open by the rule and decided here: a device is the same in both where its company and its name are, whatever the
case; of several with one name in a company those that were seen last are the same, and so on, and they are named where
that decides which of Codex's devices have a backup. Bytes of a device that Codex does not have, or of a site that no
company is, are billed to nobody and are named; so is a device of which Codex shows a backup, and Datto RMM does not show
the device at all, or its field is empty.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.claims import plain, with_owner
from ledger_pipelines.frames import constant, dtype, is_among, to_arrow, to_pandas, trimmed
from ledger_pipelines.tables.codex import ASSETS

NO_COMPANY, NO_DEVICE, NOT_SHOWN, EMPTY = "no company", "no device", "not shown", "empty"
#: Bytes of some of several devices with one name, which are of one kind, or of more than one.
SEVERAL, SEVERAL_KINDS = "several", "several kinds"
_NAME = ["month", "account_number", "called"]
_KIND = ("billing_type", "hardware_type", "device_type")
_DEVICE = [*_NAME, "place"]
_FIELDS: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("device", pa.string()),
    pa.field("hostname", pa.string()),
    pa.field("site", pa.string()),
    pa.field("account_number", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("reason", pa.string()),
]
#: Backed-up bytes that nobody is billed for, that are not known any more, or that may be another device's, and why.
UNBILLED_BYTES = pa.schema(_FIELDS)


@dataclass(frozen=True, slots=True)
class AssetsWithUsage:
    """Codex's devices (ASSETS) with Datto RMM's bytes, and UNBILLED_BYTES."""

    assets: pa.Table
    unbilled: pa.Table


def with_usage(
    assets: pa.Table, usage: pa.Table, companies: pa.Table, *, unread: Collection[str] = ()
) -> AssetsWithUsage:
    """The devices of some months with the bytes that the same months' `usage` (BACKUP_USAGE) says.

    `companies` have account_number and name; of those that are `unread` the devices are not known now, and nothing is
    said of theirs.
    """
    devices = _numbered(to_pandas(assets), name="hostname", by="id")
    rows = with_owner(to_pandas(usage), to_pandas(companies), name="site")
    claimed = rows[rows["owner"].notna()]
    claimed = _numbered(claimed.assign(account_number=claimed["owner"]), name="hostname", by="uid")
    named = claimed[claimed["called"].notna()]
    both = devices.merge(named[[*_DEVICE, "uid", "backup_bytes"]], on=_DEVICE, how="left")
    both = both.assign(former=both["backup_data_bytes"], is_shown=both["uid"].notna())
    both = both.assign(
        backup_data_bytes=both["backup_bytes"].fillna(0),
        backup_usage_tb=constant(None, ASSETS.by_name["backup_usage_tb"].kind, both),
    )
    lost = both[both["backup_bytes"].isna() & (both["former"] > 0)]
    lost = lost.assign(uid=lost["id"].astype(dtype(pa.string())), site=constant(None, pa.string(), lost))
    of_some = _of_some(both)
    stranger = rows[rows["owner"].isna() & (rows["backup_bytes"] > 0).fillna(False)]
    left = claimed[~is_among(claimed, both[both["is_shown"]], ["month", "uid"])]
    left = left[(left["backup_bytes"] > 0).fillna(False) & ~left["account_number"].isin(list(unread))]
    unbilled = pd.concat(
        [
            _unbilled(stranger, "uid", "backup_bytes", NO_COMPANY),
            _unbilled(left, "uid", "backup_bytes", NO_DEVICE),
            _unbilled(lost[~lost["is_shown"]], "uid", "former", NOT_SHOWN),
            _unbilled(lost[lost["is_shown"]], "uid", "former", EMPTY),
            _unbilled(of_some[~of_some["is_mixed"]], "called", "stored", SEVERAL),
            _unbilled(of_some[of_some["is_mixed"]], "called", "stored", SEVERAL_KINDS),
        ]
    )
    return AssetsWithUsage(to_arrow(both, assets.schema), to_arrow(unbilled, UNBILLED_BYTES))


def emptied_devices(devices: pa.Table, before: pa.Table) -> pa.Table:
    """Shown devices (uid, hostname, site, backup_bytes) without bytes, of which `before` (BACKUP_USAGE of one month) has
    some: uid, hostname, site and those `bytes`.
    """
    had = (
        before.filter(pc.field("backup_bytes") > 0)
        .select(["uid", "backup_bytes"])
        .rename_columns(["uid", "bytes"])
    )
    empty = devices.filter(pc.is_null(devices["backup_bytes"])).select(["uid", "hostname", "site"])
    return empty.join(had, "uid", join_type="inner").sort_by("uid")


def _numbered(rows: pd.DataFrame, *, name: str, by: str) -> pd.DataFrame:
    """The rows with `called`, by which two systems know a device, and its `place` among those that are called so.

    The device that was seen last is the first: one that was replaced keeps its name, and what was backed up of it.
    """
    rows = rows.assign(called=plain(rows[name]))
    rows = rows.sort_values(["month", "account_number", "last_seen", by], ascending=[True, True, False, True])
    return rows.assign(place=rows.groupby(_NAME, dropna=False).cumcount())


def _of_some(devices: pd.DataFrame) -> pd.DataFrame:
    """Names that several devices of a company in Codex have, of which some have bytes and some have none.

    With hostname, site, the `stored` bytes, and whether they are of several types by what Codex says (`is_mixed`).
    """
    alike = devices[devices["called"].notna() & devices.duplicated(_NAME, keep=False)]
    kind = alike["id"].astype(dtype(pa.string())).str.slice(0, 0)
    for name in _KIND:
        kind = kind + "/" + trimmed(alike[name]).str.lower().fillna("")
    alike = alike.assign(kind=kind, is_stored=alike["backup_data_bytes"] > 0)
    found = alike.groupby(_NAME, as_index=False).agg(
        hostname=("hostname", "first"),
        stored=("backup_data_bytes", "sum"),
        some=("is_stored", "any"),
        every=("is_stored", "all"),
    )
    kinds = alike.drop_duplicates([*_NAME, "kind"])
    found = found.assign(
        is_mixed=is_among(found, kinds[kinds.duplicated(_NAME)], _NAME),
        site=constant(None, pa.string(), found),
    )
    return found[found["some"] & ~found["every"]]


def _unbilled(rows: pd.DataFrame, device: str, stored: str, reason: str) -> pd.DataFrame:
    return rows.assign(device=rows[device], bytes=rows[stored], reason=constant(reason, pa.string(), rows))[
        UNBILLED_BYTES.names
    ]
