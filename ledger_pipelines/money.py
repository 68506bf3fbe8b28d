"""Money: exact, half-up, to the currency's minor unit.

Amounts are `decimal.Decimal` alone and `decimal128` in frames. Half-up means that a half goes away from
zero, as PostgreSQL's `round(numeric, int)` does, so a credit note rounds like its invoice.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

CENT = Decimal("0.01")

#: An amount of money in a frame and, as `numeric(18, 2)`, in a table.
AMOUNT = pa.decimal128(18, 2)
#: A price for one unit of something, in a frame and, as `numeric(14, 4)`, in a table.
RATE = pa.decimal128(14, 4)
