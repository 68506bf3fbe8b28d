"""Hours as whole numbers: a ticket's are whole seconds at their source (rules/billing.md, Ticket hours).

Reckoned is in units of which an hour has 90,000: a second is 25 of them, and the ten-thousandth of an hour, in which
allowances are kept, is 9. So every sum, difference and allowance is exact.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.inputs import HOURS
from ledger_pipelines.columns import Column, Exact, Int64s, decimals, exact, half_up, int64s

HOUR = 90_000
#: A ten-thousandth of an hour.
FROM_RATE = HOUR // 10**4
_SECOND = HOUR // 3_600
#: A fraction of an hour in the smallest unit of hours, times 9: 10^18 / 90,000 is 10^14 / 9.
_NINTHS = 10**14


def hours_in_units(hours: Column) -> Int64s:
    """A column of hours (HOURS), each taken for the whole seconds that it was made of; null is 0."""
    seconds: Any = pc.multiply(hours.cast(HOURS), pa.scalar(Decimal(3_600), pa.decimal128(4, 0)))
    whole: Any = pc.round(seconds, 0, round_mode="half_towards_infinity")
    return int64s(whole.cast(pa.int64())) * _SECOND


def units_in_hours(units: Int64s) -> Column:
    """Units, none below 0, as a column of hours (HOURS), rounded half-up at its last place."""
    whole, rest = np.divmod(units, HOUR)
    hours: Any = pa.array(whole, pa.int64()).cast(pa.decimal128(19, 0)).cast(HOURS)
    # Nine is odd, so that no fraction is a half.
    fraction: Any = decimals((rest * _NINTHS + 4) // 9, HOURS)
    summed: Column = pc.add(hours, fraction).cast(HOURS)
    return summed


def quantities(units: Int64s) -> Exact:
    """Units as the quantity of a line: hours in millionths, rounded half-up."""
    rounded: Exact = half_up(exact(units) * 10**6, HOUR)
    return rounded
