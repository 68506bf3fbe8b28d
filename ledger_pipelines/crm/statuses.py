"""When each membership's status was first seen (rules/accruals.md, Status date).

4Geeks moves `updated_at` with every attendance, so a status has the date that it was first seen with. What is kept
is the educational status, which is what was seen; a period's date is that of the first of its last rows that mean
the same to the books: who was SUSPENDED and then DROPPED has stopped once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from types import MappingProxyType

import pandas as pd
import pyarrow as pa

from ledger_pipelines.closing.differences import differs
from ledger_pipelines.crm.inputs import INSTANT, STATUS_SIGHTINGS
from ledger_pipelines.frames import Series, constant, mapped, to_arrow, to_pandas

#: What each educational status is to the books; null and one that is not here is ACTIVE.
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "ACTIVE": "ACTIVE",
        "POSTPONED": "POSTPONED",
        "DROPPED": "DROPPED",
        "SUSPENDED": "DROPPED",
        "GRADUATED": "ENDED",
        "NOT_COMPLETING": "ENDED",
    }
)


def normalised(written: Series) -> Series:
    """Educational statuses in one spelling; null where there is none."""
    return mapped(written, lambda text: (text or "").strip().upper() or None, pa.string())


def period_statuses(educational: Series) -> Series:
    """What normalised educational statuses are to the books."""
    return mapped(educational, lambda text: STATUSES.get(text or "", "ACTIVE"), pa.string())


def days_in(zone: tzinfo, moments: Series) -> Series:
    """The days on which moments are in a zone; null stays null."""

    def day(moment: datetime | None) -> date | None:
        try:
            return moment and moment.astimezone(zone).date()
        except OverflowError:
            # In the first and the last hours that a calendar has.
            return moment and moment.date()

    return mapped(moments, day, pa.date32())


def new_sightings(memberships: pa.Table, known: pa.Table, *, zone: tzinfo, seen_at: datetime) -> pa.Table:
    """What is to be remembered of a reading of memberships (MEMBERSHIPS) that began at `seen_at`.

    STATUS_SIGHTINGS, a row for each membership that is seen with another status than `known` (STATUS_SIGHTINGS, in
    the order in which they were kept) says last, or for the first time. An answer older than what is known already,
    by `updated_at` or because its reading began earlier, says nothing: two runs may overtake each other.
    """
    found = to_pandas(memberships)
    found = found.assign(
        membership_id=found["id"], educational_status=normalised(found["educational_status"])
    )
    last = to_pandas(known).drop_duplicates("membership_id", keep="last")
    last = found[["id"]].merge(last, how="left", left_on="id", right_on="membership_id")
    is_other = differs(found["educational_status"], last["educational_status"])
    is_stale = (found["updated_at"] < last["updated_at"]) | (last["first_seen_at"] > seen_at)
    rows = found[last["membership_id"].isna() | (is_other & ~is_stale.fillna(False))]
    rows = rows.assign(
        status_date=days_in(zone, rows["updated_at"]), first_seen_at=constant(seen_at, INSTANT, rows)
    )
    return to_arrow(rows, STATUS_SIGHTINGS)


def status_dates(memberships: pd.DataFrame, known: pa.Table, *, zone: tzinfo) -> Series:
    """The day since when each membership (MEMBERSHIPS) has had its status; null for one that is ACTIVE.

    `known` as for `new_sightings`, this reading's among them. Of a status that an older answer shows, which is not
    remembered, it is the day of `updated_at`.
    """
    status = period_statuses(normalised(memberships["educational_status"]))
    seen = to_pandas(known).sort_values("membership_id", kind="stable")
    seen = seen.assign(status=period_statuses(seen["educational_status"]))
    begins = [differs(seen[name], seen[name].shift()) for name in ("membership_id", "status")]
    begun = seen[begins[0] | begins[1]].drop_duplicates("membership_id", keep="last")
    last = memberships[["id"]].merge(begun, how="left", left_on="id", right_on="membership_id")
    last.index = memberships.index
    is_known = (last["status"] == status).fillna(False)
    dates = last["status_date"].where(is_known, days_in(zone, memberships["updated_at"]))
    return dates.mask(status == "ACTIVE")
