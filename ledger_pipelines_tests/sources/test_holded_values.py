"""How Holded's numbers and days are read: exact, half-up, by Madrid's clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger_pipelines.sources.holded.values import (
    epoch_seconds,
    in_currency,
    local_date,
    local_midnight,
    meant_number,
    net_amount,
    percentage,
    truth,
)

DAYS = st.dates(date(2000, 1, 1), date(2037, 12, 31))
PRICES = st.decimals(-99_999, 99_999, places=6)
UNITS = st.decimals(-999, 999, places=3)
DISCOUNTS = st.decimals(0, 100, places=2)


def to_the_cent(exact: Fraction) -> Fraction:
    """Half away from zero."""
    cents = floor(abs(exact) * 100 + Fraction(1, 2))
    return Fraction(cents if exact >= 0 else -cents, 100)


@given(PRICES, UNITS, DISCOUNTS)
@example(Decimal("0.05"), Decimal("0.1"), Decimal(0))
@example(Decimal("-0.05"), Decimal("0.1"), Decimal(0))
@example(Decimal("299.99"), Decimal(3), Decimal("33.33"))
def test_a_line_is_worth_price_times_units_less_discount_rounded_once(
    price: Decimal, units: Decimal, discount: Decimal
) -> None:
    exact = Fraction(price) * Fraction(units) * (1 - Fraction(discount) / 100)
    found = in_currency(net_amount(meant_number(price), meant_number(units), percentage(discount)), "EUR")
    assert Fraction(found) == to_the_cent(exact)
    assert found.as_tuple().exponent == -2


@given(PRICES, UNITS, DISCOUNTS)
def test_a_line_taken_back_is_worth_the_same_with_the_other_sign(
    price: Decimal, units: Decimal, discount: Decimal
) -> None:
    assert net_amount(-price, units, discount) == -net_amount(price, units, discount)


@given(st.decimals(-9_999_999, 9_999_999, places=6))
def test_a_number_that_went_through_a_binary_double_is_the_number_that_was_meant(number: Decimal) -> None:
    written = Decimal(float(number))
    assert meant_number(written) == number


@pytest.mark.parametrize("value", [100_000, Decimal("99999.99996"), Decimal("-99999.99996")])
def test_a_percentage_too_large_for_its_column_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is too large"):
        percentage(value)


def test_a_line_too_large_for_an_amount_is_refused() -> None:
    assert net_amount(Decimal(99_999_999), Decimal(99_999_999), Decimal(0)) == Decimal("9999999800000001.00")
    with pytest.raises(ValueError, match="is worth too much"):
        net_amount(Decimal("9999999999.999999996"), Decimal(1_000_000), Decimal(0))
    with pytest.raises(ValueError, match="is worth too much"):
        net_amount(Decimal(9_999_999_999), Decimal(9_999_999_999), Decimal(0))


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, [], Decimal("NaN"), Decimal("Infinity"), Decimal("1e400"), Decimal("1e99999999"), 0.5),
        *(
            "12,50",
            "6.000,00",
            "6,000.00",
            "1e3",
            "0x10",
            "twelve",
            "9" * 400,
            "\u0661\u0662",
            "1_000",
            "--1",
        ),
    ],
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not a number|is too large"):
        meant_number(value)


def test_a_number_too_small_to_be_meant_is_nothing() -> None:
    assert meant_number(Decimal("1e-99999999")) == 0


@given(PRICES)
def test_a_number_that_came_as_text_is_that_number(number: Decimal) -> None:
    assert meant_number(f" {number} ") == meant_number(number)


@pytest.mark.parametrize(
    ("amount", "currency", "kept"),
    [
        ("33333.5", "JPY", "33334.00"),
        ("-33333.5", "CLP", "-33334.00"),
        ("0.005", "EUR", "0.01"),
        ("0.005", "XYZ", "0.01"),
        ("12.3500", "KWD", "12.35"),
    ],
)
def test_an_amount_is_kept_to_the_least_amount_of_its_currency(amount: str, currency: str, kept: str) -> None:
    assert str(in_currency(Decimal(amount), currency)) == kept


def test_an_amount_with_more_digits_than_the_books_keep_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has the amount 12\.355 KWD"):
        in_currency(Decimal("12.355"), "KWD")


@pytest.mark.parametrize("value", ["yes", 2, [], {}, Decimal(1)])
def test_what_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is neither true nor false"):
        truth(value)


@given(DAYS, st.integers(0, 25 * 3600))
@example(date(2024, 3, 31), 23 * 3600 - 1)
@example(date(2024, 10, 27), 25 * 3600 - 1)
def test_an_instant_is_in_a_day_s_window_exactly_when_its_local_date_is_that_day(
    day: date, offset: int
) -> None:
    instant = local_midnight(day) + offset
    in_window = instant in range(local_midnight(day), local_midnight(day + timedelta(days=1)))
    assert in_window == (local_date(instant) == day)


@given(DAYS)
def test_days_meet_without_gap_or_overlap_when_the_clocks_change(day: date) -> None:
    length = local_midnight(day + timedelta(days=1)) - local_midnight(day)
    assert local_date(local_midnight(day)) == day
    assert local_date(local_midnight(day) - 1) == day - timedelta(days=1)
    assert length in {23 * 3600, 24 * 3600, 25 * 3600}


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 3, 30), 24)]
)
def test_the_days_on_which_madrid_changes_its_clocks(day: date, hours: int) -> None:
    assert local_midnight(day + timedelta(days=1)) - local_midnight(day) == hours * 3600


@given(DAYS)
def test_half_past_eleven_at_night_in_utc_is_the_next_day_in_madrid(day: date) -> None:
    late = datetime.combine(day, time(23, 30), UTC)
    assert local_date(int(late.timestamp())) == day + timedelta(days=1)


@pytest.mark.parametrize(
    "value",
    [0, -1, True, "2024-03-15", "1710457200000", 1710457200000, Decimal("0.5"), Decimal("NaN"), None, {}],
)
def test_what_is_no_time_in_seconds_is_none(value: object) -> None:
    assert epoch_seconds(value) is None


@pytest.mark.parametrize(
    "value", [Decimal("1710457200.0"), Decimal("1710457200.9"), "1710457200", " 1710457200.0 "]
)
def test_a_time_may_be_written_with_a_fraction_or_as_text(value: object) -> None:
    assert epoch_seconds(value) == 1710457200
