"""The share of each contract that its periods have delivered by a day (rules/accruals.md, `fraction`).

Every period counts something by day *d*: `round(weight * elapsed / divisor)`, half-up, in whole numbers.
Elapsed is in days (sessions, days) or in calendar months (even_months), from the period's begin on and at most
its `longest`. The share is the sum over the contract's periods, divided by the contract's denominator.

- sessions: weight is what the period plans, divisor its days, the denominator the service's sessions.
- days: each period spreads what is left over its own days, so the share is
  `sum of left * elapsed / days`, `left` being the product of `1 - delivered / days` of the earlier periods; all
  brought to one denominator, so nothing is rounded before the amount is.
- even_months: calendar months that the periods touch, each once however many touch it. The last period counts
  with all its months in the denominator, an earlier one with those until it was postponed.

A POSTPONED period delivers nothing after its change date; a change date before the start: nothing was delivered,
one after the end: all of it was. Any other period delivers up to its end, also a DROPPED or ENDED one that
another follows: the rule caps POSTPONED alone (the last period is settled whole from its change date on).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.assignment import Assignment
from ledger_pipelines.accruals.columns import LARGEST_DENOMINATOR, NEVER, months_of
from ledger_pipelines.accruals.contracts import DAYS, EVEN_MONTHS, SESSIONS, Terms
from ledger_pipelines.accruals.outputs import PERIOD_STATUSES, POSTPONED
from ledger_pipelines.columns import Int64s, Mask, column, half_up, int64s, positions
from ledger_pipelines.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Schedule:
    """The periods of contracts as days, ordered by contract, start and id."""

    row: Int64s
    contract: Int64s
    start: Int64s
    end: Int64s
    status: Int64s
    #: NEVER where there is none.
    changed: Int64s
    #: The last day of service: the end, or the day before it on which the period was postponed.
    stop: Int64s
    #: Of each contract that has periods: its number, and where its first and its last period stand.
    owners: Int64s
    first: Int64s
    last: Int64s

    @property
    def sizes(self) -> Int64s:
        """How many periods each of `owners` has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Walk:
    """What each period counts, and what each contract's counts are a share of. See the module."""

    schedule: Schedule
    monthly: Mask
    begin: Int64s
    longest: Int64s
    #: Python integers where the denominators need them.
    weight: Any
    divisor: Int64s
    denominator: Any

    def delivered(self, day: int, month: int) -> Any:
        """The numerator of each contract's share by the day, which is in the month."""
        elapsed = np.clip(np.where(self.monthly, month, day) - self.begin + 1, 0, self.longest)
        return self._by_contract(half_up(self.weight * elapsed, self.divisor))

    def delivered_in_the_end(self) -> Any:
        """The numerator of each contract's share once every period has run."""
        return self._by_contract(half_up(self.weight * self.longest, self.divisor))

    def _by_contract(self, counts: Any) -> Any:
        totals = np.zeros(self.denominator.size, dtype=self.denominator.dtype)
        if counts.size:
            totals[self.schedule.owners] = np.add.reduceat(counts, self.schedule.first)
        return totals


def read_schedule(periods: pa.Table, assigned: Assignment) -> Schedule:
    """The contracts' periods in order.

    Raises LedgerError when a period ends before it starts or has a status that is none.
    """
    starts, ends = int64s(column(periods, "start_date")), int64s(column(periods, "end_date"))
    status = positions(column(periods, "status"), pa.array(PERIOD_STATUSES))
    changed = int64s(column(periods, "status_change_date"), missing=NEVER)
    wrong = np.flatnonzero((ends < starts) | (status < 0))
    if wrong.size:
        row = periods.slice(int(wrong[0]), 1).to_pylist()[0]
        raise LedgerError(
            f"The service period {row['id']} runs from {row['start_date']} to {row['end_date']} with the status "
            f"{row['status']}: correct its dates in 4Geeks; statuses are {', '.join(PERIOD_STATUSES)}."
        )
    stop = np.where(status == POSTPONED, np.minimum(ends, changed), ends)
    at = assigned.period
    owners, first, counts = np.unique(assigned.contract, return_index=True, return_counts=True)
    return Schedule(
        at,
        assigned.contract,
        starts[at],
        ends[at],
        status[at],
        changed[at],
        stop[at],
        owners,
        first.astype(np.int64),
        (first + counts - 1).astype(np.int64),
    )


