"""Recognised revenue month by month (rules/accruals.md, The cumulative rule).

    recognised(m) = E(m) - C(m - 1)

E is what should have been recognised by a month's end (`decisions`), C what was: E itself after an open month,
what was before and the booked amount after a closed one. A closed month that is asked for is computed as if it
were open, so that the two can be compared; for the months after it, what it booked counts.

A month's reason is `catch_up` where the month before is closed and E of that month is not C: the amount includes
what the closed months would recognise differently on today's knowledge. News that leaves E of the closed months
as it was, such as an invoice entered late (its amount is the first open month's), has the ordinary reason. What
step 6 leaves alone catches nothing up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ledger_pipelines.accruals.assignment import Assignment, assign_periods
from ledger_pipelines.accruals.columns import first_days, folded
from ledger_pipelines.accruals.contracts import Contracts, read_contracts
from ledger_pipelines.accruals.decisions import (
    NOT_BOOKED,
    Bound,
    Decided,
    Facts,
    contradicted,
    decide,
    gather_facts,
    held_back,
)
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.notices import People, month_notices, notice_table
from ledger_pipelines.accruals.notion import NotionStates, read_notion
from ledger_pipelines.accruals.outputs import CATCH_UP, AccrualResult
from ledger_pipelines.accruals.statements import MonthOfContracts, accrual_table, deferred_table
from ledger_pipelines.accruals.walk import plan_walk, read_schedule
from ledger_pipelines.columns import Mask, column, positions, take
from ledger_pipelines.months import month_of

__all__ = ["AccrualResult", "accrue"]


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The months to walk through, ascending, those asked for, and those that are closed."""

    months: range
    asked: frozenset[int]
    closed: frozenset[int]


def accrue(inputs: AccrualInputs, months: Sequence[date]) -> AccrualResult:
    """The accruals, the deferred revenue and the notices of these months.

    The months come in any order and need not follow one another; a range gives what its months give one by
    one. Raises FrameError when an input lacks a column or has a wrong type, and LedgerError when a service's
    terms, a period or an amount cannot be.
    """
    contracts = read_contracts(inputs)
    clients, periods = inputs.read("clients"), inputs.read("periods")
    assigned = assign_periods(contracts, clients, periods)
    walk = plan_walk(read_schedule(periods, assigned), contracts.terms)
    at = positions(contracts.client_ids, column(clients, "contact_id"))
    notion = read_notion(inputs.read("pages"), folded(take(column(clients, "email"), at)))
    # Of a client who is not known at all nobody can say that they never came.
    waiting = _of_unassigned(assigned, contracts) | (at < 0)[contracts.client]
    facts = gather_facts(contracts, walk, _of_contracts(notion, contracts), waiting)
    asked = list(_walk_months(contracts, facts, _calendar(inputs, contracts, months)))
    people = People(contracts, facts, assigned, periods, take(column(clients, "name"), at))
    return AccrualResult(
        accrual_table(contracts, facts, column(periods, "id"), asked),
        deferred_table(contracts, asked),
        notice_table(people, [month_notices(people, one) for one in asked]),
    )


def _of_contracts(notion: NotionStates, contracts: Contracts) -> NotionStates:
    client = contracts.client
    return NotionStates(notion.found[client], notion.meaning[client], notion.day[client])


def _of_unassigned(assigned: Assignment, contracts: Contracts) -> Mask:
    clients = np.zeros(len(contracts.client_ids), dtype=np.bool_)
    clients[assigned.unassigned_client] = True
    unassigned: Mask = clients[contracts.client]
    return unassigned


def _numbers(months: Any) -> list[int]:
    return sorted({(month.year - 1970) * 12 + month.month - 1 for month in map(month_of, months)})


def _calendar(inputs: AccrualInputs, contracts: Contracts, months: Sequence[date]) -> _Calendar:
    """From the month before the first that is asked for or closed, as nothing earlier bears on it, or from the
    first contract's if that is later.
    """
    asked, closed = _numbers(months), _numbers(inputs.closed_months)
    if not asked or not contracts.count:
        return _Calendar(range(0), frozenset(), frozenset())
    start = max(min([asked[0], *closed]) - 1, int(contracts.first_month.min()))
    return _Calendar(range(start, asked[-1] + 1), frozenset(asked), frozenset(closed))


def _walk_months(contracts: Contracts, facts: Facts, calendar: _Calendar) -> Iterator[MonthOfContracts]:
    """The months that are asked for, in order."""
    count = contracts.count
    amount = contracts.amounts.before(count, calendar.months.start)
    before = np.zeros(count, dtype=np.int64)
    bound = Bound(np.full(count, NOT_BOOKED, dtype=np.int64), np.zeros(count, dtype=np.bool_))
    missed = np.zeros(count, dtype=np.bool_)
    for month in calendar.months:
        invoiced = contracts.amounts.total(count, month)
        amount = amount + invoiced
        day = int(first_days(np.array([month + 1]))[0]) - 1
        plain = decide(facts, amount, day, month)
        held = contradicted(facts, bound, plain, amount)
        decided = held_back(plain, held, bound, before, amount) if held.any() else plain
        if month in calendar.asked:
            reason = np.where(missed & ~held, CATCH_UP, decided.reason)
            yield MonthOfContracts(
                month, day, amount, invoiced, before, decided, reason, held, plain.cumulative
            )
        if month in calendar.closed:
            before = before + contracts.booked.total(count, month)
            bound = _bound_by(contracts, month, bound, plain)
            missed = decided.cumulative != before
        else:
            before = decided.cumulative
            missed = np.zeros(count, dtype=np.bool_)


def _bound_by(contracts: Contracts, month: int, bound: Bound, plain: Decided) -> Bound:
    """What binds the later months after a closed one."""
    rows = contracts.booked_status.rows(month)
    contract = contracts.booked_status.contract[rows]
    status, agreed = bound.status.copy(), bound.agreed.copy()
    status[contract] = contracts.booked_status.values[rows]
    agreed[contract] = plain.status[contract] == status[contract]
    return Bound(status, agreed)
