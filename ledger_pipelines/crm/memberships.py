"""Service periods: what 4Geeks' cohort memberships are to the books (rules/accruals.md, Service periods)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import folded
from ledger_pipelines.accruals.inputs import MEMBERSHIPS, PERIODS, STATUS_SIGHTINGS
from ledger_pipelines.accruals.statuses import STATUSES, days_in, normalised, period_statuses, status_dates
from ledger_pipelines.columns import Column, Mask, array, column, fitted, int64s, kept, mask, present
from ledger_pipelines.emails import addresses
from ledger_pipelines.errors import Problem

INTEGRATION, OPERATION, ENTITY = "4geeks", "service-periods", "membership"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ServicePeriods:
    """What memberships are to the books: their service periods (PERIODS, by id), and what is wrong.

    `without_period` are the ids of those that are no periods, by rule; `unusable` of those that would be periods if
    something were not wrong with them. Every membership is in one of the three.
    """

    frame: pa.Table
    without_period: Column
    unusable: Column
    problems: list[Problem]


def service_periods(
    memberships: pa.Table, sightings: pa.Table, *, zone: tzinfo, unpaid: Sequence[str] = ()
) -> ServicePeriods:
    """The service periods of memberships (MEMBERSHIPS, unique ids).

    `sightings` (STATUS_SIGHTINGS, in the order in which they were kept) say since when each has its status. Cohorts
    begin and end on days of the school's `zone`. `unpaid` are patterns of slugs of cohorts that nobody pays for,
    in which `*` stands for any text.

    A membership without a start or an end, or whose end is before its start, is a problem and no period; one with a
    status that nobody knows is a problem and an ACTIVE period. One of a micro cohort, of an unpaid cohort, or beside
    another of the same person in the same cohort is no period. A period of one day is a period. Raises FrameError
    when a column is missing or of a wrong type.
    """
    found = fitted("frame of memberships", memberships, MEMBERSHIPS).sort_by("id")
    known = fitted("frame of sightings", sightings, STATUS_SIGHTINGS)
    is_apart = mask(column(found, "is_of_micro_cohort")) | _matching(column(found, "cohort_slug"), unpaid)
    ids, found = column(found, "id"), kept(found, ~is_apart)
    starts, ends = (days_in(zone, column(found, name)) for name in ("kickoff_at", "ending_at"))
    has_start, has_end = present(starts), present(ends)
    backwards = has_start & has_end & (int64s(ends) < int64s(starts))
    usable = has_start & has_end & ~backwards
    written = normalised(column(found, "educational_status"))
    unknown = present(written) & ~_is_in(written, list(STATUSES))
    problems = [
        *_problems(found, ~has_start, "has no kickoff date: give the cohort one in 4Geeks."),
        *_problems(found, has_start & ~has_end, "has no end date: give the cohort one in 4Geeks."),
        *_problems(found, backwards, "ends before it starts: correct the cohort's dates in 4Geeks."),
        *_problems(
            found,
            usable & unknown,
            "has an educational status that is not known, and counts as ACTIVE: correct it in 4Geeks.",
        ),
    ]
    unusable = column(kept(found, ~usable), "id")
    frame = _periods(found, starts, ends, status_dates(found, known, zone=zone))
    doubles = _doubled(found, frame, usable)
    frame = kept(_with_dates(frame, doubles.dates), usable & ~doubles.is_second)
    among = pa.concat_arrays([column(frame, "id"), unusable])
    others = ids.filter(pc.invert(pc.is_in(ids, value_set=among)))
    return ServicePeriods(frame, others, unusable, problems + doubles.notes)


def _matching(slugs: Column, patterns: Sequence[str]) -> Mask:
    """Where a slug is one that the patterns mean; case does not matter."""
    parts = [".*".join(map(re.escape, pattern.strip().casefold().split("*"))) for pattern in patterns]
    if not parts:
        return np.zeros(len(slugs), dtype=np.bool_)
    wanted = re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL)
    distinct: list[Any] = slugs.unique().drop_null().to_pylist()
    found = [slug for slug in distinct if wanted.fullmatch(slug.strip().casefold())]
    return _is_in(slugs, found)


def _is_in(values: Any, names: Sequence[str]) -> Mask:
    among: Mask = pc.is_in(values, value_set=array(list(names), pa.string())).to_numpy(zero_copy_only=False)
    return among


def _periods(found: pa.Table, starts: Column, ends: Column, changed: Column) -> pa.Table:
    columns = {name: column(found, name) for name in found.column_names} | {
        "email": folded(column(found, "email")),
        "start_date": starts,
        "end_date": ends,
        "status": period_statuses(normalised(column(found, "educational_status"))),
        "status_change_date": changed,
    }
    return pa.Table.from_arrays([columns[name] for name in PERIODS.names], schema=PERIODS)


@dataclass(slots=True)
class _Doubles:
    """Memberships beside another of the same person in the same cohort: where one does not count, notes of them,
    and since when the ones that count have had their status, by their place.
    """

    is_second: Mask
    notes: list[Problem] = field(default_factory=list)
    dates: dict[int, date] = field(default_factory=dict)


def _doubled(found: pa.Table, periods: pa.Table, usable: Mask) -> _Doubles:
    """Which of a person's memberships of one cohort counts.

    The ACTIVE one, of several the one that was made first, so that making another changes nothing; without any the
    one that was made last. They are one, so it has had its status since the first of them had it.
    """
    groups: dict[tuple[Any, Any], list[int]] = defaultdict(list)
    cohorts = column(found, "cohort_id").to_pylist()
    for place, (person, cohort) in enumerate(zip(_people(found), cohorts, strict=True)):
        if person is not None and usable[place]:
            groups[person, cohort].append(place)
    doubles = _Doubles(np.zeros(found.num_rows, dtype=np.bool_))
    for places in groups.values():
        if len(places) > 1:
            _settle(doubles, places, found.take(array(places)), periods.take(array(places)))
    return doubles


def _settle(doubles: _Doubles, places: Sequence[int], found: pa.Table, periods: pa.Table) -> None:
    """Chooses among memberships of one person in one cohort, which stand at these places."""
    rows = [
        {**row, "place": place, "status": period["status"], "changed": period["status_change_date"]}
        for place, row, period in zip(places, found.to_pylist(), periods.to_pylist(), strict=True)
    ]
    active = [row for row in rows if row["status"] == "ACTIVE"]
    chosen = min(active, key=_made) if active else max(rows, key=_made)
    for row in rows:
        if row is not chosen:
            doubles.is_second[row["place"]] = True
            doubles.notes.append(_note(row, chosen))
    if not active:
        alike = [row["changed"] for row in rows if row["status"] == chosen["status"]]
        doubles.dates[chosen["place"]] = min(alike)


def _with_dates(frame: pa.Table, dates: Mapping[int, date]) -> pa.Table:
    """The periods with these status change dates, by their place."""
    if not dates:
        return frame
    changed = column(frame, "status_change_date").to_pylist()
    for place, day in dates.items():
        changed[place] = day
    at = frame.column_names.index("status_change_date")
    return frame.set_column(at, frame.schema.field(at), array(changed, pa.date32()))


def _made(membership: dict[str, Any]) -> tuple[datetime, int]:
    return membership["created_at"] or _LONG_AGO, membership["id"]


def _people(found: pa.Table) -> list[Any]:
    """Who each membership is of: the user, else the e-mail's addresses; None where nobody says."""
    users, emails = column(found, "user_id").to_pylist(), column(found, "email").to_pylist()
    return [
        user if user is not None else (addresses(email) or None)
        for user, email in zip(users, emails, strict=True)
    ]


def _note(second: dict[str, Any], chosen: dict[str, Any]) -> Problem:
    return Problem(
        INTEGRATION,
        OPERATION,
        ENTITY,
        str(second["id"]),
        f"The membership {second['id']} of {_whose(second)} is beside the membership {chosen['id']} of the same person "
        f"in the same cohort, and {chosen['id']} counts: delete the other one in 4Geeks.",
        {name: second[name] for name in ("user_id", "cohort_id", "educational_status", "created_at")},
        is_blocking=False,
    )


def _whose(row: dict[str, Any]) -> str:
    return f"{row['email'] or 'a student without e-mail'} in the cohort {row['cohort_slug'] or row['cohort_name']}"


def _problems(found: pa.Table, where: Mask, what: str) -> list[Problem]:
    rows = found.take(array(np.flatnonzero(where))).to_pylist()
    return [
        Problem(
            INTEGRATION,
            OPERATION,
            ENTITY,
            str(row["id"]),
            f"The membership {row['id']} of {_whose(row)} {what}",
            row,
        )
        for row in rows
    ]
