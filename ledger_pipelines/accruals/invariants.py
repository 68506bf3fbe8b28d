"""What must hold of accruals and deferred revenue (rules/accruals.md, Invariants).

Each function returns the rows that offend, none when all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import months_of, ranked
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
from ledger_pipelines.columns import (
    Int64s,
    Mask,
    array,
    column,
    int64s,
    joined_text,
    kept,
    positions,
    small_units,
)
from ledger_pipelines.money import AMOUNT


def recognised_beyond_contract(accruals: pa.Table) -> pa.Table:
    """Rows that have recognised more than the contract's amount, in absolute value, or of the other sign.

    Rows: ACCRUAL_KEY, contract_amount, recognised_to_date.
    """
    amount, to_date = _units(accruals, "contract_amount"), _units(accruals, "recognised_to_date")
    # The sign of a product, without the product, which might not fit.
    beyond = (np.abs(to_date) > np.abs(amount)) | (np.sign(amount) * np.sign(to_date) < 0)
    return _offending(accruals, beyond, [*ACCRUAL_KEY, "contract_amount", "recognised_to_date"])


def completed_with_money_left(accruals: pa.Table) -> pa.Table:
    """Completed and cancelled contracts that have not recognised exactly their amount.

    Rows: ACCRUAL_KEY, state, contract_amount, recognised_to_date.
    """
    states: Any = column(accruals, "state")
    final = pc.is_in(states, value_set=array([STATES[STATE_COMPLETED], STATES[STATE_CANCELED]]))
    done: Mask = final.to_numpy(zero_copy_only=False)
    left = _units(accruals, "contract_amount") != _units(accruals, "recognised_to_date")
    return _offending(accruals, done & left, [*ACCRUAL_KEY, "state", "contract_amount", "recognised_to_date"])


def accruals_that_do_not_follow(accruals: pa.Table) -> pa.Table:
    """Rows that do not add up: pending is not amount less recognised to date, or the amount or what is recognised
    to date is not the contract's last row's and the month's.

    `accruals` holds all months from the first to the last, so that a month without a row is one in which nothing
    changed. A contract's first row starts from what it says. Rows: ACCRUAL_KEY, contract_amount,
    recognised_to_date, pending.
    """
    accruals = accruals.sort_by([(name, "ascending") for name in (*CONTRACT_KEY, "month")])
    amount, to_date = _units(accruals, "contract_amount"), _units(accruals, "recognised_to_date")
    wrong = amount - to_date != _units(accruals, "pending")
    keys = [ranked(column(accruals, name))[0] for name in CONTRACT_KEY]
    again = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    moved = (amount[1:] - amount[:-1] != _units(accruals, "invoiced")[1:]) | (
        to_date[1:] - to_date[:-1] != _units(accruals, "recognised")[1:]
    )
    wrong[1:] |= again & moved
    return _offending(accruals, wrong, [*ACCRUAL_KEY, "contract_amount", "recognised_to_date", "pending"])


def deferred_revenue_that_does_not_roll(deferred: pa.Table) -> pa.Table:
    """Rows whose closing is not opening + invoiced - recognised, or that do not open with what the month before
    closed with.

    A month without the month before it opens with anything; a currency that the month before does not have
    opens with nothing. Rows: all columns of DEFERRED_REVENUE.
    """
    deferred = deferred.sort_by([("currency", "ascending"), ("month", "ascending")])
    opening, invoiced, recognised, closing = (
        _units(deferred, name) for name in ("opening", "invoiced", "recognised", "closing")
    )
    months = months_of(int64s(column(deferred, "month")))
    currency, _ = ranked(column(deferred, "currency"))
    follows = np.zeros(months.size, dtype=np.bool_)
    follows[1:] = (currency[1:] == currency[:-1]) & (months[1:] == months[:-1] + 1)
    expected = np.where(follows, np.roll(closing, 1), 0)
    known = np.isin(months - 1, months)
    wrong = (opening + invoiced - recognised != closing) | (known & (opening != expected))
    return _offending(deferred, wrong, deferred.column_names)


def accruals_and_deferred_revenue_that_disagree(accruals: pa.Table, deferred: pa.Table) -> pa.Table:
    """Months and currencies whose contracts do not come to what deferred revenue says.

    Both frames hold the same months. Rows: DEFERRED_KEY, and for each of invoiced, recognised and closing the
    sum of the contracts (0 where there is no row) less what deferred revenue says.
    """
    names = ("invoiced", "recognised", "closing")
    stated = deferred.select([*DEFERRED_KEY, *names])
    of_contracts = accruals.select([*DEFERRED_KEY, "invoiced", "recognised", "pending"])
    of_contracts = of_contracts.rename_columns(stated.column_names).cast(stated.schema)
    negative: Any = [pc.negate(column(stated, name)).cast(AMOUNT) for name in names]
    keys = [column(stated, name) for name in DEFERRED_KEY]
    both = pa.concat_tables([of_contracts, pa.Table.from_arrays([*keys, *negative], schema=stated.schema)])
    sums = both.group_by(list(DEFERRED_KEY)).aggregate([(name, "sum") for name in names])
    found = sums.select([*DEFERRED_KEY, *(f"{name}_sum" for name in names)]).rename_columns(
        stated.column_names
    )
    wrong = np.logical_or.reduce([_units(found, name) != 0 for name in names])
    return _offending(found, wrong, found.column_names)


def revenue_taken_back(accruals: pa.Table, notices: pa.Table) -> pa.Table:
    """Accruals that take revenue back, without a credit note in the month or a notice of the contract that says why.

    Rows: ACCRUAL_KEY, contract_amount, recognised.
    """
    recognised, invoiced = _units(accruals, "recognised"), _units(accruals, "invoiced")
    named = kept(notices, int64s(column(notices, "contract_number")) > 0)
    keys = [joined_text(frame, ACCRUAL_KEY) for frame in (accruals, named)]
    is_told = positions(keys[0], keys[1]) >= 0
    wrong = (recognised < 0) & (invoiced >= 0) & ~is_told
    return _offending(accruals, wrong, [*ACCRUAL_KEY, "contract_amount", "recognised"])


def stalled_contracts(notices: pa.Table) -> pa.Table:
    """Contracts with money that nothing will ever release, the largest amounts first.

    Rows: ACCRUAL_KEY, period_id, amount, message.
    """
    kinds: Any = column(notices, "kind")
    found = notices.filter(pc.equal(kinds, pa.scalar(STALLED)))
    shown = [*ACCRUAL_KEY, "period_id", "amount", "message"]
    return found.sort_by(
        [("amount", "descending"), *((name, "ascending") for name in NOTICE_KEY if name != "kind")]
    ).select(shown)


def _units(frame: pa.Table, name: str) -> Int64s:
    return small_units(column(frame, name))


def _offending(frame: pa.Table, where: Mask, columns: Sequence[str]) -> pa.Table:
    key = [name for name in ACCRUAL_KEY if name in columns]
    return kept(frame, where).select(list(columns)).sort_by([(name, "ascending") for name in key])
