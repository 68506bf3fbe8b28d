"""The months that assets are partitioned by."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date

import dagster as dg

from ledger_pipelines.months import month_of, parse_month
from ledger_pipelines.settings import DEFAULT_FIRST_MONTH

#: Calendar months in UTC, the one under way included. The `ledger` command sets the variable from the database.
MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=parse_month(os.environ.get("LEDGER_FIRST_MONTH") or DEFAULT_FIRST_MONTH).isoformat(),
    timezone="UTC",
    end_offset=1,
)

#: A month's statements need the tickets of the calendar year so far, for prepaid yearly hours: at most twelve months.
YEAR_SO_FAR = dg.TimeWindowPartitionMapping(start_offset=-11, allow_nonexistent_upstream_partitions=True)


def partition_key(month: date) -> str:
    """The key of a month's partition."""
    return month.isoformat()


def months_of(context: dg.AssetExecutionContext) -> list[date]:
    """The months that this run materialises, in order."""
    return [parse_month(key) for key in context.partition_keys]


def years_so_far(months: Iterable[date]) -> list[date]:
    """The months from each year's January to the last of `months` in that year, in order."""
    lasts: dict[int, date] = {}
    for month in sorted(months):
        lasts[month.year] = month
    return [date(year, index, 1) for year, last in lasts.items() for index in range(1, last.month + 1)]


def first_partition() -> date:
    """The ledger's first month."""
    return parse_month(MONTHS.start.date().isoformat())


def is_partition(month: date, today: date) -> bool:
    """Whether the month is one of the partitions that exist on this day."""
    return first_partition() <= month <= month_of(today)
