"""Custom line items: recurring, one-off and yearly charges (rules/billing.md, Custom line items)."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.lines import CUSTOM_CHARGE, charged, labels, statement_lines
from ledger_pipelines.billing.outputs import STATEMENT_LINES
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.frames import Series, constant, dtype

#: The fees, of which an item has one.
FEES = ("monthly_fee", "one_off_fee", "yearly_fee")
RECURRING, ONE_OFF, YEARLY = "recurring", "one_off", "yearly"
#: What a charge is of: those of one name and kind follow one another.
ITEM = ["account_number", "name", "kind"]


def with_kind(items: pd.DataFrame) -> pd.DataFrame:
    """The items with `kind` and `fee`; both are missing where an item has no fee.

    An item is of the kind whose fee it has (the table lets it have only one; else the first of recurring,
    one-off, yearly holds).
    """
    none = constant(None, pa.string(), items)
    return items.assign(
        kind=none.mask(items["yearly_fee"].notna(), YEARLY)
        .mask(items["one_off_fee"].notna(), ONE_OFF)
        .mask(items["monthly_fee"].notna(), RECURRING),
        fee=items["monthly_fee"].fillna(items["one_off_fee"]).fillna(items["yearly_fee"]),
    )


def is_due(items: pd.DataFrame) -> Series:
    """Whether each item (`with_kind`) falls due in its `month`."""
    year, month = items["month"].dt.year, items["month"].dt.month
    in_its_month = (items["one_off_year"] == year) & (items["one_off_month"] == month)
    due: Series = (
        (items["kind"] == RECURRING)
        | ((items["kind"] == ONE_OFF) & in_its_month.fillna(False))
        | ((items["kind"] == YEARLY) & (items["yearly_month"] == month).fillna(False))
    )
    return due.fillna(False)


def charge_line_items(inputs: BillingInputs, terms: Terms, currency: str) -> pa.Table:
    """A line for each item that falls due in the month, also where its fee is 0."""
    if not inputs.custom_line_items.num_rows:
        return STATEMENT_LINES.empty_table()
    items = in_force(with_kind(inputs.frame("custom_line_items")), ITEM, terms.months)
    due = items[is_due(items)].merge(terms.frame[KEY], on=KEY)
    return statement_lines(
        due.assign(
            source_id=due["id"].astype(dtype(pa.string())),
            type=due["kind"],
            description=labels(due["name"], "Item", due["id"]),
            rate=due["fee"],
            amount=charged(due["fee"], currency),
        ),
        source_type="line_item",
        kind="custom",
        item=CUSTOM_CHARGE,
        currency=currency,
    )
