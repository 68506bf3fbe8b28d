"""Service periods: what 4Geeks' cohort memberships are to the books (rules/accruals.md, Service periods)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
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
    is_second, doubles = _second_ones(found, column(frame, "status"), usable)
    frame = kept(frame, usable & ~is_second)
    among = pa.concat_arrays([column(frame, "id"), unusable])
    others = ids.filter(pc.invert(pc.is_in(ids, value_set=among)))
    return ServicePeriods(frame, others, unusable, problems + doubles)


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


def _second_ones(found: pa.Table, statuses: Column, usable: Mask) -> tuple[Mask, list[Problem]]:
    """Where a membership is beside another of the same person in the same cohort, which counts; and notes of it.

    The ACTIVE one counts, of several the one that was made first, so that making another changes nothing; without
    any the one that was made last.
    """
    groups: dict[tuple[Any, Any], list[dict[str, Any]]] = defaultdict(list)
    people = _people(found)
    for place, (person, cohort) in enumerate(
        zip(people, column(found, "cohort_id").to_pylist(), strict=True)
    ):
        if person is not None and usable[place]:
            groups[person, cohort].append({"place": place})
    is_second: Mask = np.zeros(found.num_rows, dtype=np.bool_)
    notes = []
    for group in groups.values():
        if len(group) == 1:
            continue
        rows = found.take(array([one["place"] for one in group])).to_pylist()
        for one, row in zip(group, rows, strict=True):
            one |= {**row, "made": (row["created_at"] or _LONG_AGO, row["id"])}
        active = [one for one in group if statuses[one["place"]].as_py() == "ACTIVE"]
        chosen = min(active, key=_made) if active else max(group, key=_made)
        for one in group:
            if one is not chosen:
                is_second[one["place"]] = True
                notes.append(_note(one, chosen))
    return is_second, notes


def _made(membership: dict[str, Any]) -> Any:
    return membership["made"]


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
