"""Comparing and marking frames, as restating needs it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import Column, Mask, column, kept, mask

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
    return kept(frame, where_in(frame, name, values))


def rows_without(frame: pa.Table, name: str, values: Column) -> pa.Table:
    """The rows whose column has none of the values."""
    return kept(frame, ~where_in(frame, name, values))


def changed_keys(key: str, new: pa.Table, known: pa.Table) -> Column:
    """The keys whose rows differ between the two frames, their months left aside: nulls are equal to nulls.

    A key may have several rows (an invoice its lines); it is changed when any of them is in one frame alone.
    """
    new, known = without_month(new), without_month(known).select(without_month(new).column_names)
    names = new.column_names
    sides = [
        frame.append_column("side", pa.repeat(pa.scalar(side, pa.int8()), frame.num_rows))
        for side, frame in enumerate((new, known))
    ]
    both = pa.concat_tables(sides, promote_options="permissive")
    found = both.group_by(names, use_threads=False).aggregate([("side", "min"), ("side", "max")])
    alone = kept(found, mask(pc.equal(column(found, "side_min"), column(found, "side_max"))))
    changed: Column = pc.unique(column(alone, key))
    return changed
