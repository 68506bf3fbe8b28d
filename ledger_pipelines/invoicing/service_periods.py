"""Service periods by month (the table `enrollments`), and what becomes of news about closed months.

A period is a row of every month from when it was made or begins to when it ends or last changed its status, so
that each month holds what was known of it, also before it begins and when it changes after its end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import Column, Int64s, Mask, column, kept, mask, picked, positions
from ledger_pipelines.invoicing.frames import (
    changed_keys,
    in_month,
    marked,
    rows_with,
    rows_without,
    where_in,
)
from ledger_pipelines.months import add_months, first_open_after


def month_periods(
    periods: pa.Table,
    stored: pa.Table,
    known: pa.Table,
    *,
    months: Sequence[date],
    first_month: date,
    closed: Collection[date],
    unreadable: Collection[int] = (),
) -> pa.Table:
    """The service periods of these months as they are to be kept, closed months among them as they are now.

    `periods`: all that the source has, without a month. `stored`: the present rows of the open months among
    `months`. `known`: what closed months hold, the newest row of each period. `first_month` is the ledger's.
    `unreadable`: ids that the source has but that could not be read; their rows stay.

    A period whose last month is closed (or before the ledger) and that is unknown there, differs from what is known,
    or is gone, is news: a row of the first open month after it, when that is among the months.
    """
    broken = pa.array(sorted(unreadable), pa.int64())
    periods = marked(rows_without(periods, "id", broken), is_removed=False)
    first, last = _span(periods)
    parts = [in_month(kept(periods, _touches(first, last, month)), month) for month in months]
    parts.append(rows_with(stored, "id", broken))
    changed = changed_keys("id", periods, rows_with(known, "id", column(periods, "id")))
    is_changed = where_in(periods, "id", changed)
    before_ledger = _number(first_month) - 1
    landings = {before_ledger: first_open_after(add_months(first_month, -1), closed)}
    landings |= {_number(month): first_open_after(month, closed) for month in closed}
    for number, landing in landings.items():
        if landing in months:
            is_last = (last <= number) if number == before_ledger else (last == number)
            parts.append(in_month(kept(periods, is_last & is_changed), landing))
    gone = _gone(known, pa.concat_arrays([column(periods, "id"), broken]))
    for month in closed:
        landing = first_open_after(month, closed)
        if landing in months:
            parts.append(in_month(rows_with(gone, "month", pa.array([month], pa.date32())), landing))
    columns = parts[0].column_names
    return pa.concat_tables([part.select(columns).cast(parts[0].schema) for part in parts])


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


def _gone(known: pa.Table, present: Column) -> pa.Table:
    """Periods that closed months hold and the source has no more, marked so."""
    live = kept(known, ~mask(column(known, "is_removed")))
    return marked(rows_without(live, "id", present), is_removed=True)


def newest_periods(rows: pa.Table) -> pa.Table:
    """Of each period the row that was updated last, of equals the one of the latest month."""
    ordered = rows.sort_by([("updated_at", "descending"), ("month", "descending")])
    ids = column(ordered, "id")
    return picked(ordered, positions(pc.unique(ids), ids))


def present_periods(rows: pa.Table) -> pa.Table:
    """What is known of every period that the source still has, without a month: the rule's input."""
    known = newest_periods(rows)
    return kept(known, ~mask(column(known, "is_removed"))).drop_columns(["month", "is_removed"])