def plan_walk(schedule: Schedule, terms: Terms) -> Walk:
    """What the periods count, by each contract's method."""
    method = terms.method[schedule.contract]
    days = schedule.end - schedule.start + 1
    walk = Walk(
        schedule,
        monthly=method == EVEN_MONTHS,
        begin=schedule.start.copy(),
        longest=np.maximum(schedule.stop - schedule.start + 1, 0),
        weight=np.zeros(days.size, dtype=np.int64),
        divisor=np.where(method == SESSIONS, days, 1),
        denominator=np.ones(terms.method.size, dtype=np.int64),
    )
    _plan_sessions(walk, terms, days)
    _plan_months(walk, terms)
    return _with_days(walk, terms, days)


def _ranks(schedule: Schedule, methods: Int64s, method: int) -> list[Int64s]:
    """The first periods of all contracts with this method, then the second ones, and so on."""
    chosen = methods[schedule.owners] == method
    first, sizes = schedule.first[chosen], schedule.sizes[chosen]
    return [first[sizes > rank] + rank for rank in range(int(sizes.max(initial=0)))]


def _plan_sessions(walk: Walk, terms: Terms, days: Int64s) -> None:
    left = terms.sessions.copy()
    for rows in _ranks(walk.schedule, terms.method, SESSIONS):
        contract = walk.schedule.contract[rows]
        wanted = half_up(days[rows] * terms.per_week[contract], 7)
        walk.weight[rows] = np.minimum(wanted, left[contract])
        left[contract] -= half_up(walk.weight[rows] * walk.longest[rows], days[rows])
    by_sessions = terms.method == SESSIONS
    walk.denominator[by_sessions] = terms.sessions[by_sessions]


def _plan_months(walk: Walk, terms: Terms) -> None:
    """Each period begins where the months touched by earlier ones end: they start no later, so what they touch
    of it is its beginning.
    """
    schedule = walk.schedule
    start, stop, end = (months_of(values) for values in (schedule.start, schedule.stop, schedule.end))
    served = schedule.stop >= schedule.start
    touched_to = np.full(terms.method.size, -NEVER)
    total = np.zeros(terms.method.size, dtype=np.int64)
    is_last = np.zeros(start.size, dtype=np.bool_)
    is_last[schedule.last] = True
    for rows in _ranks(schedule, terms.method, EVEN_MONTHS):
        contract = schedule.contract[rows]
        begin = np.maximum(start[rows], touched_to[contract] + 1)
        counts = np.where(served[rows], np.maximum(stop[rows] - begin + 1, 0), 0)
        walk.begin[rows], walk.longest[rows], walk.weight[rows] = begin, counts, 1
        total[contract] += np.where(is_last[rows], np.maximum(end[rows] - begin + 1, 0), counts)
        touched_to[contract] = np.where(
            served[rows], np.maximum(touched_to[contract], stop[rows]), touched_to[contract]
        )
    touching = total > 0
    walk.denominator[touching] = total[touching]


def _with_days(walk: Walk, terms: Terms, days: Int64s) -> Walk:
    """The walk with the `days` method's periods, in Python integers if the denominators need them."""
    ranks = _ranks(walk.schedule, terms.method, DAYS)
    left = np.ones(terms.method.size, dtype=object)
    scale = np.ones(terms.method.size, dtype=object)
    weight, at_scale = np.zeros(days.size, dtype=object), np.ones(days.size, dtype=object)
    for rank in ranks:
        # A period that delivered nothing, or finds nothing left, leaves the rest as it is.
        rows = rank[(left[walk.schedule.contract[rank]] > 0) & (walk.longest[rank] > 0)]
        contract = walk.schedule.contract[rows]
        weight[rows] = left[contract]
        left[contract] = left[contract] * (days[rows] - walk.longest[rows])
        scale[contract] = scale[contract] * days[rows]
        at_scale[rows] = scale[contract]
    if not ranks:
        return walk
    by_days = terms.method[walk.schedule.contract] == DAYS
    kind = np.dtype(object) if max(scale.max(initial=1), 0) > LARGEST_DENOMINATOR else np.dtype(np.int64)
    weights, denominators = walk.weight.astype(kind), walk.denominator.astype(kind)
    scales = scale[walk.schedule.contract[by_days]]
    weights[by_days] = (weight[by_days] * (scales // at_scale[by_days])).astype(kind)
    denominators[terms.method == DAYS] = scale[terms.method == DAYS].astype(kind)
    return Walk(walk.schedule, walk.monthly, walk.begin, walk.longest, weights, walk.divisor, denominators)
