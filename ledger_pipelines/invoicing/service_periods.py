"""Service periods by month (the table `enrollments`), and what becomes of news about other months.

A period is a row of every month from when it was made or begins to when it ends or last changed its status, so
that each month holds what was known of it, also before it begins and when it changes after its end. What is learnt
of a period that none of the months read now holds (a drop back-dated into a closed month, a membership that is gone)
is *news*: a row of one of the open months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.differences import changed_keys
from ledger_pipelines.closing.restatement import (
    IS_PERIOD,
    in_month,
    marked,
    newest,
    rows_with,
    rows_without,
    where_in,
    without_month,
)
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    filter_rows,
    int64s,
    joined_text,
    mask,
    positions,
)
from ledger_pipelines.months import last_day

#: Beside a period's own columns, what `present_periods` needs of each row.
ROW_COLUMNS = ("month", "updated_at", "is_removed", "is_period")
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

ReadAt = Mapping[date, datetime]


@dataclass(frozen=True, slots=True)
class Memberships:
    """What a reading of 4Geeks' memberships says.

    `periods` are the service periods, without a month. `without_period` are the ids of memberships that are there and
    are none; `unusable` of those that would be periods if something were not wrong with them, or that could not be
    read: their rows stay. Where the reading is not complete, no other membership is taken for gone, either.
    """

    periods: pa.Table
    without_period: Column
    unusable: Column
    is_complete: bool = True


def month_periods(
    found: Memberships,
    rows: pa.Table,
    *,
    months: Sequence[date],
    closed: frozenset[date] | set[date],
    read_at: ReadAt | None = None,
) -> pa.Table:
    """The service periods of these months as they are to be kept, closed months among them as they are now.

    `rows` is what all months hold at present, and `read_at` when each of them was read.
    """
    written = sorted(month for month in months if month not in closed)
    outside = rows_without(rows, "month", _months(written))
    here = rows_with(rows, "month", _months(months))
    known, known_outside = newest_periods(rows, read_at), newest_periods(outside, read_at)
    state = _sorted_out(found, known)
    first, last = _span(state.present)
    parts = [in_month(filter_rows(state.present, _touches(first, last, month)), month) for month in months]
    parts.append(rows_with(here, "id", state.staying))
    if written:
        parts += _late_news(state.present, first, last, known_outside, written)
        gone = rows_without(_gone(state.gone, rows), "id", _ids_where(known_outside, "is_removed"))
        parts += _placed(gone, column(gone, "month"), written)
        no_periods = rows_with(known_outside, "id", state.without_period)
        no_periods = _with_flag(
            filter_rows(no_periods, mask(column(no_periods, "is_period"))), is_period=False
        )
        no_periods = marked(no_periods, is_removed=False)
        parts += _placed(no_periods, column(no_periods, "month"), written)
    parts += _news_that_holds(state, here, months, closed)
    columns = parts[0].column_names
    return pa.concat_tables([part.select(columns).cast(parts[0].schema) for part in parts])


@dataclass(frozen=True, slots=True)
class _State:
    """The memberships by what becomes of them: rows with the columns of the table, and ids."""

    present: pa.Table
    gone: pa.Table
    without_period: Column
    staying: Column


def _sorted_out(found: Memberships, known: pa.Table) -> _State:
    present = _with_flag(marked(found.periods, is_removed=False), is_period=True)
    present = rows_without(present, "id", found.unusable)
    read = pa.concat_arrays([column(present, "id"), found.without_period])
    missing = rows_without(rows_without(known, "id", read), "id", found.unusable)
    if not found.is_complete:
        return _State(
            present,
            known.slice(0, 0),
            found.without_period,
            pa.concat_arrays([found.unusable, column(missing, "id")]),
        )
    # Of one person in one cohort a membership that is gone is the one that took its place.
    places = positions(_person_and_cohort(missing), _person_and_cohort(present))
    replaced = places >= 0
    present = _dated_alike(present, filter_rows(missing, replaced), places[replaced])
    without = pa.concat_arrays([found.without_period, column(filter_rows(missing, replaced), "id")])
    missing = filter_rows(missing, ~replaced)
    # What was no period, and is gone, stays none.
    is_period = mask(column(missing, "is_period"))
    without = pa.concat_arrays([without, column(filter_rows(missing, ~is_period), "id")])
    return _State(present, filter_rows(missing, is_period), without, found.unusable)


def _person_and_cohort(frame: pa.Table) -> Column:
    return joined_text(frame, ["user_id", "cohort_slug"])


def _dated_alike(present: pa.Table, replaced: pa.Table, places: Int64s) -> pa.Table:
    """Periods in the place of others, each with its status since the first of both had it."""
    if not places.size:
        return present
    statuses, dates = (column(present, name).to_pylist() for name in ("status", "status_change_date"))
    before = (column(replaced, name).to_pylist() for name in ("status", "status_change_date"))
    for place, status, day in zip(places.tolist(), *before, strict=True):
        if day is not None and status == statuses[place] and day < dates[place]:
            dates[place] = day
    at = present.column_names.index("status_change_date")
    return present.set_column(at, present.schema.field(at), array(dates, pa.date32()))


def _gone(missing: pa.Table, rows: pa.Table) -> pa.Table:
    """Periods that are gone, each in the last month that knew it; one that was gone before stays as it was."""
    before = mask(column(missing, "is_removed"))
    fresh = filter_rows(missing, ~before)
    fresh = marked(_postponed(fresh, _last_months(fresh, rows)), is_removed=True)
    return pa.concat_tables(
        [filter_rows(missing, before), fresh.select(missing.column_names).cast(missing.schema)]
    )


def _last_months(periods: pa.Table, rows: pa.Table) -> Column:
    """The last month in which each period was there; its own where none says so."""
    there = filter_rows(rows, ~mask(column(rows, "is_removed")))
    latest = there.group_by("id").aggregate([("month", "max")])
    at = positions(column(periods, "id"), column(latest, "id"))
    months: Column = pc.coalesce(
        column(latest, "month_max").take(array(at, where=at >= 0)), column(periods, "month")
    )
    return months


def _postponed(periods: pa.Table, months: Column) -> pa.Table:
    """Periods as postponed on the last day of these months, which become theirs; one that had stopped before stays."""
    named: list[Any] = months.to_pylist()
    ends = array([last_day(month) for month in named], pa.date32())
    runs = int64s(column(periods, "status_change_date"), missing=2**31 - 1) > int64s(ends)
    columns = {
        "month": months,
        "status": pc.if_else(array(runs), pa.scalar("POSTPONED"), column(periods, "status")),
        "status_change_date": pc.if_else(array(runs), ends, column(periods, "status_change_date")),
    }
    for name, values in columns.items():
        periods = periods.set_column(periods.column_names.index(name), periods.schema.field(name), values)
    return periods


def _late_news(
    present: pa.Table, first: Int64s, last: Int64s, known: pa.Table, written: Sequence[date]
) -> list[pa.Table]:
    """Periods that were over before the months that are written, and are not what other months know of them."""
    touched = np.zeros(present.num_rows, dtype=np.bool_)
    for month in written:
        touched |= _touches(first, last, month)
    changed = changed_keys("id", present, rows_with(known, "id", column(present, "id")))
    is_late = where_in(present, "id", changed) & ~touched & (last < _number(written[-1]))
    months = array((last + 1).astype("datetime64[M]").astype("datetime64[D]"), pa.date32())
    return _placed(filter_rows(present, is_late), months.filter(array(is_late)), written)


def _placed(frame: pa.Table, earliest: Column, written: Sequence[date]) -> list[pa.Table]:
    """The rows in the first of the months that is none before `earliest`, else in the last."""
    places = np.searchsorted(int64s(_months(written)), int64s(earliest))
    places = np.minimum(places, len(written) - 1)
    return [in_month(filter_rows(frame, places == place), month) for place, month in enumerate(written)]


def _news_that_holds(
    state: _State, here: pa.Table, months: Sequence[date], closed: frozenset[date] | set[date]
) -> list[pa.Table]:
    """The news that closed months hold, as far as it is still so."""
    parts = []
    for month in [month for month in months if month in closed]:
        rows = rows_with(here, "month", _months([month]))
        gone = rows_with(filter_rows(rows, mask(column(rows, "is_removed"))), "id", column(state.gone, "id"))
        none = rows_with(filter_rows(rows, ~mask(column(rows, "is_period"))), "id", state.without_period)
        first, last = _span(state.present)
        elsewhere = filter_rows(state.present, ~_touches(first, last, month))
        parts += [gone, none, in_month(rows_with(elsewhere, "id", column(rows, "id")), month)]
    return parts


def newest_periods(rows: pa.Table, read_at: ReadAt | None = None) -> pa.Table:
    """Of each period the row that was read last; of rows read at one time, or nobody knows when, the one that was
    updated last, of equals the one of the latest month.
    """
    months = column(rows, "month")
    times = dict.fromkeys(months.unique().to_pylist(), _LONG_AGO) | dict(read_at or {})
    at = positions(months, array(list(times), pa.date32()))
    read: Any = array(list(times.values()), pa.timestamp("us", "UTC")).take(array(at))
    dated = rows.append_column("read_at", read)
    return newest(dated, ["id"], ("read_at", "updated_at", "month")).drop_columns(["read_at"])


def present_periods(rows: pa.Table, read_at: ReadAt | None = None) -> pa.Table:
    """What is known of every service period, without a month and with `is_removed` as the last column: the rule's
    input. One that is gone from 4Geeks is POSTPONED on the last day of the last month that knew it, and removed.

    `rows` are those of all months, `read_at` says when each month was read.
    """
    if "is_period" not in rows.column_names:
        rows = _with_flag(rows, is_period=True)
    known = newest_periods(rows, read_at)
    known = filter_rows(known, mask(column(known, "is_period")))
    # Ledgers from before such rows said so themselves have them as they were read last.
    is_old = mask(column(known, "is_removed")) & mask(pc.equal(column(known, "status"), pa.scalar("ACTIVE")))
    if is_old.any():
        old = filter_rows(known, is_old)
        old = _postponed(old, _last_months(old, rows))
        known = pa.concat_tables([filter_rows(known, ~is_old), old])
    bare = without_month(known).drop_columns(["is_period"])
    return bare.select([*(name for name in bare.column_names if name != "is_removed"), "is_removed"])


def _with_flag(frame: pa.Table, *, is_period: bool) -> pa.Table:
    """The frame with `is_period` the same in all rows."""
    values = pa.repeat(pa.scalar(is_period), frame.num_rows)
    if IS_PERIOD.name in frame.column_names:
        return frame.set_column(frame.column_names.index(IS_PERIOD.name), IS_PERIOD, values)
    return frame.append_column(IS_PERIOD, values)


def _ids_where(frame: pa.Table, flag: str) -> Column:
    return column(filter_rows(frame, mask(column(frame, flag))), "id")


def _span(periods: pa.Table) -> tuple[Int64s, Int64s]:
    """The first and the last month of each period, as months since 1970."""
    known = pc.coalesce(column(periods, "created_at"), column(periods, "updated_at"))
    made = known.cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    first = pc.min_element_wise(column(periods, "start_date"), made)
    last = pc.max_element_wise(column(periods, "end_date"), column(periods, "status_change_date"))
    return _month_numbers(first), _month_numbers(last)


def _month_numbers(days: Column) -> Int64s:
    return days.to_numpy(zero_copy_only=False).astype("datetime64[M]").astype(np.int64)


def _number(month: date) -> int:
    return (month.year - 1970) * 12 + month.month - 1


def _touches(first: Int64s, last: Int64s, month: date) -> Mask:
    touched: Mask = (first <= _number(month)) & (_number(month) <= last)
    return touched


def _months(months: Sequence[date]) -> Column:
    return array(sorted(months), pa.date32())
