"""Currencies and their minor units."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger_pipelines.money import minor_unit, shown


@pytest.mark.parametrize(
    ("currency", "decimals"), [("USD", 2), ("EUR", 2), ("jpy ", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2)]
)
def test_an_amount_has_as_many_decimals_as_its_currency(currency: str, decimals: int) -> None:
    assert minor_unit(currency) == decimals


def test_an_amount_is_shown_with_its_currency_s_decimals() -> None:
    amount = Decimal("1550.000")
    assert [shown(amount, currency) for currency in ("USD", "JPY", "KWD")] == [
        "1,550.00",
        "1,550",
        "1,550.000",
    ]
