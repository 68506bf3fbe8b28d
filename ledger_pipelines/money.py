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
#: What a statement charges, with room for currencies of three decimals: `numeric(18, 3)` in a table.
CHARGE = pa.decimal128(18, 3)

#: The digits after the point of currencies that have not two (ISO 4217, list one).
_MINOR_UNITS = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
            *("PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def is_amount(kind: pa.DataType) -> bool:
    """Whether a column of this type holds amounts of money: a price, hours and quantities have other scales."""
    return pa.types.is_decimal(kind) and kind.scale in (AMOUNT.scale, CHARGE.scale)


def minor_unit(currency: str) -> int:
    """How many digits after the point the least amount of a currency has: 2, but 0 for JPY and 3 for KWD.

    `currency` is its three letters, in any case; one that is not known has cents.
    """
    return _MINOR_UNITS.get(currency.strip().upper(), 2)


def format_amount(amount: Decimal, currency: str) -> str:
    """An amount with the decimals of its currency, as people read it: `1,550.00`, `155` yen, `1.250` dinars.

    With more where it has more: nothing is rounded away.
    """
    return f"{amount:,.{decimal_places(amount, currency)}f}"


def decimal_places(amount: Decimal, currency: str) -> int:
    """The decimals that an amount is shown with: its currency's, and more only where it has more."""
    exponent = amount.normalize().as_tuple().exponent
    return max(minor_unit(currency), -exponent if isinstance(exponent, int) else 0)


def format_money(amount: Decimal, currency: str | None) -> str:
    """An amount with its currency: `1,234.50 EUR`, `1,234 JPY`."""
    return f"{format_amount(amount, currency or '')} {currency or ''}".rstrip()
