"""How many digits after the point a currency has."""

from __future__ import annotations

import pytest

from ledger_pipelines.money import minor_unit


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("usd", 2), ("JPY", 0), (" clp ", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2), ("USDT", 2)],
)
def test_a_currency_has_cents_unless_it_is_known_to_have_none_or_more(currency: str, digits: int) -> None:
    assert minor_unit(currency) == digits
