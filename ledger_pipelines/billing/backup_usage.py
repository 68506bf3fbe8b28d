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

from ledger_pipelines.billing.claims import plain, with_owner
from ledger_pipelines.frames import constant, dtype, is_among, to_arrow, to_pandas, trimmed
from ledger_pipelines.tables.codex import ASSETS

NO_COMPANY, NO_DEVICE, NOT_LISTED, EMPTY = "no company", "no device", "not shown", "empty"
#: Bytes of some of several devices with one name, which are of one kind, or of more than one.
SEVERAL, SEVERAL_KINDS = "several", "several kinds"
_NAME = ["month", "account_number", "called"]
_PLACE = ["called", "at_site"]
_KIND = ("billing_type", "hardware_type", "device_type")
_DEVICE = [*_NAME, "place"]
_FIELDS: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("device", pa.string()),
    pa.field("hostname", pa.string()),
    pa.field("site", pa.string()),
    pa.field("account_number", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("kept", pa.int64()),
    pa.field("reason", pa.string()),
]
#: Backed-up bytes that nobody is billed for, that are not known any more, or that may be another device's, and why; and
#: those that are billed as they were before (`kept`).
UNBILLED_BYTES = pa.schema(_FIELDS)
#: Devices that have lost their bytes: what they had, and what their field says now.
_EMPTIED_FIELDS: list[pa.Field[Any]] = [
    pa.field("uid", pa.string()),
    pa.field("hostname", pa.string()),
    pa.field("site", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("now", pa.int64()),
]
EMPTIED = pa.schema(_EMPTIED_FIELDS)
#: A backup that shrank by more than this factor is not accepted without confirmation.
_MOST_SHRUNKEN = 100


@dataclass(frozen=True, slots=True)
class AssetsWithUsage:
    """Codex's devices (ASSETS) with Datto RMM's bytes, and UNBILLED_BYTES."""

    assets: pa.Table
    unbilled: pa.Table


def with_usage(
    assets: pa.Table,
    usage: pa.Table,
    companies: pa.Table,
    *,
    former: pa.Table | None = None,
    unread: Collection[str] = (),
) -> AssetsWithUsage:
    """The devices of some months with the bytes that the same months' `usage` (BACKUP_USAGE) says.

    `former` (ASSETS) are the same months' devices with the bytes of Datto RMM's that they were billed for before.
    `companies` have account_number and name; of those that are `unread` the devices are not known now, and nothing is
    said of theirs.
    """
    devices = _numbered(to_pandas(assets), name="hostname", by="id")
    rows = with_owner(to_pandas(usage), to_pandas(companies), name="site")
    claimed = rows[rows["owner"].notna()]
    claimed = _numbered(claimed.assign(account_number=claimed["owner"]), name="hostname", by="uid")
    named = claimed[claimed["called"].notna()]
    both = devices.merge(named[[*_DEVICE, "uid", "backup_bytes"]], on=_DEVICE, how="left")
    both = both.assign(former=both["backup_data_bytes"], is_listed=both["uid"].notna())
    both = _with_former(both, ASSETS.schema.empty_table() if former is None else former)
    both = both.assign(
        former=both["former"].where(both["kept"] == 0, both["kept"]),
        backup_data_bytes=both["backup_bytes"].where(both["is_listed"], both["kept"]).fillna(0),
        backup_usage_tb=constant(None, ASSETS.by_name["backup_usage_tb"].kind, both),
    )
    lost = both[both["backup_bytes"].isna() & (both["former"] > 0)]
    lost = lost.assign(uid=lost["id"].astype(dtype(pa.string())), site=constant(None, pa.string(), lost))
    of_some = _of_some(both)
    stranger = rows[rows["owner"].isna() & (rows["backup_bytes"] > 0).fillna(False)]
    left = claimed[~is_among(claimed, both[both["is_listed"]], ["month", "uid"])]
    left = left[(left["backup_bytes"] > 0).fillna(False) & ~left["account_number"].isin(list(unread))]
    unbilled = pd.concat(
        [
            _unbilled(stranger, "uid", "backup_bytes", NO_COMPANY),
            _unbilled(left, "uid", "backup_bytes", NO_DEVICE),
            _unbilled(lost[~lost["is_listed"]], "uid", "former", NOT_LISTED),
            _unbilled(lost[lost["is_listed"]], "uid", "former", EMPTY),
            _unbilled(of_some[~of_some["is_mixed"]], "called", "stored", SEVERAL),
            _unbilled(of_some[of_some["is_mixed"]], "called", "stored", SEVERAL_KINDS),
        ]
    )
    return AssetsWithUsage(to_arrow(both, assets.schema), to_arrow(unbilled, UNBILLED_BYTES))


def _with_former(devices: pd.DataFrame, former: pa.Table) -> pd.DataFrame:
    """The devices with `kept`: the bytes that those had before which are not shown now, 0 for all others."""
    had = _numbered(to_pandas(former), name="hostname", by="id")
    had = had[had["called"].notna()].rename(columns={"backup_data_bytes": "kept"})
    found = devices.merge(had[[*_DEVICE, "kept"]], on=_DEVICE, how="left")
    return found.assign(kept=found["kept"].where(~found["is_listed"]).fillna(0))


def emptied_devices(devices: pa.Table, before: pa.Table, *, unreadable: Collection[str] = ()) -> pa.Table:
    """Shown devices that have lost the bytes that `before` (BACKUP_USAGE of one month) has of them (EMPTIED).

    That is a field that is empty or 0, and one with less than a hundredth of what it was: no backup falls so far by a
    cleanup, but a script does that writes gigabytes where it wrote bytes. A device that was set up anew has another uid:
    it is the one of its name and site that is not shown any more, nor among the `unreadable` uids.
    """
    names = ["uid", "hostname", "site", "backup_bytes"]
    now, was = to_pandas(devices.select(names)), to_pandas(before.select(names))
    now, was = now.rename(columns={"backup_bytes": "now"}), was.rename(columns={"backup_bytes": "bytes"})
    had = was[(was["bytes"] > 0).fillna(False)]
    gone = _by_place(had[~had["uid"].isin([*now["uid"], *unreadable])])
    new = _by_place(now[~now["uid"].isin(was["uid"])])
    gone = gone.sort_values("bytes", ascending=False).drop_duplicates(_PLACE)
    # Of several that are new by one name it is the one with the most.
    new = new.sort_values(["now", "uid"], ascending=[False, True]).drop_duplicates(_PLACE)
    both = pd.concat(
        [now.merge(had[["uid", "bytes"]], on="uid"), new.merge(gone[[*_PLACE, "bytes"]], on=_PLACE)]
    )
    fallen = both["now"].isna() | (both["now"] * _MOST_SHRUNKEN < both["bytes"]).fillna(False)
    return to_arrow(both[fallen].sort_values("uid"), EMPTIED)


def _by_place(devices: pd.DataFrame) -> pd.DataFrame:
    """The devices that have a name, with what it and their site are called."""
    found = devices.assign(called=plain(devices["hostname"]), at_site=plain(devices["site"]).fillna(""))
    return found[found["called"].notna()]


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
    rows = rows if "kept" in rows.columns else rows.assign(kept=constant(0, pa.int64(), rows))
    rows = rows.assign(device=rows[device], bytes=rows[stored], reason=constant(reason, pa.string(), rows))
    return rows[UNBILLED_BYTES.names]
