"""Exact whole numbers in place of decimals and dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.accruals.columns import LARGEST_DENOMINATOR, first_days, months_of, share, words
from ledger_pipelines.columns import decimals, small_units
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import AMOUNT
from ledger_pipelines.months import month_of

_amounts = st.integers(-(10**18) + 1, 10**18 - 1)


@given(st.lists(_amounts | st.none()), st.integers(0, 3))
def test_amounts_go_to_hundredths_and_back_also_from_a_slice(values: list[int | None], start: int) -> None:
    column = pa.array([None if one is None else Decimal(one).scaleb(-2) for one in values], AMOUNT).slice(
        start
    )
    units = small_units(column)
    assert units.tolist() == [one or 0 for one in values[start:]]
    assert decimals(units, AMOUNT).equals(column.fill_null(Decimal(0)))


@pytest.mark.parametrize("units", [10**18, -(10**18)])
def test_an_amount_with_too_many_digits_is_refused(units: int) -> None:
    with pytest.raises(LedgerError, match="more than 18 digits"):
        decimals(np.array([units]), AMOUNT)


@given(_amounts, st.integers(1, LARGEST_DENOMINATOR), st.fractions(0, 1))
def test_a_share_of_any_amount_is_exact_and_a_half_goes_away_from_zero(
    amount: int, denominator: int, part: Fraction
) -> None:
    numerator = floor(part * denominator)
    exact = floor(Fraction(abs(amount) * numerator, denominator) + Fraction(1, 2))
    expected = exact if amount >= 0 else -exact
    for kind in (np.int64, object):
        fraction = (np.array([number], dtype=kind) for number in (numerator, denominator))
        assert share(np.array([amount]), *fraction).tolist() == [expected]


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_days_know_their_month_and_months_their_first_day(day: date) -> None:
    days = np.array([(day - date(1970, 1, 1)).days])
    assert months_of(days).tolist() == [(day.year - 1970) * 12 + day.month - 1]
    assert first_days(months_of(days)).tolist() == [(month_of(day) - date(1970, 1, 1)).days]


def test_words_are_what_is_left_of_case_and_punctuation() -> None:
    assert words(" ES - Full_Stack (Part-Time)  Straße") == "es full stack part time strasse"
    assert words(" -- ") == ""
