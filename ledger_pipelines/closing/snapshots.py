"""Which months take a new snapshot of a source that shows the present only (rules/billing.md, Snapshots)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from ledger_pipelines.months import add_months, month_of


def months_to_read(
    months: Sequence[date],
    *,
    today: date,
    with_snapshot: Collection[date],
    closed: Collection[date],
    refresh: bool = False,
) -> list[date]:
    """Those of the months whose snapshot is to be taken now, in order.

    The current and the just-ended month are taken anew each time; an older month keeps the snapshot that it
    has, unless `refresh`; a closed month is never taken.
    """
    just_ended = add_months(month_of(today), -1)
    return [
        month
        for month in sorted(months)
        if month not in closed and (refresh or month >= just_ended or month not in with_snapshot)
    ]


def is_later_state(month: date, taken_on: date) -> bool:
    """Whether a month's snapshot shows a later state: it was taken after the following month had ended."""
    return month_of(taken_on) > add_months(month, 1)
