"""When each membership's status was first seen (rules/accruals.md, Status date).

4Geeks moves `updated_at` with every attendance, so a status has the date that it was first seen with. What is kept
is the educational status, which is what was seen; a period's date is that of the first of its last rows that mean
the same to the books: who was SUSPENDED and then DROPPED has stopped once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import mapped
from ledger_pipelines.accruals.inputs import STATUS_SIGHTINGS
from ledger_pipelines.columns import (
    Column,
    Int64s,
    array,
    column,
    int64s,
    kept,
    mask,
    picked,
    positions,
    take,
)

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


def normalised(written: Column) -> Column:
    """Educational statuses in one spelling; null where there is none."""
    return mapped(written, lambda text: text.strip().upper())


def period_statuses(educational: Column) -> Column:
    """What normalised educational statuses are to the books."""
    known: Any = mapped(educational, lambda text: STATUSES.get(text, "ACTIVE"))
    statuses: Column = known.fill_null("ACTIVE")
    return statuses


def days_in(zone: tzinfo, moments: Column) -> Column:
    """The days on which moments are in a zone; null stays null."""
    encoded: Any = moments.dictionary_encode()
    return array([_day(moment, zone) for moment in encoded.dictionary.to_pylist()], pa.date32()).take(
        encoded.indices
    )


def _day(moment: datetime, zone: tzinfo) -> date:
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        # In the first and the last hours that a calendar has.
        return moment.date()


def new_sightings(memberships: pa.Table, known: pa.Table, *, zone: tzinfo, seen_at: datetime) -> pa.Table:
    """What is to be remembered of a reading of memberships (MEMBERSHIPS) that began at `seen_at`.

    STATUS_SIGHTINGS, a row for each membership that is seen with another status than `known` (STATUS_SIGHTINGS, in
    the order in which they were kept) says last, or for the first time. An answer older than what is known already,
    by `updated_at` or because its reading began earlier, says nothing: two runs may overtake each other.
    """
    ids, written = column(memberships, "id"), normalised(column(memberships, "educational_status"))
    last = picked(known, _last_rows(known))
    at = positions(ids, column(last, "membership_id"))
    updated: Any = column(memberships, "updated_at")
    is_other = _codes(written) != _codes(take(column(last, "educational_status"), at))
    is_stale = mask(pc.less(updated, take(column(last, "updated_at"), at))) | mask(
        pc.greater(take(column(last, "first_seen_at"), at), pa.scalar(seen_at, pa.timestamp("us", "UTC")))
    )
    is_new = (at < 0) | (is_other & ~is_stale)
    found = kept(memberships.append_column("status", written), is_new)
    changed = column(found, "updated_at")
    columns = [
        column(found, "id"),
        column(found, "user_id"),
        column(found, "email"),
        column(found, "status"),
        changed,
        days_in(zone, changed),
        pa.repeat(pa.scalar(seen_at, pa.timestamp("us", "UTC")), found.num_rows),
    ]
    return pa.Table.from_arrays(columns, schema=STATUS_SIGHTINGS)


def status_dates(memberships: pa.Table, known: pa.Table, *, zone: tzinfo) -> Column:
    """The day since when each membership (MEMBERSHIPS) has had its status; null for one that is ACTIVE.

    `known` as for `new_sightings`, this reading's among them. Of a status that an older answer shows, which is not
    remembered, it is the day of `updated_at`.
    """
    statuses = period_statuses(normalised(column(memberships, "educational_status")))
    meanings = period_statuses(column(known, "educational_status"))
    last = _last_rows(known)
    begun = _first_of_runs(int64s(column(known, "membership_id")), _codes(meanings))[last]
    at = positions(column(memberships, "id"), column(known, "membership_id").take(array(last)))
    is_known = mask(pc.equal(statuses, take(meanings.take(array(last)), at)))
    remembered = take(column(known, "status_date").take(array(begun)), at)
    days: Any = pc.if_else(array(is_known), remembered, days_in(zone, column(memberships, "updated_at")))
    dates: Column = pc.if_else(pc.equal(statuses, pa.scalar("ACTIVE")), pa.scalar(None, pa.date32()), days)
    return dates


def _codes(texts: Column) -> Any:
    """Texts to be compared one by one, null being a value like others."""
    return texts.fill_null("").to_numpy(zero_copy_only=False)


def _last_rows(known: pa.Table) -> Int64s:
    """The row of each membership that was kept last."""
    ids = int64s(column(known, "membership_id"))
    _, from_the_end = np.unique(ids[::-1], return_index=True)
    rows: Int64s = ids.size - 1 - from_the_end
    return rows


def _first_of_runs(ids: Int64s, values: Any) -> Int64s:
    """For each row the first of those of its id that follow each other up to it with the same value."""
    order = np.argsort(ids, kind="stable")
    begins = np.ones(ids.size, dtype=np.bool_)
    begins[1:] = (ids[order][1:] != ids[order][:-1]) | (values[order][1:] != values[order][:-1])
    starts = np.maximum.accumulate(np.where(begins, np.arange(ids.size), 0)) if ids.size else order
    first = np.empty(ids.size, dtype=np.int64)
    first[order] = order[starts]
    return first
