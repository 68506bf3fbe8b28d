"""The months that assets are partitioned by."""

from __future__ import annotations

import os
import warnings
from datetime import date

import dagster as dg

from ledger_pipelines.months import format_month, month_of, parse_month
from ledger_pipelines.settings import DEFAULT_FIRST_MONTH

#: Calendar months in UTC, the one under way included. The `ledger` command sets the variable from the database.
MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=format_month(parse_month(os.environ.get("LEDGER_FIRST_MONTH") or DEFAULT_FIRST_MONTH)),
    timezone="UTC",
    end_offset=1,
    fmt="%Y-%m",
)

#: A month's statements need the tickets of the calendar year so far, for prepaid yearly hours: at most twelve months.
with warnings.catch_warnings():
    # The mapping without the parameter refuses the ledger's first eleven months; the inventory test watches it.
    warnings.simplefilter("ignore", dg.BetaWarning)
    YEAR_SO_FAR = dg.TimeWindowPartitionMapping(start_offset=-11, allow_nonexistent_upstream_partitions=True)
    #: A contract's month needs all months before it: a hundred years of them.
    SO_FAR = dg.TimeWindowPartitionMapping(start_offset=-1200, allow_nonexistent_upstream_partitions=True)


def partition_key(month: date) -> str:
    """The key of a month's partition, `2025-03`."""
    return format_month(month)


def months_of(context: dg.AssetExecutionContext) -> list[date]:
    """The months that this run materialises, in order."""
    return [parse_month(key) for key in context.partition_keys]


def first_partition() -> date:
    """The ledger's first month."""
    return parse_month(MONTHS.start.date().isoformat())


def nearest_month(month: date, today: date) -> date:
    """The month, or where it has no partition the nearest one that has: a payment may be dated before the ledger."""
    return min(max(month, first_partition()), month_of(today))


def is_partition(month: date, today: date) -> bool:
    """Whether the month is one of the partitions that exist on this day."""
    return first_partition() <= month <= month_of(today)
