"""Exact whole numbers in place of decimals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.columns import decimals, exact_units, half_up, small_units
from ledger_pipelines.errors import LedgerError

LARGE = 10**28 - 1


@given(st.lists(st.integers(-LARGE, LARGE) | st.none()), st.integers(0, 3))
def test_large_decimals_go_to_whole_numbers_and_back_also_from_a_slice(
    values: list[int | None], start: int
) -> None:
    kind = pa.decimal128(28, 18)
    column = pa.array(
        [None if value is None else Decimal(value).scaleb(-18) for value in values], kind
    ).slice(start)
    units = exact_units(column)
    assert units.tolist() == [value or 0 for value in values[start:]]
    assert decimals(units, kind).equals(column.fill_null(Decimal(0)))


@given(st.lists(st.integers(-(10**14) + 1, 10**14 - 1)))
def test_rates_go_to_whole_numbers_and_back(values: list[int]) -> None:
    kind = pa.decimal128(14, 4)
    column = pa.array([Decimal(value).scaleb(-4) for value in values], kind)
    assert small_units(column).tolist() == values
    assert decimals(small_units(column), kind).equals(column)


@pytest.mark.parametrize("value", [10**14, -(10**14)])
def test_a_number_with_too_many_digits_is_refused(value: int) -> None:
    with pytest.raises(LedgerError, match="more than 14 digits"):
        decimals(np.array([value], dtype=np.int64), pa.decimal128(14, 4))


@given(st.lists(st.integers(-(10**15), 10**15)), st.sampled_from([1, 2, 3, 100, 10**6]))
def test_halves_are_rounded_away_from_zero(values: list[int], divisor: int) -> None:
    expected = [
        floor(Fraction(abs(value), divisor) + Fraction(1, 2)) * (1 if value >= 0 else -1) for value in values
    ]
    assert half_up(np.array(values, dtype=np.int64), divisor).tolist() == expected
    assert half_up(np.array(values, dtype=object), divisor).tolist() == expected
