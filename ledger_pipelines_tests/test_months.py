from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import (
    add_months,
    describe_months,
    format_month,
    last_day,
    month_of,
    month_range,
    parse_month,
    unbroken_spans,
    years_so_far,
)

months = st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(month_of)


@given(months)
def test_a_month_is_read_as_it_is_written(month: date) -> None:
    assert parse_month(format_month(month)) == month
    assert parse_month(month.isoformat()) == month


@pytest.mark.parametrize(
    "text",
    [
        "2025",
        "2025-13",
        "2025-00",
        "2025-3",
        "March 2025",
        "2025-03-02",
        "",
        "0000-01",
        "0999-12",
        "9999-01",
        "10000-01",
    ],
)
def test_what_is_no_month_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(LedgerError, match=r"YYYY-MM|first day"):
        parse_month(text)


@given(months, st.integers(-600, 600))
def test_stepping_there_and_back(month: date, count: int) -> None:
    month = max(month, date(1960, 1, 1))
    assert add_months(add_months(month, count), -count) == month


@given(months)
def test_the_last_day_is_the_day_before_the_next_month(month: date) -> None:
    assert month_of(last_day(month)) == month
    assert date.fromordinal(last_day(month).toordinal() + 1) == add_months(month, 1)


def test_the_end_of_a_range_is_not_included() -> None:
    assert month_range(date(2024, 11, 1), date(2025, 2, 1)) == [
        date(2024, 11, 1),
        date(2024, 12, 1),
        date(2025, 1, 1),
    ]
    assert month_range(date(2025, 2, 1), date(2025, 2, 1)) == []


def test_the_year_so_far_starts_in_january_of_each_year() -> None:
    assert years_so_far([date(2025, 2, 1), date(2024, 3, 1)]) == [
        date(2024, 1, 1),
        date(2024, 2, 1),
        date(2024, 3, 1),
        date(2025, 1, 1),
        date(2025, 2, 1),
    ]


def test_months_are_named_as_a_person_would() -> None:
    assert describe_months([date(2025, 3, 1)]) == "2025-03"
    assert describe_months(month_range(date(2025, 3, 1), date(2025, 7, 1))) == "2025-03 to 2025-06"
    assert describe_months([date(2025, 3, 1), date(2025, 6, 1)]) == "2025-03, 2025-06"


def test_spans_are_parted_where_a_month_is_missing() -> None:
    months = [date(2025, 3, 1), date(2024, 12, 1), date(2025, 1, 1), date(2025, 1, 1)]
    assert unbroken_spans(months) == [[date(2024, 12, 1), date(2025, 1, 1)], [date(2025, 3, 1)]]
    assert unbroken_spans([]) == []
