"""The trial balance (rules/general_ledger.md, Trial balance): every account from opening to closing, debits positive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import constant, narrowed, to_arrow, to_pandas
from ledger_pipelines.general_ledger.balances import KEY, ZERO, filled, of_month, summed
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.sub_ledgers import TRIAL_BALANCE
from ledger_pipelines.tables.table import TEXT

#: The line of the result of earlier fiscal years that no entry moved to equity.
EARLIER_YEARS = "earlier_years"
#: Kinds of accounts that carry on over the end of a fiscal year, and what unknown accounts of these kinds begin with.
_CARRYING_ON, _CARRYING_DIGITS = frozenset({"asset", "liability", "equity"}), ("1", "2")
_AMOUNTS = ["debit", "credit"]


def fiscal_year_start(month: date, first_month: int) -> date:
    """The first month of the fiscal year that a month lies in; fiscal years begin with this calendar month."""
    year = month.year if month.month >= first_month else month.year - 1
    return date(year, first_month, 1)


def carries_on(account: str, kinds: Mapping[str, str]) -> bool:
    """Whether an account is of the balance sheet; one that the chart lacks is, where its number begins with 1 or 2."""
    kind = kinds.get(account)
    return account.startswith(_CARRYING_DIGITS) if kind is None else kind in _CARRYING_ON


def trial_balance(
    movements: pa.Table, kinds: Mapping[str, str], months: Sequence[date], *, fiscal_year: int = 1
) -> pa.Table:
    """The months' trial balances, with the columns of `trial_balance`.

    `movements` (`MOVEMENTS`) are those of all months up to the last, `kinds` the accounts' kinds, and fiscal years begin
    with the calendar month `fiscal_year`. Each month's closings come to 0 in every currency.
    """
    frame = to_pandas(movements)
    lasting = frame["account"].map(lambda account: carries_on(account, kinds)).astype("bool[pyarrow]")
    frame = frame.assign(balance=narrowed(frame["debit"] - frame["credit"], LEDGER_AMOUNT), lasting=lasting)
    frames = [_of_month(frame, month, fiscal_year_start(month, fiscal_year)) for month in months]
    return to_arrow(pd.concat(frames), TRIAL_BALANCE.schema) if frames else TRIAL_BALANCE.schema.empty_table()


def _of_month(frame: pd.DataFrame, month: date, year: date) -> pd.DataFrame:
    before = frame[(frame["month"] < month) & (frame["lasting"] | (frame["month"] >= year))]
    earlier = frame[(frame["month"] < year) & ~frame["lasting"]]
    earlier = earlier.assign(account=constant(EARLIER_YEARS, TEXT, earlier))
    opening = summed(pd.concat([before, earlier]), ["balance"]).rename(columns={"balance": "opening"})
    moved = summed(frame[frame["month"] == month], _AMOUNTS)
    found = filled(opening.merge(moved, on=KEY, how="outer"), ["opening", *_AMOUNTS])
    closing = narrowed(found["opening"] + found["debit"] - found["credit"], LEDGER_AMOUNT)
    found = found.assign(closing=closing)
    is_nonzero = (found["opening"] != ZERO) | (found["debit"] != ZERO) | (found["credit"] != ZERO)
    return of_month(found[is_nonzero].sort_values(KEY), month)
