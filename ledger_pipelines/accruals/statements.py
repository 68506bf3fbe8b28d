"""Monthly accruals and deferred revenue as frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.columns import first_days
from ledger_pipelines.accruals.contracts import Contracts
from ledger_pipelines.accruals.decisions import Decided, Facts
from ledger_pipelines.accruals.outputs import (
    CONTRACT_KEY,
    CONTRACT_STATUSES,
    DEFERRED_REVENUE,
    FRACTION,
    MONTHLY_ACCRUALS,
    REASONS,
    STATES,
)
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, decimals, half_up, summed, take
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

    def months(self, count: int) -> Column:
        """The month's first day, `count` times."""
        first = first_days(np.array([self.month]))
        return array(np.repeat(first, count).astype(np.int32)).cast(pa.date32())


def accrual_table(
    contracts: Contracts, facts: Facts, period_ids: Column, months: Sequence[MonthOfContracts]
) -> pa.Table:
    """MONTHLY_ACCRUALS of these months, by key. `period_ids` are the input's."""
    return pa.concat_tables(
        [MONTHLY_ACCRUALS.empty_table(), *(_accruals(contracts, facts, period_ids, one) for one in months)]
    )


def _accruals(contracts: Contracts, facts: Facts, period_ids: Column, one: MonthOfContracts) -> pa.Table:
    recognised, pending = one.recognised, one.pending
    rows = np.flatnonzero((one.invoiced != 0) | (recognised != 0) | (pending != 0))
    at = array(rows)
    decided = one.decided
    fraction = half_up(decided.numerator[rows] * 10**FRACTION.scale, decided.denominator[rows])
    days: Column = array(one.contract_day[rows].astype(np.int32)).cast(pa.date32())
    columns: dict[str, Column] = {
        "month": one.months(rows.size),
        **{name: column(contracts.keys, name).take(at) for name in CONTRACT_KEY},
        "contract_date": days,
        "contract_amount": decimals(one.amount[rows], AMOUNT),
        "invoiced": decimals(one.invoiced[rows], AMOUNT),
        "recognised": decimals(recognised[rows], AMOUNT),
        "recognised_to_date": decimals(decided.cumulative[rows], AMOUNT),
        "pending": decimals(pending[rows], AMOUNT),
        "fraction": decimals(fraction.astype(np.int64), FRACTION, where=~one.undecided[rows]),
        "state": take(array(STATES), decided.state[rows]),
        "contract_status": take(array(CONTRACT_STATUSES), decided.status[rows]),
        "reason": take(array(REASONS), np.where(recognised != 0, one.reason, -1)[rows]),
        "period_id": take(period_ids, _shown_at(facts, one.day)[one.version[rows]]),
    }
    return pa.Table.from_arrays([columns[name] for name in MONTHLY_ACCRUALS.names], schema=MONTHLY_ACCRUALS)


def _shown_at(facts: Facts, day: int) -> Int64s:
    """The input row of the last period that has started by the day, else of the first; -1 without periods.

    Of each version.
    """
    schedule = facts.walk.schedule
    shown = np.full(facts.deciding.size, -1, dtype=np.int64)
    if schedule.owners.size:
        started = np.add.reduceat((schedule.start <= day).astype(np.int64), schedule.first)
        shown[schedule.owners] = schedule.row[schedule.first + np.maximum(started - 1, 0)]
    return shown


def deferred_table(contracts: Contracts, months: Sequence[MonthOfContracts]) -> pa.Table:
    """DEFERRED_REVENUE of these months, by key."""
    return pa.concat_tables([DEFERRED_REVENUE.empty_table(), *(_deferred(contracts, one) for one in months)])


def _deferred(contracts: Contracts, one: MonthOfContracts) -> pa.Table:
    currencies = contracts.sales.currencies
    count = len(currencies)
    there = np.zeros(count, dtype=np.bool_)
    there[contracts.currency[contracts.first_month <= one.month]] = True
    amounts = {
        "opening": one.amount - one.invoiced - one.before,
        "invoiced": one.invoiced,
        "recognised": one.recognised,
        "closing": one.pending,
    }
    sums = {name: summed(units, contracts.currency, count)[there] for name, units in amounts.items()}
    columns: list[Column] = [
        one.months(int(there.sum())),
        currencies.filter(array(there)),
        *(decimals(units, AMOUNT) for units in sums.values()),
    ]
    return pa.Table.from_arrays(columns, schema=DEFERRED_REVENUE)
