"""Monthly accruals and deferred revenue as frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.columns import NEVER, first_days, summed
from ledger_pipelines.accruals.contracts import Contracts
from ledger_pipelines.accruals.outputs import (
    CONTRACT_KEY,
    CONTRACT_STATUSES,
    DEFERRED_REVENUE,
    FRACTION,
    MONTHLY_ACCRUALS,
    REASONS,
    STATES,
)
from ledger_pipelines.accruals.release import Decided, Facts
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, decimals, half_up, take
from ledger_pipelines.money import AMOUNT


@dataclass(frozen=True, slots=True)
class MonthOfContracts:
    """A month (a number, with its last day) of all contracts; amounts in hundredths.

    `version` and `contract_day` are those of the month. `amount` is A, `before` C of the month before, `by_rule` E
    without step 6, `held` where that step holds, `undecided` where nothing more than before is recognised until a
    person decides, and `missed` where closed months booked something else than they would now.
    """

    month: int
    day: int
    version: Int64s
    contract_day: Int64s
    amount: Int64s
    invoiced: Int64s
    before: Int64s
    decided: Decided
    reason: Int64s
    held: Mask
    undecided: Mask
    missed: Mask
    by_rule: Int64s

    @property
    def recognised(self) -> Int64s:
        """What the month recognises."""
        return self.decided.cumulative - self.before

    @property
    def pending(self) -> Int64s:
        """What is left after the month."""
        return self.amount - self.decided.cumulative


def month_column(months: Int64s) -> Column:
    """Months as the dates of their first days."""
    return array(first_days(months).astype(np.int32)).cast(pa.date32())


def accrual_table(
    contracts: Contracts, facts: Facts, period_ids: Column, months: Sequence[MonthOfContracts]
) -> pa.Table:
    """MONTHLY_ACCRUALS of these months, by key. `period_ids` are the input's."""
    if not months:
        return MONTHLY_ACCRUALS.empty_table()
    rows = [
        np.flatnonzero((one.invoiced != 0) | (one.recognised != 0) | (one.pending != 0)) for one in months
    ]

    def stacked(values: Callable[[MonthOfContracts], Any]) -> Any:
        return np.concatenate([values(one)[at] for one, at in zip(months, rows, strict=True)])

    def amounts(values: Callable[[MonthOfContracts], Int64s]) -> Column:
        return decimals(stacked(values), AMOUNT)

    contract = array(np.concatenate(rows))
    recognised = stacked(lambda one: one.recognised)
    numerator = stacked(lambda one: one.decided.numerator)
    fraction = half_up(numerator * 10**FRACTION.scale, stacked(lambda one: one.decided.denominator))
    is_decided = ~stacked(lambda one: one.undecided)
    days: Column = array(stacked(lambda one: one.contract_day).astype(np.int32)).cast(pa.date32())
    columns: dict[str, Column] = {
        "month": month_column(np.repeat([one.month for one in months], [at.size for at in rows])),
        **{name: column(contracts.keys, name).take(contract) for name in CONTRACT_KEY},
        "contract_date": days,
        "contract_amount": amounts(lambda one: one.amount),
        "invoiced": amounts(lambda one: one.invoiced),
        "recognised": decimals(recognised, AMOUNT),
        "recognised_to_date": amounts(lambda one: one.decided.cumulative),
        "pending": amounts(lambda one: one.pending),
        "fraction": decimals(fraction.astype(np.int64), FRACTION, where=is_decided),
        "state": take(array(STATES), stacked(lambda one: one.decided.state)),
        "contract_status": take(array(CONTRACT_STATUSES), stacked(lambda one: one.decided.status)),
        "reason": take(array(REASONS), np.where(recognised != 0, stacked(lambda one: one.reason), -1)),
        "period_id": take(period_ids, stacked(lambda one: _latest_period(facts, one.day)[one.version])),
    }
    return pa.Table.from_arrays([columns[name] for name in MONTHLY_ACCRUALS.names], schema=MONTHLY_ACCRUALS)


def _latest_period(facts: Facts, day: int) -> Int64s:
    """The input row of the last period that has started by the day, else of the first; -1 without periods.

    Of each version.
    """
    schedule = facts.progress.schedule
    latest = np.full(facts.deciding.size, -1, dtype=np.int64)
    if schedule.owners.size:
        started = np.add.reduceat((schedule.start <= day).astype(np.int64), schedule.first)
        latest[schedule.owners] = schedule.row[schedule.first + np.maximum(started - 1, 0)]
    return latest


def deferred_table(contracts: Contracts, months: Sequence[MonthOfContracts]) -> pa.Table:
    """DEFERRED_REVENUE of these months, by key."""
    if not months:
        return DEFERRED_REVENUE.empty_table()
    currencies = contracts.sales.currencies
    count = len(currencies)
    first = np.full(count, NEVER, dtype=np.int64)
    np.minimum.at(first, contracts.currency, contracts.first_month)
    number = np.array([one.month for one in months])
    # A row for each month and currency.
    is_known = (first <= number[:, None]).ravel()

    def sums(values: Callable[[MonthOfContracts], Int64s]) -> Column:
        found = [summed(values(one), contracts.currency, count) for one in months]
        return decimals(np.concatenate(found)[is_known], AMOUNT)

    columns: list[Column] = [
        month_column(np.repeat(number, count)[is_known]),
        take(currencies, np.tile(np.arange(count), number.size)[is_known]),
        sums(lambda one: one.amount - one.invoiced - one.before),
        sums(lambda one: one.invoiced),
        sums(lambda one: one.recognised),
        sums(lambda one: one.pending),
    ]
    return pa.Table.from_arrays(columns, schema=DEFERRED_REVENUE)
