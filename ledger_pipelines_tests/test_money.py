"""Currencies and their smallest units."""

from __future__ import annotations

import pytest

from ledger_pipelines.money import minor_unit


@pytest.mark.parametrize(
    ("currency", "digits"), [("EUR", 2), ("usd", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2)]
)
def test_digits_of_the_minor_unit(currency: str, digits: int) -> None:
    assert minor_unit(currency) == digits
