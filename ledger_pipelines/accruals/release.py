"""What should have been recognised by a day: the seven steps (rules/accruals.md, The cumulative rule).

Steps 2 to 5 release everything that is left from some day on, which is known beforehand but for the contract's date: the
*release*. So a month's decision is a comparison of days.

Where the text leaves a choice:

- Step 1 takes every negative amount, with periods or without. Without an amount and without periods nothing is
  left: what had been recognised comes back. Its reason is `negative`, its status CLOSED.
- Step 2, no period: whoever cannot be said to have resigned for certain waits, whatever the time: a client with a period
  that found no contract (see `assignment`), one who is not among the clients (their record could not be read), one who
  has any membership, and everybody while something of the CRM could not be read. "Nothing yet" is nothing more than
  was recognised before: revenue is not taken back because somebody is not found. An ended or dropped status without a
  date releases nothing.
- The deciding period is the one that stops last, future ones included (`schedule`). DROPPED without a change date
  releases nothing.
- Step 5: three months after a change date, and past its month, is the first day of the fourth month. A POSTPONED
  period before its change date is like an ACTIVE one. One that had delivered the whole contract by its change
  date is complete: there is nothing to pause.
- Step 6 is about news, so the status that a closed month booked binds only where the rule, on today's knowledge,
  gives that status neither for that month's end nor for this one's: a contract that was CLOSED because all was
  delivered stays ACTIVE in 4Geeks for a while, and a late invoice for it is recognised. The last closed month with
  a booking counts, unless the amount then was not positive (step 1 looks at no period).
  "Nothing more" is what was recognised before, or the contract's amount if a credit note has made it less:
  otherwise more would be recognised than there is.
- Where the deciding period's status is the one that a closed month booked the contract for (CANCELED: DROPPED or
  POSTPONED; CLOSED: ENDED), all stays released, whatever its change date is now.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ledger_pipelines.accruals.columns import NEVER, first_days, months_of, share
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
from ledger_pipelines.accruals.progress import Progress
from ledger_pipelines.columns import Int64s, Mask

#: A contract without a period waits this many days for one.
DAYS_TO_ENROL = 15
#: A postponed contract is cancelled on the first day of the month this many months after its change date's.
MONTHS_TO_RESUME = 4
#: `status` of a contract without periods, and the booked status of one that closed months do not know.
NO_PERIOD = NOT_BOOKED = -1


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of each contract's client: whether a period found no contract, whether they have any membership,
    and whether they or the CRM could not be read.
    """

    unassigned: Mask
    enrolled: Mask
    unread: Mask

    @property
    def may_have_resigned(self) -> Mask:
        """Where nothing speaks against it."""
        return ~self.unassigned & ~self.enrolled & ~self.unread


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of each version of a contract, whatever the month."""

    progress: Progress
    #: Of the period that decides: its status, its change date, and its place in the schedule; -1 without periods.
    status: Int64s
    changed: Int64s
    deciding: Int64s
    notion: NotionStates
    standing: Standing
    #: With periods: the day from which all that is left is recognised.
    release: Int64s
    #: The last day of service; NEVER without periods.
    runs_until: Int64s

    @property
    def without_period(self) -> Mask:
        """Versions that have no period."""
        return self.deciding < 0


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision for each contract by a day: E, and what goes with it.

    `numerator` and `denominator` are the progress's share. `waits`: there is no period, and nothing is recognised yet.
    `release`: the day from which all is, or was, recognised; NEVER while no step releases it.
    """

    cumulative: Int64s
    status: Int64s
    state: Int64s
    reason: Int64s
    released: Mask
    waits: Mask
    release: Int64s
    numerator: Any
    denominator: Any

    def of(self, rows: Int64s) -> Decided:
        """The decisions at these rows."""
        return Decided(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Bound:
    """Step 6: the status that the last closed month booked (NOT_BOOKED where there is none), and whether the
    rule gives that one for that month today.
    """

    status: Int64s
    agreed: Mask


def gather_facts(progress: Progress, notion: NotionStates, standing: Standing) -> Facts:
    """The facts of each version; `notion` and `standing` are those of its client."""
    schedule, count = progress.schedule, progress.denominator.size
    deciding = np.full(count, -1, dtype=np.int64)
    deciding[schedule.owners] = schedule.deciding
    status = np.full(count, NO_PERIOD, dtype=np.int64)
    changed, end, stop = (np.full(count, NEVER, dtype=np.int64) for _ in range(3))
    at = deciding[schedule.owners]
    status[schedule.owners] = schedule.status[at]
    changed[schedule.owners] = schedule.changed[at]
    end[schedule.owners] = schedule.end[at]
    stop[schedule.owners] = schedule.stop[at]
    known = changed < NEVER
    complete = (progress.delivered_in_the_end() == progress.denominator).astype(np.bool_)
    limit = first_days(months_of(np.where(known, changed, 0)) + MONTHS_TO_RESUME)
    choices = [status == DROPPED, status == ENDED, (status == POSTPONED) & known & ~complete]
    release = np.select(choices, [changed, np.where(known, changed, end), limit], NEVER)
    return Facts(progress, status, changed, deciding, notion, standing, release, stop)


def decide(facts: Facts, amount: Int64s, contract_day: Int64s, day: int, month: int) -> Decided:
    """All steps but the sixth. `amount` is A by the day, the last one of the month."""
    progress, notion = facts.progress, facts.notion
    resigns = np.where(facts.standing.may_have_resigned, contract_day + DAYS_TO_ENROL + 1, NEVER)
    release = np.where(facts.without_period, np.where(notion.found, notion.day, resigns), facts.release)
    delivered = progress.delivered(day, month)
    nothing = (amount < 0) | ((amount == 0) & facts.without_period)
    released = ~nothing & (release <= day)
    whole = nothing | released
    numerator = np.where(whole, progress.denominator, delivered)
    complete = (numerator == progress.denominator).astype(np.bool_)
    status = np.where(released, _status_by_release(facts), np.where(complete, CLOSED, GOES_ON))
    paused = (facts.status == POSTPONED) & (facts.changed <= day)
    state = np.select(
        [status == CANCELED, status == CLOSED, paused],
        [STATE_CANCELED, STATE_COMPLETED, STATE_PAUSED],
        STATE_ACTIVE,
    )
    reason = np.where(nothing, NEGATIVE, np.where(released, _reason_of_release(facts), PORTION))
    return Decided(
        share(amount, numerator, progress.denominator),
        status,
        state,
        reason,
        whole,
        facts.without_period & ~whole,
        release,
        numerator,
        progress.denominator,
    )


def _status_by_release(facts: Facts) -> Int64s:
    ended_in_notion = facts.notion.found & (facts.notion.meaning != HAS_DROPPED)
    closes = np.where(facts.without_period, ended_in_notion, facts.status == ENDED)
    return np.where(closes, CLOSED, CANCELED)


def _reason_of_release(facts: Facts) -> Int64s:
    in_notion = np.where(facts.notion.meaning == HAS_DROPPED, BY_DROP, BY_END)
    without = np.where(facts.notion.found, in_notion, RESIGNED)
    by_period = np.select([facts.status == DROPPED, facts.status == ENDED], [BY_DROP, BY_END], BY_LIMIT)
    return np.where(facts.without_period, without, by_period)


def contradicted(last: Int64s, bound: Bound, decided: Decided, amount: Int64s) -> Mask:
    """Step 6: where what a closed month booked and the deciding period's status now do not go together."""
    canceled = (bound.status == CANCELED) & ((last == ACTIVE) | (last == ENDED))
    closed = (bound.status == CLOSED) & ((last == ACTIVE) | (last == POSTPONED) | (last == DROPPED))
    against: Mask = (canceled | closed) & ~bound.agreed & (bound.status != decided.status) & (amount >= 0)
    return against


def confirmed(last: Int64s, bound: Bound, decided: Decided, amount: Int64s) -> Mask:
    """Where the deciding period's status is the one that a closed month released the contract for."""
    canceled = (bound.status == CANCELED) & ((last == DROPPED) | (last == POSTPONED))
    closed = (bound.status == CLOSED) & (last == ENDED)
    again: Mask = (canceled | closed) & ~decided.released & (amount >= 0)
    return again


def stay_released(decided: Decided, again: Mask, last: Int64s, bound: Bound, amount: Int64s) -> Decided:
    """The decision where `again` is that all is recognised, as a closed month booked it."""
    reasons = np.select([last == DROPPED, last == ENDED], [BY_DROP, BY_END], BY_LIMIT)
    states = np.where(bound.status == CANCELED, STATE_CANCELED, STATE_COMPLETED)
    return Decided(
        np.where(again, amount, decided.cumulative),
        np.where(again, bound.status, decided.status),
        np.where(again, states, decided.state),
        np.where(again, reasons, decided.reason),
        decided.released | again,
        decided.waits & ~again,
        np.where(again, -NEVER, decided.release),
        np.where(again, decided.denominator, decided.numerator),
        decided.denominator,
    )


def held_back(decided: Decided, held: Mask, bound: Bound, before: Int64s, amount: Int64s) -> Decided:
    """The decision where `held` (or waiting) is nothing more than was recognised before.

    While money is left, what is held is PAUSED; what waits for a period goes on, unless a closed month ended it and the
    rule would not end it there today: otherwise the same books, open, would say something else.
    """
    still = held | (decided.waits & (before != 0))
    cumulative = np.where(still, np.clip(before, 0, np.maximum(amount, 0)), decided.cumulative)
    ends = still & (bound.status > GOES_ON) & ~bound.agreed
    settled = np.where(bound.status == CANCELED, STATE_CANCELED, STATE_COMPLETED)
    pausing = np.where(cumulative == amount, settled, STATE_PAUSED)
    return Decided(
        cumulative,
        np.where(ends, bound.status, decided.status),
        np.where(ends, pausing, decided.state),
        np.where(still, NEGATIVE, decided.reason),
        decided.released & ~held,
        decided.waits,
        np.where(held, NEVER, decided.release),
        decided.numerator,
        decided.denominator,
    )
