"""Statement lines: one frame for each kind of charge, all with the same columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.outputs import QUANTITY, STATEMENT_LINES
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import Column, Exact, Int64s, decimals, half_up, same, take
from ledger_pipelines.money import CHARGE, RATE, minor_unit

MANAGED_SERVICES = "Managed Services"
BACKUP_SERVICES = "Backup Services"
HOURLY_LABOR = "Hourly Labor"
CUSTOM_CHARGE = "Custom Charge"

#: One, in the smallest unit of a quantity.
ONE = 10**QUANTITY.scale


#: One, in the smallest unit of a rate.
RATE_UNIT = 10**RATE.scale


def charged(units: Any, divisor: int, currency: str) -> Any:
    """`units / divisor` of a currency in its minor unit (cents, yen), rounded half-up: an amount of a line.

    `units` is an `Int64s` or an `Exact`, and so is the result.
    """
    return half_up(units * 10 ** _decimals(currency), divisor)


def amounts_of(minor: Int64s | Exact, currency: str) -> Column:
    """Amounts in the currency's minor unit as a decimal column (CHARGE)."""
    return decimals(minor * 10 ** (CHARGE.scale - _decimals(currency)), CHARGE)


def _decimals(currency: str) -> int:
    return min(minor_unit(currency), CHARGE.scale)


@dataclass(frozen=True, slots=True)
class Stated:
    """Where lines belong and what they are called; `rows` is the statement of each line."""

    rows: Int64s
    source_type: str
    source_ids: Column
    kind: str
    types: Column
    item: str
    descriptions: Column


def statement_lines(
    terms: Terms,
    stated: Stated,
    *,
    rates: Int64s,
    amounts: Int64s | Exact,
    quantities: Exact | None = None,
    currency: str,
) -> pa.Table:
    """The lines as a frame (STATEMENT_LINES).

    `rates` in ten-thousandths, `amounts` in the currency's minor unit, `quantities` in millionths (one each when
    None).
    """
    count = stated.rows.size
    many = np.full(count, ONE, dtype=np.int64) if quantities is None else quantities
    return pa.Table.from_arrays(
        [
            take(terms.frame["month"].combine_chunks(), stated.rows),
            take(terms.frame["account_number"].combine_chunks(), stated.rows),
            same(stated.source_type, count),
            stated.source_ids.cast(pa.string()),
            same(stated.kind, count),
            stated.types,
            same(stated.item, count),
            stated.descriptions,
            decimals(many, QUANTITY),
            decimals(rates, RATE),
            amounts_of(amounts, currency),
            same(currency, count),
        ],
        schema=STATEMENT_LINES,
    )
