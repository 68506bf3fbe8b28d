"""Money: exact, half-up, to the currency's minor unit.

Amounts are `decimal.Decimal` alone and `decimal128` in frames. Half-up means that a half goes away from
zero, as PostgreSQL's `round(numeric, int)` does, so a credit note rounds like its invoice.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

CENT = Decimal("0.01")

#: The currencies (ISO 4217) whose minor unit is not a hundredth, by its decimals.
_MINOR_UNITS = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
            *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

#: An amount of money in a frame and, as `numeric(18, 2)`, in a table.
AMOUNT = pa.decimal128(18, 2)
#: A price for one unit of something, in a frame and, as `numeric(14, 4)`, in a table.
RATE = pa.decimal128(14, 4)
#: What a statement charges, with room for currencies of three decimals: `numeric(18, 3)` in a table.
CHARGE = pa.decimal128(18, 3)


def minor_unit(currency: str) -> int:
    """How many decimals an amount in this currency (ISO 4217) has; 2 for one that is not known to differ."""
    return _MINOR_UNITS.get(currency.strip().upper(), 2)


def shown(amount: Decimal, currency: str) -> str:
    """An amount with the decimals of its currency, as people read it: `1,550.00`, `155` yen, `1.250` dinars."""
    return f"{amount:,.{minor_unit(currency)}f}"
