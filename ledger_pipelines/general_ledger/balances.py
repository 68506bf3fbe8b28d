"""Sums of the journal by month, account and currency, which reconciliation and trial balance rest on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import constant, dtype, dtype_of, narrowed, to_pandas
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.sub_ledgers import TRIAL_BALANCE
from ledger_pipelines.tables.table import DATE

#: A month's debits and credits of an account, and how much of them is draft.
MOVEMENTS = pa.schema(
    [
        *TRIAL_BALANCE.part(("month", "account", "currency", "debit", "credit")),
        pa.field("draft_debit", LEDGER_AMOUNT),
        pa.field("draft_credit", LEDGER_AMOUNT),
    ]
)
KEY = ["account", "currency"]
#: A bare Decimal has another type in frames.
ZERO: Any = pa.scalar(0, LEDGER_AMOUNT).as_py()


def summed(frame: pd.DataFrame, names: list[str], by: list[str] | None = None) -> pd.DataFrame:
    """The sums of these amounts by account and currency, or by other columns."""
    keys = by or KEY
    if frame.empty:
        # A group of no rows has columns without a chunk, which pandas cannot merge.
        kinds = {name: dtype_of(frame[name]) for name in keys} | dict.fromkeys(names, LEDGER_AMOUNT)
        return to_pandas(pa.table({name: pa.array([], kind) for name, kind in kinds.items()}))
    sums = frame.groupby(keys, as_index=False, sort=True)[names].sum()
    return sums.assign(**{name: narrowed(sums[name], LEDGER_AMOUNT) for name in names})


def until(frame: pd.DataFrame, month: date) -> pd.DataFrame:
    """The rows up to a month, this one included."""
    return frame[frame["month"] <= month]


def filled(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The frame with 0 where one of these amounts is missing."""
    return frame.assign(**{name: frame[name].astype(dtype(LEDGER_AMOUNT)).fillna(ZERO) for name in names})


def of_month(frame: pd.DataFrame, month: date) -> pd.DataFrame:
    """The frame as one of this month."""
    return frame.assign(month=constant(month, DATE, frame))
