"""Decimals as accounting files write them."""

from __future__ import annotations

import re
from decimal import Decimal

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)", re.ASCII)
#: More digits than any amount has; every column that takes an amount holds this many.
_MOST_DIGITS = 18


def parse_decimal(text: str) -> Decimal:
    """The number: digits with at most one point, and a sign.

    Raises ValueError with what is wrong with it: no exponent, no `NaN`, and no more than 18 digits are taken.
    """
    trimmed = text.strip()
    if not _DECIMAL.fullmatch(trimmed):
        raise ValueError(f"{trimmed[:40]!r} is no decimal number: digits with at most one point are")
    if sum(map(str.isdigit, trimmed)) > _MOST_DIGITS:
        raise ValueError(f"{trimmed[:40]!r} has more than {_MOST_DIGITS} digits")
    return Decimal(trimmed)
