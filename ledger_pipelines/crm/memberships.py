"""Service periods: what 4Geeks' cohort memberships are to the books (rules/accruals.md, Service periods)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.crm.inputs import MEMBERSHIPS, PERIODS, STATUS_SIGHTINGS
from ledger_pipelines.crm.statuses import STATUSES, days_in, normalised, period_statuses, status_dates
from ledger_pipelines.emails import addresses
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, fitted, mapped, to_arrow, to_pandas, values_of

INTEGRATION, OPERATION, ENTITY = "4geeks", "service-periods", "membership"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ServicePeriods:
    """What memberships are to the books: their service periods (PERIODS, by id), and what is wrong.

    `without_period` are the ids of those that are no periods, by rule; `unusable` of those that would be periods if
    something were not wrong with them. Every membership is in one of the three.
    """

    frame: pa.Table
    without_period: pa.Array[Any]
    unusable: pa.Array[Any]
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
    found = to_pandas(fitted("frame of memberships", memberships, MEMBERSHIPS).sort_by("id"))
    known = fitted("frame of sightings", sightings, STATUS_SIGHTINGS)
    every_id = found["id"]
    found = found[~found["is_of_micro_cohort"].fillna(False) & ~_matches(found["cohort_slug"], unpaid)]
    status = normalised(found["educational_status"])
    found = found.assign(
        start_date=days_in(zone, found["kickoff_at"]),
        end_date=days_in(zone, found["ending_at"]),
        status=period_statuses(status),
        status_change_date=status_dates(found, known, zone=zone),
    )
    has_start, has_end = found["start_date"].notna(), found["end_date"].notna()
    backwards = (found["end_date"] < found["start_date"]).fillna(False)
    usable = has_start & has_end & ~backwards
    is_unknown = status.notna() & ~status.isin(list(STATUSES))
    problems = [
        *_problems(found[~has_start], "has no kickoff date: give the cohort one in 4Geeks."),
        *_problems(found[has_start & ~has_end], "has no end date: give the cohort one in 4Geeks."),
        *_problems(found[backwards], "ends before it starts: correct the cohort's dates in 4Geeks."),
        *_problems(
            found[usable & is_unknown],
            "has an educational status that is not known, and counts as ACTIVE: correct it in 4Geeks.",
        ),
    ]
    unusable = found.loc[~usable, "id"]
    doubles = _find_doubles(found[usable])
    periods = found[usable & ~found["id"].isin(doubles.ids)]
    periods = periods.assign(
        email=mapped(periods["email"], lambda text: (text or "").strip().casefold() or None, pa.string()),
        status_change_date=mapped(periods["id"], doubles.dates.get, pa.date32()).fillna(
            periods["status_change_date"]
        ),
    )
    others = every_id[~every_id.isin(periods["id"]) & ~every_id.isin(unusable)]
    ids, unusable_ids = (values_of(one).combine_chunks() for one in (others, unusable))
    return ServicePeriods(to_arrow(periods, PERIODS), ids, unusable_ids, problems + doubles.notes)


def _matches(slugs: Series, patterns: Sequence[str]) -> Series:
    """Where a slug is one that the patterns mean; case does not matter."""
    parts = [".*".join(map(re.escape, pattern.strip().casefold().split("*"))) for pattern in patterns]
    # Without a pattern, what no text is.
    wanted = re.compile("|".join(f"(?:{part})" for part in parts) or r"\b\B", re.DOTALL)
    return mapped(
        slugs,
        lambda slug: slug is not None and wanted.fullmatch(slug.strip().casefold()) is not None,
        pa.bool_(),
    )


@dataclass(slots=True)
class _Doubles:
    """Memberships beside another of the same person in the same cohort: the ids of those that do not count, notes of
    them, and since when the ones that count have had their status, by id.
    """

    ids: list[int] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    dates: dict[int, date] = field(default_factory=dict)


def _find_doubles(found: pd.DataFrame) -> _Doubles:
    """Which of a person's memberships of one cohort counts.

    The ACTIVE one, of several the one that was made first, so that making another changes nothing; without any the
    one that was made last. They are one, so it has had its status since the first of them had it.
    """
    groups: dict[tuple[Any, Any], list[dict[str, Any]]] = defaultdict(list)
    names = ("id", "cohort_id", "user_id", "email", "cohort_slug", "cohort_name", "educational_status")
    schema = pa.schema(
        [
            *map(MEMBERSHIPS.field, (*names, "created_at")),
            *map(PERIODS.field, ("status", "status_change_date")),
        ]
    )
    for row in to_arrow(found, schema).to_pylist():
        # Who it is of: the user, else the e-mail's addresses; nobody where neither says so.
        person = row["user_id"] if row["user_id"] is not None else addresses(row["email"])
        if person != ():
            groups[person, row["cohort_id"]].append(row)
    doubles = _Doubles()
    for rows in groups.values():
        if len(rows) > 1:
            _settle(doubles, rows)
    return doubles


def _settle(doubles: _Doubles, rows: Sequence[dict[str, Any]]) -> None:
    """Chooses among memberships of one person in one cohort."""
    active = [row for row in rows if row["status"] == "ACTIVE"]
    chosen = min(active, key=_made) if active else max(rows, key=_made)
    for row in rows:
        if row is not chosen:
            doubles.ids.append(row["id"])
            doubles.notes.append(_note(row, chosen))
    if not active:
        alike = [row["status_change_date"] for row in rows if row["status"] == chosen["status"]]
        doubles.dates[chosen["id"]] = min(alike)


def _made(membership: dict[str, Any]) -> tuple[datetime, int]:
    return membership["created_at"] or _LONG_AGO, membership["id"]


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


def _problems(found: pd.DataFrame, message: str) -> list[Problem]:
    return [
        Problem(
            INTEGRATION,
            OPERATION,
            ENTITY,
            str(row["id"]),
            f"The membership {row['id']} of {_whose(row)} {message}",
            row,
        )
        for row in to_arrow(found, MEMBERSHIPS).to_pylist()
    ]
