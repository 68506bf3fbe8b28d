"""In which month and on which day an imported entry counts (rules/general_ledger.md, SAF-T, Month)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

_LAST_PERIOD = 12
_EPOCH = 1970


def do_dates_decide(entries: pa.Table) -> bool:
    """Whether more than half of the periods disagree with their dates, as in a shifted fiscal year.

    `entries` has `year`, `period` and `date`. A period after the twelfth is dated after its month by intent, and says
    nothing.
    """
    periods = _integers(entries["period"])
    ordinary = (periods >= 1) & (periods <= _LAST_PERIOD)
    differing = _months_of_periods(entries) != _months_of_dates(entries)
    return 2 * int((differing & ordinary).sum()) > int(ordinary.sum())


def posting(entries: pa.Table, *, by_date: bool) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """The month of each entry and the day on which it is posted: its date, or the month's last day where its date lies
    in another month. `by_date` where dates decide, and not periods.
    """
    dates = _days(entries)
    months = _months_of_dates(entries) if by_date else _months_of_periods(entries)
    first = months.astype("datetime64[D]")
    last = (months + 1).astype("datetime64[D]") - 1
    days = np.where((dates >= first) & (dates <= last), dates, last)
    return pa.array(first, pa.date32()), pa.array(days, pa.date32())


def _months_of_periods(entries: pa.Table) -> Any:
    """Period 13 and those after it are the year's last month, one before the first its first."""
    periods = np.clip(_integers(entries["period"]), 1, _LAST_PERIOD)
    return ((_integers(entries["year"]) - _EPOCH) * 12 + periods - 1).astype("datetime64[M]")


def _months_of_dates(entries: pa.Table) -> Any:
    return _days(entries).astype("datetime64[M]")


def _days(entries: pa.Table) -> Any:
    return _integers(entries["date"].cast(pa.int32())).astype("datetime64[D]")


def _integers(column: Any) -> Any:
    return column.to_numpy().astype(np.int64)
