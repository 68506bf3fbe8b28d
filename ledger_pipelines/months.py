"""Calendar months: a month is the `date` of its first day, everywhere.

Here: parsing, formatting and stepping. Not here: what today is (an argument wherever it matters).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

from ledger_pipelines.errors import LedgerError

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
#: The years that a month may lie in: every month has a hundred years of months before it and one after it.
_YEARS = range(1000, 9999)
#: No ledger begins earlier: each of its months is a partition that Dagster lists, and a year like 0202 is a slip.
OLDEST_FIRST_MONTH = date(1990, 1, 1)
#: So far ahead of today an imported entry may be dated: what is spread over years is posted ahead, but each month up to
#: it is computed, and a year like 2205 is a slip.
FURTHEST_AHEAD = timedelta(days=3653)


def parse_month(text: str) -> date:
    """The first day of the month that `text` (`YYYY-MM` or `YYYY-MM-01`) names.

    Raises LedgerError when the text is no month, or names a day other than the first.
    """
    match = _MONTH.fullmatch(text.strip())
    if match is None or not 1 <= int(match[2]) <= 12:
        raise LedgerError(f"{text!r} is not a month: write it as YYYY-MM, for example 2025-03.")
    if int(match[1]) not in _YEARS:
        raise LedgerError(
            f"{text!r} is not a month: write it as YYYY-MM, from {_YEARS[0]}-01 to {_YEARS[-1]}-12."
        )
    if match[3] not in (None, "01"):
        raise LedgerError(f"{text!r} is not the first day of a month: write {text[:7]} or {text[:7]}-01.")
    return date(int(match[1]), int(match[2]), 1)


def format_month(month: date) -> str:
    """`2025-03`."""
    return f"{month.year:04}-{month.month:02}"


def month_of(day: date) -> date:
    """The month that a day lies in."""
    return date(day.year, day.month, 1)


def add_months(month: date, count: int) -> date:
    """The month `count` months later (earlier when negative)."""
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)


def usable_first_month(month: date, today: date | None = None) -> date:
    """The month. Raises LedgerError where a ledger cannot begin with it: too long ago, or not begun by `today`."""
    if month < OLDEST_FIRST_MONTH:
        raise LedgerError(
            f"{format_month(month)} is too early: no ledger begins before {format_month(OLDEST_FIRST_MONTH)}."
        )
    if today is not None and month > month_of(today):
        raise LedgerError(
            f"{format_month(month)} has not begun: the first month is {format_month(month_of(today))} or earlier."
        )
    return month


def is_ledger_month(month: date, first: date, today: date) -> bool:
    """Whether the month is one of a ledger's that begins with `first`: up to the one under way, in UTC."""
    return first <= month <= month_of(today)


def outside_ledger(month: date, first: date, today: date) -> str:
    """The sentence that refuses a month outside the ledger."""
    return (
        f"{format_month(month)} is outside the ledger: its months are {format_month(first)} "
        f"to {format_month(month_of(today))}."
    )


def nearest_month(month: date, first: date, today: date) -> date:
    """The month, or where the ledger does not have it the nearest one: a payment may be dated before the ledger."""
    return min(max(month, first), month_of(today))


def refuse_strange_months(months: Sequence[date], first: date, today: date) -> None:
    """Raises LedgerError when there is no month, or one outside the ledger."""
    if not months:
        raise LedgerError("The range has no month: its end is excluded, so it must come after its start.")
    for month in months:
        if not is_ledger_month(month, first, today):
            raise LedgerError(outside_ledger(month, first, today))


def last_day(month: date) -> date:
    """The last day of the month."""
    return month.replace(day=monthrange(month.year, month.month)[1])


def month_range(start: date, end: date) -> list[date]:
    """The months from `start` (included) to `end` (excluded), in order."""
    count = (end.year - start.year) * 12 + end.month - start.month
    return [add_months(start, index) for index in range(count)]


def unbroken_spans(months: Iterable[date]) -> list[list[date]]:
    """The months in order, parted wherever one is missing between."""
    spans: list[list[date]] = []
    for month in sorted(set(months)):
        if spans and add_months(spans[-1][-1], 1) == month:
            spans[-1].append(month)
        else:
            spans.append([month])
    return spans


def years_so_far(months: Iterable[date]) -> list[date]:
    """The months from each year's January to the last of `months` in that year, in order."""
    lasts: dict[int, date] = {}
    for month in sorted(months):
        lasts[month.year] = month
    return [date(year, index, 1) for year, last in lasts.items() for index in range(1, last.month + 1)]


def first_open_after(month: date, closed: Collection[date]) -> date:
    """The first month after this one that is not closed: where news about it is kept, once it is closed."""
    later = add_months(month, 1)
    while later in closed:
        later = add_months(later, 1)
    return later


def describe_months(months: Iterable[date]) -> str:
    """`2025-03`, `2025-03 to 2025-06` for a run of months, or a list with commas."""
    ordered = sorted(set(months))
    if len(ordered) > 1 and ordered == month_range(ordered[0], add_months(ordered[-1], 1)):
        return f"{format_month(ordered[0])} to {format_month(ordered[-1])}"
    return ", ".join(format_month(month) for month in ordered)
