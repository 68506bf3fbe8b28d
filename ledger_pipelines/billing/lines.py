"""Statement lines: one frame for each kind of charge, all with the same columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.outputs import QUANTITY, STATEMENT_LINES
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import Column, Exact, Int64s, decimals, same, take
from ledger_pipelines.money import AMOUNT, RATE

MANAGED_SERVICES = "Managed Services"
BACKUP_SERVICES = "Backup Services"
HOURLY_LABOR = "Hourly Labor"
CUSTOM_CHARGE = "Custom Charge"

#: One, in the smallest unit of a quantity.
ONE = 10**QUANTITY.scale


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

    `rates` in ten-thousandths, `amounts` in hundredths, `quantities` in millionths (one each when None).
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
            decimals(amounts, AMOUNT),
            same(currency, count),
        ],
        schema=STATEMENT_LINES,
    )
