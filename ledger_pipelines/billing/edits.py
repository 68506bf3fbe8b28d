"""What people edit, as each month has it (rules/billing.md, What people edit).

A row holds from its `from_month` on, one without from ever. Of the rows of one thing those that began latest count,
alone and whole: a later override does not add to an earlier one. Several that began in the same month all count, which
only charges and what is added by hand can have.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import constant, dtype, to_pandas

#: When a row without a month begins.
EVER = date.min


def in_force(edits: pd.DataFrame, thing: Sequence[str], months: Sequence[date]) -> pd.DataFrame:
    """The rows that each of these months has, once for each `month`; `thing` names the columns of what a row is of."""
    if edits.empty:
        return edits.assign(month=constant(None, pa.date32(), edits))
    pairs = edits.merge(month_column(months), how="cross")
    begins = pairs["from_month"].fillna(EVER)
    begun, begins = pairs[begins <= pairs["month"]], begins[begins <= pairs["month"]]
    # A missing name and a blank one are the same thing's.
    things = [begun[name].astype(dtype(pa.string())).fillna("") for name in thing]
    return begun[begins == begins.groupby([begun["month"], *things]).transform("max")]


def month_column(months: Sequence[date], name: str = "month") -> pd.DataFrame:
    """The months as a frame of one column."""
    return to_pandas(pa.table({name: pa.array(months, pa.date32())}))
