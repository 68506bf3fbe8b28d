"""The share of each contract that its periods have delivered by a day (rules/accruals.md, `fraction`).

Every period counts something by day *d*: `round(weight * elapsed / divisor)`, half-up, in whole numbers.
Elapsed is in days (sessions, days) or in calendar months (even_months), from the first of the period's own days on
(those that no earlier period served) and at most its `longest`. The share is the sum over the contract's periods, divided
by the contract's denominator.

- sessions: weight is what the period plans, divisor its own days, the denominator the service's sessions.
- days: periods share what is left in proportion to their own days, up to and with the next one that was stopped; that
  one keeps what it delivered, and the ones after it share the rest. All is brought to one denominator, so nothing is
  rounded before the amount is. A stopped period that delivered nothing takes no part.
- even_months: calendar months that the periods touch, each once however many touch it. The period that decides counts
  with all its months in the denominator, another one with those until it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ledger_pipelines.accruals.columns import LARGEST_DENOMINATOR, NEVER, months_of, summed
from ledger_pipelines.accruals.sales import DAYS, EVEN_MONTHS, SESSIONS, Terms
from ledger_pipelines.accruals.schedule import Schedule
from ledger_pipelines.columns import Int64s, Mask, half_up


@dataclass(frozen=True, slots=True)
class Progress:
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
        return self._by_owner(half_up(self.weight * elapsed, self.divisor))

    def delivered_in_the_end(self) -> Any:
        """The numerator of each contract's share once every period has run."""
        return self._by_owner(half_up(self.weight * self.longest, self.divisor))

    def _by_owner(self, counts: Any) -> Any:
        totals = np.zeros(self.denominator.size, dtype=self.denominator.dtype)
        if counts.size:
            totals[self.schedule.owners] = np.add.reduceat(counts, self.schedule.first)
        return totals


def plan_progress(schedule: Schedule, terms: Terms) -> Progress:
    """What the periods count, by each owner's method."""
    method = terms.method[schedule.owner]
    begin = _own_begins(schedule, terms.method.size)
    days = np.maximum(schedule.end - begin + 1, 0)
    progress = Progress(
        schedule,
        monthly=method == EVEN_MONTHS,
        begin=begin,
        longest=np.maximum(schedule.stop - begin + 1, 0),
        weight=np.zeros(days.size, dtype=np.int64),
        divisor=np.where(method == SESSIONS, np.maximum(days, 1), 1),
        denominator=np.ones(terms.method.size, dtype=np.int64),
    )
    _plan_sessions(progress, terms, days)
    _plan_months(progress, terms)
    return _with_days(progress, terms, days)


def _own_begins(schedule: Schedule, count: int) -> Int64s:
    """The first of each period's own days. Earlier periods start no later, so they served the beginning of it."""
    begin = schedule.start.copy()
    served_to = np.full(count, -NEVER, dtype=np.int64)
    for rows in schedule.ranks():
        owner = schedule.owner[rows]
        begin[rows] = np.maximum(schedule.start[rows], served_to[owner] + 1)
        served = schedule.stop[rows] >= schedule.start[rows]
        served_to[owner] = np.maximum(served_to[owner], np.where(served, schedule.stop[rows], -NEVER))
    return begin


def _ranks(schedule: Schedule, terms: Terms, method: int) -> Iterator[Int64s]:
    """The schedule's ranks, of owners with this method."""
    for rows in schedule.ranks():
        chosen = rows[terms.method[schedule.owner[rows]] == method]
        if chosen.size:
            yield chosen


def _plan_sessions(progress: Progress, terms: Terms, days: Int64s) -> None:
    left = terms.sessions.copy()
    for rows in _ranks(progress.schedule, terms, SESSIONS):
        owner = progress.schedule.owner[rows]
        wanted = half_up(days[rows] * terms.per_week[owner], 7)
        progress.weight[rows] = np.minimum(wanted, left[owner])
        left[owner] -= half_up(progress.weight[rows] * progress.longest[rows], progress.divisor[rows])
    by_sessions = terms.method == SESSIONS
    progress.denominator[by_sessions] = terms.sessions[by_sessions]


def _plan_months(progress: Progress, terms: Terms) -> None:
    """Each period begins where the months touched by earlier ones end."""
    schedule = progress.schedule
    start, stop, end = (months_of(values) for values in (schedule.start, schedule.stop, schedule.end))
    served = schedule.stop >= schedule.start
    touched_to = np.full(terms.method.size, -NEVER)
    decides = np.zeros(start.size, dtype=np.bool_)
    decides[schedule.deciding] = True
    total = np.zeros(terms.method.size, dtype=np.int64)
    for rows in _ranks(schedule, terms, EVEN_MONTHS):
        owner = schedule.owner[rows]
        begin = np.maximum(start[rows], touched_to[owner] + 1)
        counts = np.where(served[rows], np.maximum(stop[rows] - begin + 1, 0), 0)
        progress.begin[rows], progress.longest[rows], progress.weight[rows] = begin, counts, 1
        total[owner] += counts
        touched_to[owner] = np.where(
            served[rows], np.maximum(touched_to[owner], stop[rows]), touched_to[owner]
        )
    # What the deciding period would still touch: nobody serves later than it does.
    at = schedule.deciding[terms.method[schedule.owners] == EVEN_MONTHS]
    owner = schedule.owner[at]
    total[owner] += np.maximum(end[at] - np.maximum(start[at] - 1, touched_to[owner]), 0)
    touching = total > 0
    progress.denominator[touching] = total[touching]


def _with_days(progress: Progress, terms: Terms, days: Int64s) -> Progress:
    """The progress with the `days` method's periods, in Python integers if the denominators need them."""
    schedule, count = progress.schedule, terms.method.size
    by_days = terms.method[schedule.owner] == DAYS
    stopped = schedule.stop < schedule.end
    takes_part = by_days & (days > 0) & (~stopped | (progress.longest > 0))
    rows = np.flatnonzero(takes_part)
    if not rows.size:
        return progress
    owner = schedule.owner[rows]
    # Those that share: up to and with the next stopped one of the same contract.
    before: Int64s = np.cumsum(stopped[rows]) - stopped[rows]
    new = np.append(True, owner[1:] != owner[:-1])
    run: Int64s = before - np.repeat(before[new], np.diff(np.append(np.flatnonzero(new), rows.size)))
    _, group = np.unique(owner * (run.max() + 1) + run, return_inverse=True)
    shared = summed(days[rows], group, int(group.max()) + 1)[group]
    left, scale = (np.ones(count, dtype=object) for _ in range(2))
    weight, at_scale = np.zeros(days.size, dtype=object), np.ones(days.size, dtype=object)
    for number in range(int(run.max()) + 1):
        here = run == number
        mine, whose = rows[here], owner[here]
        weight[mine] = left[whose]
        at_scale[mine] = scale[whose] * shared[here]
        last = here & stopped[rows]
        scale[owner[here]] = at_scale[mine]
        left[owner[last]] = left[owner[last]] * (days[rows[last]] - progress.longest[rows[last]])
    kind = np.dtype(object) if max(scale.max(), 0) > LARGEST_DENOMINATOR else np.dtype(np.int64)
    weights, denominators = progress.weight.astype(kind), progress.denominator.astype(kind)
    weights[rows] = (weight[rows] * (scale[owner] // at_scale[rows])).astype(kind)
    denominators[terms.method == DAYS] = scale[terms.method == DAYS].astype(kind)
    longest = np.where(takes_part | ~by_days, progress.longest, 0)
    return Progress(
        schedule, progress.monthly, progress.begin, longest, weights, progress.divisor, denominators
    )
