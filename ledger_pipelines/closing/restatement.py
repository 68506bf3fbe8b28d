"""Late news: what is learnt of a closed month's records later, and the first open month that takes it.

A month's rows are the records of that month, and a closed month keeps its rows. So what is new, changed or gone at
the source is *restated* in the first open month after it, as rows of that month; of each record the newest row counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.frames import to_pandas
from ledger_pipelines.months import first_open_after

MONTH = pa.field("month", pa.date32(), nullable=False)
IS_REMOVED = pa.field("is_removed", pa.bool_(), nullable=False)
IS_PERIOD = pa.field("is_period", pa.bool_(), nullable=False)


def first_of_month(days: pa.Array[Any]) -> pa.Array[Any]:
    """The month of each day, as the date of its first day."""
    floored: Any = pc.floor_temporal(days, unit="month")
    months: pa.Array[Any] = floored.cast(pa.date32())
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


def where_in(frame: pa.Table, name: str, values: pa.Array[Any]) -> npt.NDArray[np.bool_]:
    """Where the column has one of the values."""
    found: npt.NDArray[np.bool_] = _is_in(frame, name, values).to_numpy()
    return found


def rows_with(frame: pa.Table, name: str, values: pa.Array[Any]) -> pa.Table:
    """The rows whose column has one of the values."""
    return frame.filter(_is_in(frame, name, values))


def rows_without(frame: pa.Table, name: str, values: pa.Array[Any]) -> pa.Table:
    """The rows whose column has none of the values."""
    return frame.filter(pc.invert(_is_in(frame, name, values)))


def _is_in(frame: pa.Table, name: str, values: pa.Array[Any]) -> Any:
    return pc.is_in(frame[name], value_set=values.cast(frame.schema.field(name).type))


def landings(months: Sequence[date], closed: Collection[date]) -> dict[date, list[date]]:
    """Those of the months that take news, each with the closed months that it takes them of."""
    found: dict[date, list[date]] = {}
    for month in sorted(closed):
        found.setdefault(first_open_after(month, closed), []).append(month)
    return {month: before for month, before in found.items() if month in months}


def newest(frame: pa.Table, key: Sequence[str], order: Sequence[str] = ("month",)) -> pa.Table:
    """Of each key, of which no part is null, the row that is last by these columns."""
    rows = to_pandas(frame.select(list(dict.fromkeys([*key, *order]))))
    ordered = rows.sort_values(list(order), ascending=False, kind="stable")
    return frame.take(pa.array(ordered.drop_duplicates(list(key)).index))
