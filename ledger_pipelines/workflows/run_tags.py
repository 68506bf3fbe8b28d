"""The tags of a run of Dagster's: its months, who asked for it, and which request of the console it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, describe_months, format_month, month_range, parse_month

#: Dagster's own tags of a month, and of the first and the last of a range.
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
#: Who asked for the run: ours, and the one that Dagster's pages show.
PERSON_TAG, USER_TAG = "ledger/person", "user"
MONTHS_TAG = "ledger/months"
#: The id of the request in `run_requests`.
REQUEST_TAG = "ledger/request"
#: The span that asked for the run, as W3C's `traceparent` writes it.
TRACE_TAG = "ledger/traceparent"


def run_tags(months: Sequence[date], person: str = "") -> dict[str, str]:
    """The tags of a run for one unbroken span of months that a person asks for."""
    first, last = format_month(months[0]), format_month(months[-1])
    return {
        **({PARTITION_TAG: first} if first == last else {RANGE_START_TAG: first, RANGE_END_TAG: last}),
        MONTHS_TAG: describe_months(months),
        **({PERSON_TAG: person, USER_TAG: person} if person else {}),
    }


def months_of_tags(tags: Mapping[str, str]) -> list[date]:
    """The months that a run is for, in order; none where its tags do not say."""
    first = tags.get(PARTITION_TAG) or tags.get(RANGE_START_TAG)
    last = tags.get(PARTITION_TAG) or tags.get(RANGE_END_TAG)
    if first is None or last is None:
        return []
    try:
        return month_range(parse_month(first), add_months(parse_month(last), 1))
    except LedgerError:
        # Dagster takes any tag from anybody.
        return []
