"""The months that assets are partitioned by."""

from __future__ import annotations

import os
import warnings
from datetime import UTC, date, datetime

import dagster as dg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, is_ledger_month, outside_ledger, parse_month
from ledger_pipelines.months import nearest_month as nearest_of
from ledger_pipelines.settings import DEFAULT_FIRST_MONTH
from ledger_pipelines.workflows.run_tags import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG

#: Calendar months in UTC, the one under way included. Whoever loads the definitions sets the variable from the database.
MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=format_month(parse_month(os.environ.get("LEDGER_FIRST_MONTH") or DEFAULT_FIRST_MONTH)),
    timezone="UTC",
    end_offset=1,
    fmt="%Y-%m",
)


def _backfill_policy() -> dg.BackfillPolicy:
    months = os.environ.get("LEDGER_MONTHS_PER_RUN")
    return dg.BackfillPolicy.multi_run(int(months)) if months else dg.BackfillPolicy.single_run()


#: A backfill is one run, which asks each source once and writes all its months; where several workers execute runs,
#: LEDGER_MONTHS_PER_RUN says how many months each of them takes.
BACKFILL_POLICY = _backfill_policy()


def _most_months() -> int:
    """More months than the ledger gets while this process runs: those until now, and ten years more.

    Dagster looks for each of them, whenever something with such a mapping is materialised.
    """
    months_until_now = (datetime.now(UTC).year - MONTHS.start.year + 1) * 12
    return max(months_until_now, 0) + 120


#: A month's statements need the tickets of the calendar year so far, for prepaid yearly hours: at most twelve months.
with warnings.catch_warnings():
    # The mapping without the parameter refuses the ledger's first eleven months; the inventory test watches it.
    warnings.simplefilter("ignore", dg.BetaWarning)
    YEAR_SO_FAR = dg.TimeWindowPartitionMapping(start_offset=-11, allow_nonexistent_upstream_partitions=True)
    #: A contract's month needs all months before it.
    SO_FAR = dg.TimeWindowPartitionMapping(
        start_offset=-_most_months(), allow_nonexistent_upstream_partitions=True
    )


def partition_key(month: date) -> str:
    """The key of a month's partition, `2025-03`."""
    return format_month(month)


def months_of(context: dg.AssetExecutionContext) -> list[date]:
    """The months that this run materialises, in order.

    Raises Dagster's Failure when there is none, or one that is none of the ledger's: Dagster runs what it is asked for
    from outside, for any month.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        # Dagster's own button for all checks of an asset starts a run without asking for a month.
        raise dg.Failure(
            "No month was chosen: press Materialize and choose one, its checks are made, too.",
            allow_retries=False,
        )
    tags, today = context.run.tags, datetime.now(UTC).date()
    ends = [tags[name] for name in (PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG) if name in tags]
    try:
        strange = [month for month in map(parse_month, ends) if not is_partition(month, today)]
    except LedgerError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    if strange:
        raise dg.Failure(outside_ledger(strange[0], first_partition(), today), allow_retries=False)
    return [parse_month(key) for key in context.partition_keys]


def first_partition() -> date:
    """The ledger's first month."""
    return parse_month(MONTHS.start.date().isoformat())


def nearest_month(month: date, today: date) -> date:
    """The month, or where it has no partition the nearest one that has: a payment may be dated before the ledger."""
    return nearest_of(month, first_partition(), today)


def is_partition(month: date, today: date) -> bool:
    """Whether the month is one of the partitions that exist on this day."""
    return is_ledger_month(month, first_partition(), today)
