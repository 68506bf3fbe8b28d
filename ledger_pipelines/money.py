"""Money: exact, half-up, to the currency's minor unit.

Amounts are `decimal.Decimal` alone and `decimal128` in frames. Half-up means that a half goes away from
zero, as PostgreSQL's `round(numeric, int)` does, so a credit note rounds like its invoice.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

CENT = Decimal("0.01")

#: An amount of money in a frame and, as `numeric(18, 2)`, in a table.
AMOUNT = pa.decimal128(18, 2)
#: A price for one unit of something, in a frame and, as `numeric(14, 4)`, in a table.
RATE = pa.decimal128(14, 4)


def round_half_up(value: Decimal) -> Decimal:
    """`value` rounded to cents; a half goes away from zero."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def round_amounts(values: pa.Array[Any]) -> pa.Array[Any]:
    """Decimals of any scale as `AMOUNT`, each rounded half-up once."""
    return pc.round(values, ndigits=2, round_mode="half_towards_infinity").cast(AMOUNT)
