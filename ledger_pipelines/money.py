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

#: Digits of a currency's minor unit where they are not two (ISO 4217).
_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def minor_unit(currency: str) -> int:
    """The digits after the decimal point that a currency's smallest unit has: 2 for EUR, 0 for JPY, 3 for KWD.

    Two for a code that ISO 4217 does not have.
    """
    return _DIGITS.get(currency.upper(), 2)


def decimal_places(amount: Decimal, currency: str) -> int:
    """The decimals that an amount is shown with: its currency's, and more only where it has more."""
    exponent = amount.normalize().as_tuple().exponent
    return max(minor_unit(currency), -exponent if isinstance(exponent, int) else 0)


def told_amount(amount: Decimal, currency: str | None) -> str:
    """An amount with its currency, and as many decimals as that has: `1,234.50 EUR`, `1,234 JPY`."""
    return f"{amount:,.{decimal_places(amount, currency or '')}f} {currency or ''}".rstrip()
