"""Which months take a new snapshot: Codex shows the present only."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.closing.snapshots import is_later_state, months_to_read
from ledger_pipelines.months import add_months, month_range

TODAY = date(2026, 3, 10)
JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
MONTHS = [JANUARY, FEBRUARY, MARCH]


def test_the_current_and_the_just_ended_month_are_taken_anew_each_time() -> None:
    assert months_to_read(MONTHS, today=TODAY, with_snapshot=MONTHS, closed=[]) == [FEBRUARY, MARCH]


def test_an_older_month_without_a_snapshot_takes_todays() -> None:
    assert months_to_read(MONTHS, today=TODAY, with_snapshot=[FEBRUARY, MARCH], closed=[]) == MONTHS


def test_an_older_month_is_taken_anew_when_asked() -> None:
    assert months_to_read(MONTHS, today=TODAY, with_snapshot=MONTHS, closed=[], refresh=True) == MONTHS


@given(
    st.lists(st.sampled_from(month_range(date(2025, 1, 1), date(2026, 6, 1))), unique=True),
    st.booleans(),
)
def test_a_closed_month_is_never_taken(closed: list[date], refresh: bool) -> None:
    months = month_range(date(2025, 1, 1), date(2026, 4, 1))

    taken = months_to_read(months, today=TODAY, with_snapshot=[], closed=closed, refresh=refresh)

    assert taken == [month for month in months if month not in closed]


@pytest.mark.parametrize(
    ("taken_on", "late"),
    [
        (date(2026, 1, 31), False),
        (date(2026, 2, 28), False),
        (date(2026, 3, 1), True),
        (date(2027, 1, 1), True),
    ],
)
def test_a_month_is_billed_from_a_later_state_once_the_next_month_has_ended(
    taken_on: date, late: bool
) -> None:
    assert is_later_state(JANUARY, taken_on) is late


def test_december_is_in_time_in_january() -> None:
    assert not is_later_state(date(2025, 12, 1), add_months(date(2025, 12, 1), 1))
