"""Hours as whole numbers: a ticket's are whole seconds at their source (rules/billing.md, Ticket hours).

The unit of computation is an hour's 90,000th part: a second is 25 of them, and the ten-thousandth of an hour, in which
allowances are kept, is 9. So every sum, difference and allowance is exact. No company has more hours than 64 bits
hold (`limits`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.outputs import QUANTITY
from ledger_pipelines.frames import Series, dtype, narrowed, over_distinct, rounded
from ledger_pipelines.tables.table import HOURS

_UNITS = pa.int64()
#: What an hour has of units and seconds; of any type, since pandas' stubs know of no decimals.
_HOUR: Any = Decimal(90_000)
_SECONDS: Any = Decimal(3_600)
_SECOND = 25
#: Units of 19 digits with room for the places of a quotient.
_DIVIDEND = pa.decimal128(32, 13)


def hours_in_units(hours: Series) -> Series:
    """Hours (HOURS), each taken for the whole seconds that it was made of; a missing one is 0."""

    def whole_seconds(distinct: Series) -> Series:
        seconds = rounded(distinct.fillna(0) * _SECONDS, 0)
        units: Series = seconds.astype(dtype(_UNITS)) * _SECOND
        return units

    return over_distinct(hours, whole_seconds)


def allowance_in_units(hours: Series) -> Series:
    """Hours of an allowance (RATE), which have four decimals."""
    units: Series = (hours * _HOUR).astype(dtype(_UNITS))
    return units


def units_in_hours(units: Series) -> Series:
    """Units, none below 0, as hours (HOURS), rounded half-up at the last place."""
    return _in_hours(units, HOURS)


def quantities(units: Series) -> Series:
    """Units as the quantity of a line: hours (QUANTITY), rounded half-up."""
    return _in_hours(units, QUANTITY)


def _in_hours(units: Series, kind: pa.Decimal128Type) -> Series:
    def divided(distinct: Series) -> Series:
        # Division cuts its result off, at a place that is not rounded by.
        return narrowed(rounded(distinct.astype(dtype(_DIVIDEND)) / _HOUR, kind.scale), kind)

    return over_distinct(units, divided)
