"""Late news: what is learnt of a closed month's records later, and the first open month that takes it.

A month's rows are the records of that month, and a closed month keeps its rows. So what is new, changed or gone at
the source is *restated* in the first open month after it, as rows of that month; of each record the newest row counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import (
    Column,
    Mask,
    column,
    filter_rows,
    joined_text,
    mask,
    positions,
    take_rows,
)
from ledger_pipelines.months import first_open_after

MONTH = pa.field("month", pa.date32(), nullable=False)
IS_REMOVED = pa.field("is_removed", pa.bool_(), nullable=False)
IS_PERIOD = pa.field("is_period", pa.bool_(), nullable=False)


def first_of_month(days: Column) -> Column:
    """The month of each day, as the date of its first day."""
    floored: Any = pc.floor_temporal(days, unit="month")
    months: Column = floored.cast(pa.date32())
    return months


def in_month(frame: pa.Table, month: date) -> pa.Table:
    """The frame with all rows in this month; a month that it has already is replaced."""
    bare = without_month(frame)
    return bare.add_column(0, MONTH, pa.repeat(pa.scalar(month, pa.date32()), bare.num_rows))


def without_month(frame: pa.Table) -> pa.Table:
    return frame.drop_columns(["month"]) if "month" in frame.column_names else frame


def marked(frame: pa.Table, *, is_removed: bool) -> pa.Table:
    """The frame with `is_removed` the same in all rows."""
    values = pa.repeat(pa.scalar(is_removed), frame.num_rows)
    place = frame.schema.get_field_index(IS_REMOVED.name)
    if place < 0:
        return frame.append_column(IS_REMOVED, values)
    return frame.set_column(place, IS_REMOVED, values)


def where_in(frame: pa.Table, name: str, values: Column) -> Mask:
    """Where the column has one of the values."""
    among = values.cast(frame.schema.field(name).type)
    return mask(pc.is_in(column(frame, name), value_set=among))


def rows_with(frame: pa.Table, name: str, values: Column) -> pa.Table:
    """The rows whose column has one of the values."""
    return filter_rows(frame, where_in(frame, name, values))


def rows_without(frame: pa.Table, name: str, values: Column) -> pa.Table:
    """The rows whose column has none of the values."""
    return filter_rows(frame, ~where_in(frame, name, values))


def landings(months: Sequence[date], closed: Collection[date]) -> dict[date, list[date]]:
    """Those of the months that take news, each with the closed months that it takes them of."""
    found: dict[date, list[date]] = {}
    for month in sorted(closed):
        found.setdefault(first_open_after(month, closed), []).append(month)
    return {month: before for month, before in found.items() if month in months}


def newest(frame: pa.Table, key: Sequence[str], order: Sequence[str] = ("month",)) -> pa.Table:
    """Of each key, of which no part is null, the row that is last by these columns."""
    ordered = frame.sort_by([(name, "descending") for name in order])
    keys = joined_text(ordered, key)
    return take_rows(ordered, positions(pc.unique(keys), keys))
