"""Service periods: what 4Geeks' cohort memberships are to the books (rules/accruals.md, Service periods)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import folded, mapped
from ledger_pipelines.accruals.inputs import MEMBERSHIPS, PERIODS
from ledger_pipelines.columns import Column, array, column, fitted, int64s, kept, present
from ledger_pipelines.errors import Problem

INTEGRATION, OPERATION, ENTITY = "4geeks", "service-periods", "membership"

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


def service_periods(memberships: pa.Table) -> tuple[pa.Table, list[Problem]]:
    """The service periods (PERIODS, by id) of memberships (MEMBERSHIPS, unique ids), and what is wrong.

    A membership without a start or an end, or whose end is before its start, is a problem and no period; one
    with a status that nobody knows is a problem and an ACTIVE period. A period of one day is a period. The
    day on which a status that is not ACTIVE was reached is the date (UTC) of `updated_at`. Raises FrameError
    when a column is missing or of a wrong type.
    """
    found = fitted("frame of memberships", memberships, MEMBERSHIPS).sort_by("id")
    starts, ends = column(found, "kickoff_date"), column(found, "ending_date")
    has_start, has_end = present(starts), present(ends)
    backwards = has_start & has_end & (int64s(ends) < int64s(starts))
    written: Any = mapped(column(found, "educational_status"), lambda text: text.strip().upper())
    unknown = present(written) & ~_is_in(written, list(STATUSES))
    usable = has_start & has_end & ~backwards
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
    return _periods(kept(found, usable), kept(pa.table({"status": written}), usable)), problems


def _is_in(values: Any, names: Sequence[str]) -> Any:
    return pc.is_in(values, value_set=array(list(names), pa.string())).to_numpy(zero_copy_only=False)


def _periods(found: pa.Table, written: pa.Table) -> pa.Table:
    statuses: Column = mapped(column(written, "status"), lambda text: STATUSES.get(text, "ACTIVE")).fill_null(
        "ACTIVE"
    )
    updated: Any = column(found, "updated_at")
    changed = pc.if_else(
        pc.equal(statuses, pa.scalar("ACTIVE")), pa.scalar(None, pa.date32()), updated.cast(pa.date32())
    )
    columns = {name: column(found, name) for name in found.column_names} | {
        "email": folded(column(found, "email")),
        "start_date": column(found, "kickoff_date"),
        "end_date": column(found, "ending_date"),
        "status": statuses,
        "status_change_date": changed,
    }
    return pa.Table.from_arrays([columns[name] for name in PERIODS.names], schema=PERIODS)


def _problems(found: pa.Table, where: Any, what: str) -> list[Problem]:
    rows = found.take(array(np.flatnonzero(where))).to_pylist()
    return [
        Problem(
            INTEGRATION,
            OPERATION,
            ENTITY,
            str(row["id"]),
            f"The membership {row['id']} of {row['email'] or 'a student without e-mail'} in the cohort "
            f"{row['cohort_slug'] or row['cohort_name']} {what}",
            row,
        )
        for row in rows
    ]
