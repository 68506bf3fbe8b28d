"""What must hold of accruals and deferred revenue (rules/accruals.md, Invariants).

Each function returns the rows that offend, none when all is well.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from ledger_pipelines.accruals.outputs import (
    ACCRUAL_KEY,
    CONTRACT_KEY,
    DEFERRED_KEY,
    NOTICE_KEY,
    STALLED,
    STATE_CANCELED,
    STATE_COMPLETED,
    STATES,
)
from ledger_pipelines.columns import filter_rows
from ledger_pipelines.frames import Series, narrowed, to_arrow, to_pandas
from ledger_pipelines.money import AMOUNT


def recognised_beyond_contract(accruals: pa.Table) -> pa.Table:
    """Rows that have recognised more than the contract's amount, in absolute value, or of the other sign.

    Rows: ACCRUAL_KEY, contract_amount, recognised_to_date.
    """
    rows = to_pandas(accruals)
    amount, to_date = rows["contract_amount"], rows["recognised_to_date"]
    other_sign = ((amount < 0) & (to_date > 0)) | ((amount > 0) & (to_date < 0))
    beyond = (to_date.abs() > amount.abs()) | other_sign
    return _offending(accruals, beyond, [*ACCRUAL_KEY, "contract_amount", "recognised_to_date"])


def completed_with_money_left(accruals: pa.Table) -> pa.Table:
    """Completed and cancelled contracts that have not recognised exactly their amount.

    Rows: ACCRUAL_KEY, state, contract_amount, recognised_to_date.
    """
    rows = to_pandas(accruals)
    is_done = rows["state"].isin([STATES[STATE_COMPLETED], STATES[STATE_CANCELED]])
    left = is_done & (rows["contract_amount"] != rows["recognised_to_date"])
    return _offending(accruals, left, [*ACCRUAL_KEY, "state", "contract_amount", "recognised_to_date"])


def accruals_that_do_not_follow(accruals: pa.Table) -> pa.Table:
    """Rows that do not add up: pending is not amount less recognised to date, or the amount or what is recognised
    to date is not the contract's last row's and the month's.

    `accruals` holds all months from the first to the last, so that a month without a row is one in which nothing
    changed. A contract's first row starts from what it says. Rows: ACCRUAL_KEY, contract_amount,
    recognised_to_date, pending.
    """
    accruals = accruals.sort_by([(name, "ascending") for name in (*CONTRACT_KEY, "month")])
    rows = to_pandas(accruals)
    amount, to_date = rows["contract_amount"], rows["recognised_to_date"]
    moved = (amount - amount.shift() != rows["invoiced"]) | (to_date - to_date.shift() != rows["recognised"])
    wrong = (amount - to_date != rows["pending"]) | (_is_as_above(rows, CONTRACT_KEY) & moved)
    return _offending(accruals, wrong, [*ACCRUAL_KEY, "contract_amount", "recognised_to_date", "pending"])


def deferred_revenue_that_does_not_roll(deferred: pa.Table) -> pa.Table:
    """Rows whose closing is not opening + invoiced - recognised, or that do not open with what the month before
    closed with.

    A month without the month before it opens with anything; a currency that the month before does not have
    opens with nothing. Rows: all columns of DEFERRED_REVENUE.
    """
    deferred = deferred.sort_by([("currency", "ascending"), ("month", "ascending")])
    rows = to_pandas(deferred)
    next_month = rows["month"] + pd.DateOffset(months=1)
    follows = _is_as_above(rows, ["currency"]) & (next_month.shift() == rows["month"])
    reopened = (rows["opening"] != rows["closing"].shift()).where(follows, rows["opening"] != 0)
    wrong = rows["opening"] + rows["invoiced"] - rows["recognised"] != rows["closing"]
    return _offending(deferred, wrong | (rows["month"].isin(next_month) & reopened), deferred.column_names)


def accruals_and_deferred_revenue_that_disagree(accruals: pa.Table, deferred: pa.Table) -> pa.Table:
    """Months and currencies whose contracts do not come to what deferred revenue says.

    Both frames hold the same months. Rows: DEFERRED_KEY, and for each of invoiced, recognised and closing the
    sum of the contracts (0 where there is no row) less what deferred revenue says.
    """
    names = ["invoiced", "recognised", "closing"]
    stated = deferred.select([*DEFERRED_KEY, *names])
    of_contracts = to_pandas(accruals).rename(columns={"pending": "closing"})[stated.column_names]
    less = to_pandas(stated)
    less = less.assign(**{name: narrowed(-less[name], AMOUNT) for name in names})
    sums = pd.concat([of_contracts, less]).groupby(list(DEFERRED_KEY), as_index=False)[names].sum()
    found = to_arrow(sums, stated.schema)
    return _offending(found, (sums[names] != 0).any(axis=1), found.column_names)


def revenue_taken_back(accruals: pa.Table, notices: pa.Table) -> pa.Table:
    """Accruals that take revenue back, without a credit note in the month or a notice of the contract that says why.

    Rows: ACCRUAL_KEY, contract_amount, recognised.
    """
    rows, key = to_pandas(accruals), list(ACCRUAL_KEY)
    named = to_pandas(notices.select([*key]))
    named = named[named["contract_number"] > 0].drop_duplicates()
    has_notice = rows[key].merge(named, how="left", on=key, indicator="notice")["notice"] == "both"
    wrong = (rows["recognised"] < 0) & (rows["invoiced"] >= 0) & ~has_notice
    return _offending(accruals, wrong, [*ACCRUAL_KEY, "contract_amount", "recognised"])


def stalled_contracts(notices: pa.Table) -> pa.Table:
    """Contracts with money that nothing will ever release, the largest amounts first.

    Rows: ACCRUAL_KEY, period_id, amount, message.
    """
    stalled = filter_rows(notices, (to_pandas(notices)["kind"] == STALLED).to_numpy(dtype=bool))
    key = [name for name in NOTICE_KEY if name != "kind"]
    ordered = stalled.sort_by([("amount", "descending"), *((name, "ascending") for name in key)])
    return ordered.select([*ACCRUAL_KEY, "period_id", "amount", "message"])


def _is_as_above(rows: pd.DataFrame, names: Sequence[str]) -> Series:
    """Where a row has the values of the row above it in these columns."""
    key = rows[list(names)]
    return (key == key.shift()).fillna(False).all(axis=1)


def _offending(frame: pa.Table, where: Series, columns: Sequence[str]) -> pa.Table:
    key = [name for name in ACCRUAL_KEY if name in columns]
    offending = filter_rows(frame, where.to_numpy(dtype=bool, na_value=False))
    return offending.select(list(columns)).sort_by([(name, "ascending") for name in key])
