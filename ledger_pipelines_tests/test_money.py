"""Currencies and their smallest units."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger_pipelines.money import format_amount, format_money, minor_unit


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("usd", 2), ("JPY", 0), (" clp ", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2), ("USDT", 2)],
)
def test_a_currency_has_cents_unless_it_is_known_to_have_none_or_more(currency: str, digits: int) -> None:
    assert minor_unit(currency) == digits


def test_an_amount_is_shown_with_the_decimals_of_its_currency() -> None:
    amount = Decimal("1550.000")
    assert [format_amount(amount, currency) for currency in ("USD", "JPY", "KWD")] == [
        "1,550.00",
        "1,550",
        "1,550.000",
    ]
    assert format_money(Decimal("1234.5"), "EUR") == "1,234.50 EUR"
    assert format_money(Decimal("1234.5"), "JPY") == "1,234.5 JPY"
