"""Writing the service periods of the months, and what was seen of the memberships behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import column
from ledger_pipelines.crm.memberships import service_periods
from ledger_pipelines.crm.statuses import new_sightings
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.service_periods import Memberships, month_periods, present_periods
from ledger_pipelines.sources.records.lists import ListReading
from ledger_pipelines.store.copy import read_table
from ledger_pipelines.store.memberships import (
    add_sightings,
    list_unpaid_cohorts,
    lock_sightings,
    read_sightings,
)
from ledger_pipelines.store.queries.enrolled import keep_enrolled
from ledger_pipelines.store.snapshots import read_times, record_snapshot
from ledger_pipelines.workflows.imports.lists import SourceList, Trust, judge, keys_of
from ledger_pipelines.workflows.imports.state import written_together
from ledger_pipelines.workflows.step import Changes, Step

MEMBERSHIPS = SourceList("4geeks", "service-periods", "memberships", "4Geeks")


@dataclass(frozen=True, slots=True)
class Written:
    """The months' service periods as they were written, the changes, how many periods there are, what is wrong."""

    frame: pa.Table
    changes: Changes
    periods: int
    problems: list[Problem]
    trust: Trust


def write_periods(step: Step, reading: ListReading, *, zone: tzinfo, read_at: datetime) -> Written:
    """Replaces the months' service periods, and keeps what was seen: statuses, who is enrolled, the list's size.

    `read_at` is when the reading began.
    """
    connection = step.connection
    with written_together(step, "enrollments"):
        rows = read_table(connection, "enrollments")
        times = read_times(connection, "enrollments")
        ids = column(reading.frame, "id")
        trust = judge(
            connection,
            MEMBERSHIPS,
            reading,
            known=present_periods(rows, times).num_rows,
            keys=keys_of(reading.frame, "id"),
            read_at=read_at,
        )
        lock_sightings(connection)
        known = read_sightings(connection)
        seen = new_sightings(reading.frame, known, zone=zone, seen_at=read_at)
        add_sightings(connection, seen)
        found = service_periods(
            reading.frame,
            pa.concat_tables([known, seen.cast(known.schema)]),
            zone=zone,
            unpaid=[cohort.pattern for cohort in list_unpaid_cohorts(connection)],
        )
        made = reading.frame["created_at"].take(pc.index_in(column(found.frame, "id"), value_set=ids))
        unreadable = [int(one.external_id) for one in reading.problems if one.external_id.isdecimal()]
        unreadable = sorted(set(unreadable).difference(ids.to_pylist()))
        memberships = Memberships(
            found.frame.append_column("created_at", made),
            found.without_period,
            pa.concat_arrays([found.unusable, pa.array(unreadable, pa.int64())]),
            trust.is_complete,
        )
        frame = month_periods(memberships, rows, months=step.months, closed=step.closed, read_at=times)
        changes = step.write({"enrollments": frame}, step.months)["enrollments"]
        keep_enrolled(connection, reading.frame, is_complete=trust.is_complete)
        # A closed month keeps its rows, and so when they were read; one that never was is read now.
        now_read = [month for month in step.months if month not in step.closed or month not in times]
        record_snapshot(
            connection,
            "enrollments",
            now_read,
            taken_at=read_at,
            is_complete=trust.is_complete,
        )
    problems = [*reading.problems, *trust.problems, *found.problems]
    return Written(frame, changes, found.frame.num_rows, problems, trust)
