"""How outside systems write times, dates and numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ledger_pipelines.sources.records.wire_types import (
    Bytes,
    Hours,
    Instant,
    JsonText,
    OptionalDate,
    OptionalEmail,
    OptionalInstant,
    OptionalRate,
    key_of,
    utc_instant,
)

_NAIVE = st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(2100, 1, 1))  # noqa: DTZ001  # UTC, written


@given(_NAIVE)
def test_a_timestamp_means_the_same_in_its_three_forms(moment: datetime) -> None:
    expected = moment.replace(tzinfo=UTC)
    plain = moment.isoformat(timespec="microseconds")
    assert utc_instant(plain + "Z") == utc_instant(plain + "+00:00") == utc_instant(plain) == expected
    assert utc_instant(plain).utcoffset() == timedelta(0)


@given(_NAIVE, st.integers(-14 * 60, 14 * 60))
def test_a_timestamp_of_another_zone_is_the_same_instant_in_utc(moment: datetime, minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert utc_instant(local.isoformat()) == local
    assert utc_instant(local.isoformat()).tzinfo is UTC


@pytest.mark.parametrize(
    "value", ["yesterday", "", "2025-02-30T00:00:00Z", 1735689600, True, None, ["2025-01-01"]]
)
def test_what_is_no_timestamp_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python(value)


def test_a_timestamp_before_the_first_year_is_refused_and_not_an_overflow() -> None:
    with pytest.raises(ValueError, match="is not a timestamp"):
        utc_instant("0001-01-01T00:00:00+05:00")


@pytest.mark.parametrize("value", [None, ""])
def test_an_optional_time_may_be_null_or_blank(value: object) -> None:
    assert TypeAdapter(OptionalInstant).validate_python(value) is None
    assert TypeAdapter(OptionalDate).validate_python(value) is None


@pytest.mark.parametrize("value", ["2024-06-01", "2024-06-01T00:00:00", "2024-06-01T23:30:00.000000+00:00"])
def test_a_date_may_come_with_a_time(value: str) -> None:
    assert TypeAdapter(OptionalDate).validate_python(value) == date(2024, 6, 1)


@pytest.mark.parametrize("value", [20240601, "06/01/2024", {}])
def test_what_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="is not a date"):
        TypeAdapter(OptionalDate).validate_python(value)


@given(st.decimals(0, "99999.999", allow_nan=False, places=25))
def test_hours_are_rounded_half_even_to_18_places(value: Decimal) -> None:
    with localcontext(prec=60):
        expected = value.quantize(Decimal("1e-18"), ROUND_HALF_EVEN)
    assert TypeAdapter(Hours).validate_python(value) == expected


def test_more_hours_than_anybody_can_work_are_refused() -> None:
    with pytest.raises(ValidationError, match="is too large"):
        TypeAdapter(Hours).validate_python(Decimal(100_000))


def test_hours_at_a_half_go_to_the_even_neighbour() -> None:
    hours = TypeAdapter(Hours)
    assert hours.validate_python(Decimal("0.0000000000000000005")) == Decimal("0E-18")
    assert hours.validate_python(Decimal("0.0000000000000000015")) == Decimal("2E-18")


@pytest.mark.parametrize(
    "value", [0.5, True, "1.5", None, Decimal("NaN"), Decimal("Infinity"), -1, Decimal("1e400")]
)
def test_hours_that_are_no_exact_number_of_hours_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Hours).validate_python(value)


def test_a_rate_that_a_float_blurred_is_the_rate_that_was_meant() -> None:
    rate = TypeAdapter(OptionalRate)
    assert rate.validate_python(Decimal("71.24999999999999")) == Decimal("71.2500")
    assert rate.validate_python(Decimal("0.30000000000000004")) == Decimal("0.3000")
    assert rate.validate_python(Decimal("0.00005")) == Decimal("0.0001")
    assert rate.validate_python(0) == Decimal("0.0000")
    assert rate.validate_python(None) is None


def test_bytes_are_a_whole_number_and_none_are_zero() -> None:
    adapter = TypeAdapter(Bytes)
    assert adapter.validate_python(None) == 0
    assert adapter.validate_python(1649267441664) == 1649267441664
    for value in (-1, 2**63, "n/a"):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_json_text_stays_as_it_was_sent_and_a_list_becomes_it() -> None:
    adapter = TypeAdapter(JsonText)
    assert adapter.validate_python('["a.com" ]') == '["a.com" ]'
    assert adapter.validate_python(["a.com"]) == '["a.com"]'
    assert adapter.validate_python({"soc": "Ærlig"}) == '{"soc": "Ærlig"}'


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Instant, "0001-01-01T00:00:00Z", "is not between 1970 and 2200"),
        (Instant, "0001-01-01T00:00:00+14:00", "is not a timestamp"),
        (Instant, "9999-12-31T23:59:59Z", "is not between 1970 and 2200"),
        (OptionalInstant, "1969-12-31T23:59:59Z", "is not between 1970 and 2200"),
        (OptionalDate, "0001-01-01", "is before 1900"),
        (OptionalDate, "0001-01-01T00:00:00Z", "is before 1900"),
    ],
)
def test_a_time_of_no_age_is_refused(kind: Any, value: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(kind).validate_python(value)


def test_a_day_that_stands_for_never_is_a_day() -> None:
    assert TypeAdapter(OptionalDate).validate_python("9999-12-31") == date(9999, 12, 31)
    assert TypeAdapter(OptionalDate).validate_python("9999-12-31T00:00:00Z") == date(9999, 12, 31)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (" 620547 ", "620547"),
        ("Zoë 🦊", "Zoë 🦊"),
        ("9" * 200, "9" * 200),
        ("9" * 201, None),
        (" ", None),
        ("a\x1bb", None),
        ("a\nb", None),
        ("a\0b", None),
        ("a\ud800", None),
        (7, None),
        (b"a", None),
        (None, None),
    ],
)
def test_a_key_is_what_an_index_and_an_address_can_hold(value: object, key: str | None) -> None:
    assert key_of(value) == key


def test_an_address_has_no_control_characters() -> None:
    assert TypeAdapter(OptionalEmail).validate_python(" Ana\x00@School.example\x1b\n") == "ana@school.example"
    assert TypeAdapter(OptionalEmail).validate_python("\x07") is None
