"""Custom line items: recurring, one-off and yearly charges (rules/billing.md, Custom line items)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.lines import CUSTOM_CHARGE, RATE_UNIT, Stated, charged, statement_lines
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import (
    Int64s,
    Mask,
    array,
    column,
    int64s,
    kept,
    named,
    present,
    small_units,
    summed,
    take,
)

KINDS = ("recurring", "one_off", "yearly")
FEES = ("monthly_fee", "one_off_fee", "yearly_fee")


@dataclass(frozen=True, slots=True)
class LineItemCharges:
    """The lines, and each statement's sum in the currency's minor unit."""

    lines: pa.Table
    totals: Int64s


def with_kind(items: pa.Table) -> pa.Table:
    """The items with their `kind`: 0 recurring, 1 one-off, 2 yearly, -1 none of them."""
    has = [present(column(items, name)) for name in FEES]
    return items.append_column("kind", array(np.select(has, list(range(len(FEES))), default=-1)))


def is_due(items: pa.Table, days: Int64s) -> Mask:
    """Whether each item (`with_kind`) falls due in the month of its day (the first, since 1970)."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    year, month_of_year = months // 12 + 1970, months % 12 + 1
    kinds = int64s(column(items, "kind"))
    one_off_year, one_off_month, yearly_month = (
        int64s(column(items, name)) for name in ("one_off_year", "one_off_month", "yearly_month")
    )
    due: Mask = (
        (kinds == 0)
        | ((kinds == 1) & (one_off_year == year) & (one_off_month == month_of_year))
        | ((kinds == 2) & (yearly_month == month_of_year))
    )
    return due


def charge_line_items(inputs: BillingInputs, terms: Terms, currency: str) -> LineItemCharges:
    """A line for each item that falls due in the month, also where its fee is 0.

    An item is of the kind whose fee it has (the table lets it have only one; else the first of recurring,
    one-off, yearly holds).
    """
    items, rows = terms.index.billed_in_force(
        terms.index.edits(with_kind(inputs.read("custom_line_items")), "account_number", "name", "kind")
    )
    due = is_due(items, terms.index.months[terms.index.month[rows]])
    items, rows = kept(items, due), rows[due]
    kinds = int64s(column(items, "kind"))
    fees = small_units(pc.coalesce(*(column(items, name) for name in FEES)))
    amounts = charged(fees, RATE_UNIT, currency)
    ids = column(items, "id")
    stated = Stated(
        rows,
        "line_item",
        ids,
        "custom",
        take(array(KINDS), kinds),
        CUSTOM_CHARGE,
        named(column(items, "name"), "Item", ids),
    )
    lines = statement_lines(terms, stated, rates=fees, amounts=amounts, currency=currency)
    return LineItemCharges(lines, summed(amounts, rows, terms.index.count))
