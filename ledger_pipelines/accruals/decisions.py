"""What should have been recognised by a day: the seven steps (rules/accruals.md, The cumulative rule).

Steps 2 to 5 release everything that is left from some day on, which is known beforehand: the *release*. So a
month's decision is a comparison of days.

Where the text leaves a choice:

- Step 1 takes every negative amount, with periods or without. Without an amount and without periods nothing is
  left: what had been recognised comes back. Its reason is `negative`, its status CLOSED.
- Step 2, no period: a client with a period that found no contract (see `assignment`), or who is not among the clients
  (their record could not be read), has not resigned; nothing is
  recognised until somebody settles it, unless Notion says that the client dropped or ended. An ended or dropped
  status without a date releases nothing.
- The last period is by start, then by id, future ones included. DROPPED without a change date releases nothing.
- Step 5: three months after a change date, and past its month, is the first day of the fourth month. A POSTPONED
  period before its change date is like an ACTIVE one. One that had delivered the whole contract by its change
  date is complete: there is nothing to pause.
- Step 6 is about news, so the status that a closed month booked binds only where the rule, on today's knowledge,
  gives that status neither for that month's end nor for this one's: a contract that was CLOSED because all was
  delivered stays ACTIVE in 4Geeks for a while, and a late invoice for it is recognised. The last closed month with
  a booking counts, unless the amount then was not positive (step 1 looks at no period).
  "Nothing more" is what was recognised before, or the contract's amount if a credit note has made it less:
  otherwise more would be recognised than there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ledger_pipelines.accruals.columns import NEVER, first_days, months_of, share
from ledger_pipelines.accruals.contracts import Contracts
from ledger_pipelines.accruals.notion import HAS_DROPPED, NotionStates
from ledger_pipelines.accruals.outputs import (
    ACTIVE,
    BY_DROP,
    BY_END,
    BY_LIMIT,
    CANCELED,
    CLOSED,
    DROPPED,
    ENDED,
    GOES_ON,
    NEGATIVE,
    PORTION,
    POSTPONED,
    RESIGNED,
    STATE_ACTIVE,
    STATE_CANCELED,
    STATE_COMPLETED,
    STATE_PAUSED,
)
from ledger_pipelines.accruals.walk import Walk
from ledger_pipelines.columns import Int64s, Mask

#: A contract without a period waits so many days for one.
DAYS_TO_ENROL = 15
#: A postponed contract is cancelled on the first day of the month so many months after its change date's.
MONTHS_TO_RESUME = 4
#: `last_status` of a contract without periods, and the booked status of one that closed months do not know.
NO_PERIOD = NOT_BOOKED = -1


@dataclass(frozen=True, slots=True)
class Release:
    """Of each contract: the day from which all that is left is recognised, as what, and why."""

    day: Int64s
    status: Int64s
    reason: Int64s


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of each contract, whatever the month."""

    walk: Walk
    #: The last period: its status, its change date, and its place in the schedule; -1 without periods.
    last_status: Int64s
    changed: Int64s
    last_period: Int64s
    notion: NotionStates
    #: Whether the client has a period that found no contract.
    unassigned: Mask
    release: Release
    #: The day that ends all waiting: the last one of service, or, without periods, the first too late for one.
    runs_until: Int64s

    @property
    def without_period(self) -> Mask:
        """Contracts that have no period."""
        return self.last_period < 0


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision for each contract by a day: E, and what goes with it. `share` is the numerator of the walk."""

    cumulative: Int64s
    status: Int64s
    state: Int64s
    reason: Int64s
    released: Mask
    share: Any


@dataclass(frozen=True, slots=True)
class Bound:
    """Step 6: the status that the last closed month booked (NOT_BOOKED where there is none), and whether the
    rule gives that one for that month today.
    """

    status: Int64s
    agreed: Mask


def gather_facts(contracts: Contracts, walk: Walk, notion: NotionStates, unassigned: Mask) -> Facts:
    """The facts of each contract; `notion` and `unassigned` are those of its client."""
    schedule, count = walk.schedule, contracts.count
    last = np.full(count, -1, dtype=np.int64)
    last[schedule.owners] = schedule.last
    status = np.full(count, NO_PERIOD, dtype=np.int64)
    status[schedule.owners] = schedule.status[schedule.last]
    changed, end = (np.full(count, NEVER, dtype=np.int64) for _ in range(2))
    changed[schedule.owners] = schedule.changed[schedule.last]
    end[schedule.owners] = schedule.end[schedule.last]
    runs_until = contracts.day + DAYS_TO_ENROL + 1
    if schedule.owners.size:
        # Whatever ended a period, it does not run on after that.
        ended = np.where(schedule.status == ACTIVE, schedule.end, np.minimum(schedule.end, schedule.changed))
        runs_until[schedule.owners] = np.maximum.reduceat(ended, schedule.first)
    complete = (walk.delivered_in_the_end() == walk.denominator).astype(np.bool_)
    with_period = _release_by_period(status, changed, end, complete)
    without = _release_without_period(contracts.day, notion, unassigned)
    release = Release(
        *(
            np.where(status == NO_PERIOD, getattr(without, name), getattr(with_period, name))
            for name in ("day", "status", "reason")
        )
    )
    return Facts(walk, status, changed, last, notion, unassigned, release, runs_until)


def _release_by_period(status: Int64s, changed: Int64s, end: Int64s, complete: Mask) -> Release:
    """Steps 3 to 5."""
    known = changed < NEVER
    limit = first_days(months_of(np.where(known, changed, 0)) + MONTHS_TO_RESUME)
    choices = [status == DROPPED, status == ENDED, (status == POSTPONED) & known & ~complete]
    return Release(
        np.select(choices, [changed, np.where(known, changed, end), limit], NEVER),
        np.where(status == ENDED, CLOSED, CANCELED),
        np.select(choices, [BY_DROP, BY_END, BY_LIMIT], PORTION),
    )


def _release_without_period(contract_day: Int64s, notion: NotionStates, unassigned: Mask) -> Release:
    """Step 2."""
    resigned = np.where(unassigned, NEVER, contract_day + DAYS_TO_ENROL + 1)
    dropped = notion.meaning == HAS_DROPPED
    return Release(
        np.where(notion.found, notion.day, resigned),
        np.where(notion.found & ~dropped, CLOSED, CANCELED),
        np.where(notion.found, np.where(dropped, BY_DROP, BY_END), RESIGNED),
    )


def decide(facts: Facts, amount: Int64s, day: int, month: int) -> Decided:
    """All steps but the sixth. `amount` is A by the day, the last one of the month."""
    walk = facts.walk
    delivered = walk.delivered(day, month)
    nothing = (amount < 0) | ((amount == 0) & facts.without_period)
    released = ~nothing & (facts.release.day <= day)
    whole = nothing | released
    numerator = np.where(whole, walk.denominator, delivered)
    complete = (numerator == walk.denominator).astype(np.bool_)
    status = np.where(released, facts.release.status, np.where(complete, CLOSED, GOES_ON))
    paused = (facts.last_status == POSTPONED) & (facts.changed <= day)
    state = np.select(
        [status == CANCELED, status == CLOSED, paused],
        [STATE_CANCELED, STATE_COMPLETED, STATE_PAUSED],
        STATE_ACTIVE,
    )
    reason = np.where(nothing, NEGATIVE, np.where(released, facts.release.reason, PORTION))
    return Decided(share(amount, numerator, walk.denominator), status, state, reason, whole, numerator)


def contradicted(facts: Facts, bound: Bound, decided: Decided, amount: Int64s) -> Mask:
    """Step 6: where what a closed month booked and the last period's status now do not go together."""
    last = facts.last_status
    canceled = (bound.status == CANCELED) & ((last == ACTIVE) | (last == ENDED))
    closed = (bound.status == CLOSED) & ((last == ACTIVE) | (last == POSTPONED) | (last == DROPPED))
    against: Mask = (canceled | closed) & ~bound.agreed & (bound.status != decided.status) & (amount >= 0)
    return against


def held_back(decided: Decided, held: Mask, bound: Bound, before: Int64s, amount: Int64s) -> Decided:
    """The decision where `held` is nothing more than was recognised before; PAUSED while money is left."""
    cumulative = np.where(held, np.clip(before, 0, np.maximum(amount, 0)), decided.cumulative)
    settled = np.where(bound.status == CANCELED, STATE_CANCELED, STATE_COMPLETED)
    return Decided(
        cumulative,
        np.where(held, bound.status, decided.status),
        np.where(held, np.where(cumulative == amount, settled, STATE_PAUSED), decided.state),
        np.where(held, NEGATIVE, decided.reason),
        decided.released & ~held,
        decided.share,
    )
