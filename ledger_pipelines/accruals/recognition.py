"""Recognised revenue month by month (rules/accruals.md, The cumulative rule).

    recognised(m) = E(m) - C(m - 1)

E is what should have been recognised by a month's end (`release`), C what was: E itself after an open month,
what was before and the booked amount after a closed one. A closed month that is asked for is computed as if it
were open, so that the two can be compared; for the months after it, what it booked counts.

A month's reason is `catch_up` where the month before is closed and E of that month is not C: the amount includes
what the closed months would recognise differently on today's knowledge. News that leaves E of the closed months
as it was, such as an invoice entered late (its amount is the first open month's), has the ordinary reason. What
step 6 leaves alone, or a closed month released and still is, catches nothing up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.assignment import Assignment, assign_periods
from ledger_pipelines.accruals.columns import NEVER, first_days
from ledger_pipelines.accruals.contracts import Contracts, read_contracts
from ledger_pipelines.accruals.courses import ContractVersions, contract_versions
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.notices import People, notice_table
from ledger_pipelines.accruals.notion import NotionStates, read_notion
from ledger_pipelines.accruals.outputs import CATCH_UP, AccrualResult
from ledger_pipelines.accruals.people import match_addresses, match_users
from ledger_pipelines.accruals.progress import plan_progress
from ledger_pipelines.accruals.release import (
    NOT_BOOKED,
    Bound,
    Decided,
    Facts,
    Standing,
    confirmed,
    contradicted,
    decide,
    gather_facts,
    held_back,
    stay_released,
)
from ledger_pipelines.accruals.sales import Sales, read_sales
from ledger_pipelines.accruals.schedule import read_schedule
from ledger_pipelines.accruals.statements import MonthOfContracts, accrual_table, deferred_table
from ledger_pipelines.accruals.versions import SaleVersions, sale_versions
from ledger_pipelines.columns import column, positions, take
from ledger_pipelines.months import month_of

__all__ = ["AccrualResult", "accrue"]


@dataclass(frozen=True, slots=True)
class Known:
    """All that the months rest on: the clients' sales, the contracts of any month, and the facts of their versions.

    `facts` have one more version, the last, of nothing: that of a contract in a month that does not know it.
    """

    sales: Sales
    contracts: Contracts
    assigned: Assignment
    sale_versions: SaleVersions
    clients: pa.Table
    periods: pa.Table
    facts: Facts


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The months to go through, ascending, those asked for, and those that are closed."""

    months: range
    asked: frozenset[int]
    closed: frozenset[int]


def accrue(inputs: AccrualInputs, months: Sequence[date]) -> AccrualResult:
    """The accruals, the deferred revenue and the notices of these months.

    The months come in any order and need not follow one another; a range gives what its months give one by
    one. Raises FrameError when an input lacks a column or has a wrong type, and LedgerError when a service's
    terms, a period or an amount cannot be.
    """
    known = gather(inputs)
    asked = list(_month_by_month(known, _calendar(inputs, known.contracts, months)))
    people = People(
        known.contracts, known.facts, known.assigned, known.sale_versions, known.periods, known.clients
    )
    return AccrualResult(
        accrual_table(known.contracts, known.facts, column(known.periods, "id"), asked),
        deferred_table(known.contracts, asked),
        notice_table(people, asked),
    )


def gather(inputs: AccrualInputs) -> Known:
    """What is known of the contracts. Raises FrameError and LedgerError as `accrue` does."""
    sales = read_sales(inputs)
    # So the periods' numbers are in the order of their starts.
    periods = inputs.read("periods").sort_by([(name, "ascending") for name in ("start_date", "id")])
    everybody = inputs.read("clients")
    clients = _of_sales(everybody, sales)
    notion = read_notion(inputs.read("pages"), clients)
    seen = sale_versions(sales)
    assigned = assign_periods(sales, seen, everybody, periods)
    drop_day = notion.drop_day[sales.client[seen.sale]]
    schedule = read_schedule(periods, assigned.period, assigned.version, drop_day)
    versions = contract_versions(sales, seen, schedule)
    contracts = read_contracts(sales, versions)
    facts = _facts(inputs, sales, versions, notion=notion, assigned=assigned, clients=clients)
    return Known(sales, contracts, assigned, seen, clients, periods, facts)


def _of_sales(clients: pa.Table, sales: Sales) -> pa.Table:
    """A row for each of the sales' clients, by their numbers; with nulls for one who is not known."""
    at = positions(sales.client_ids, column(clients, "contact_id"))
    columns = {name: take(column(clients, name), at) for name in clients.column_names}
    return pa.table({**columns, "contact_id": sales.client_ids})


def _facts(
    inputs: AccrualInputs,
    sales: Sales,
    versions: ContractVersions,
    *,
    notion: NotionStates,
    assigned: Assignment,
    clients: pa.Table,
) -> Facts:
    # One more of each: the version of nothing, which has no periods, no money and the first client there is.
    sale = np.append(versions.sale, 0) if sales.count else versions.sale
    client = sales.client[sale]
    client_version = np.append(versions.client_version, 0)[: sale.size]
    unassigned = np.zeros(int(client_version.max(initial=0)) + 1, dtype=np.bool_)
    concerned = assigned.unassigned_client[assigned.unassigned_client < unassigned.size]
    unassigned[concerned] = True
    enrolled = np.zeros(len(sales.client_ids), dtype=np.bool_)
    for match in (match_users, match_addresses):
        enrolled[match(clients, inputs.read("enrolled"))[0]] = True
    known = positions(sales.client_ids, column(inputs.read("clients"), "contact_id")) >= 0
    unread = ~known
    if not inputs.crm_is_complete:
        unread |= positions(sales.client_ids, pa.array(sorted(inputs.resigned), pa.string())) < 0
    standing = Standing(unassigned[client_version], enrolled[client], unread[client])
    progress = plan_progress(versions.schedule, sales.terms.of(sale))
    return gather_facts(progress, notion.of(client), standing)


def _numbers(months: Any) -> list[int]:
    return sorted({(month.year - 1970) * 12 + month.month - 1 for month in map(month_of, months)})


def _calendar(inputs: AccrualInputs, contracts: Contracts, months: Sequence[date]) -> _Calendar:
    """From the first contract's month: what waits or is held keeps what earlier months recognised."""
    asked, closed = _numbers(months), _numbers(inputs.closed_months)
    if not asked or not contracts.count:
        return _Calendar(range(0), frozenset(), frozenset())
    start = min(int(contracts.first_month.min()), asked[0])
    return _Calendar(range(start, asked[-1] + 1), frozenset(asked), frozenset(closed))


class _DocumentsSoFar:
    """What is known of the contracts' documents by a month."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._amounts = np.zeros(contracts.versions.sale.size + 1, dtype=np.int64)
        self._days = np.full(contracts.versions.sale.size + 1, NEVER, dtype=np.int64)
        self._booked_days = np.full(contracts.count, NEVER, dtype=np.int64)
        #: The date of each contract's first document.
        self.contract_day = np.full(contracts.count, NEVER, dtype=np.int64)
        self.amount = np.zeros(contracts.count, dtype=np.int64)
        self.invoiced = self.amount

    def enter(self, month: int) -> None:
        """Takes the month's documents."""
        versions = self._contracts.versions
        self._amounts = self._amounts + versions.amounts.total(self._amounts.size, month)
        rows = versions.days.rows(month)
        np.minimum.at(self._days, versions.days.owner[rows], versions.days.values[rows])
        rows = self._contracts.booked_days.rows(month)
        np.minimum.at(
            self._booked_days,
            self._contracts.booked_days.owner[rows],
            self._contracts.booked_days.values[rows],
        )
        version = self._contracts.version_at(month)
        # What no document made yet is no contract.
        self.version = np.where(self._days[version] < NEVER, version, versions.sale.size)
        self.contract_day = np.minimum(
            self.contract_day, np.minimum(self._days[self.version], self._booked_days)
        )
        before = self.amount
        self.amount = self._amounts[self.version]
        self.invoiced = self.amount - before

    def decide(self, facts: Facts, day: int, month: int) -> Decided:
        """Each contract's decision, all steps but the sixth."""
        days = np.minimum(self._days, np.append(self._booked_days[self._contracts.of_version], NEVER))
        return decide(facts, self._amounts, days, day, month).of(self.version)


def _month_by_month(known: Known, calendar: _Calendar) -> Iterator[MonthOfContracts]:
    """The months that are asked for, in order."""
    contracts, facts, count = known.contracts, known.facts, known.contracts.count
    so_far = _DocumentsSoFar(contracts)
    before = np.zeros(count, dtype=np.int64)
    bound = Bound(np.full(count, NOT_BOOKED, dtype=np.int64), np.zeros(count, dtype=np.bool_))
    missed = np.zeros(count, dtype=np.bool_)
    for month in calendar.months:
        so_far.enter(month)
        amount, at = so_far.amount, so_far.version
        day = int(first_days(np.array([month + 1]))[0]) - 1
        plain = so_far.decide(facts, day, month)
        last = facts.status[at]
        held = contradicted(last, bound, plain, amount)
        again = confirmed(last, bound, plain, amount)
        decided = stay_released(plain, again, last, bound, amount)
        decided = held_back(decided, held, bound, before, amount)
        if month in calendar.asked:
            still = held | (decided.waits & (before != 0))
            yield MonthOfContracts(
                month=month,
                day=day,
                version=at,
                contract_day=so_far.contract_day,
                amount=amount,
                invoiced=so_far.invoiced,
                before=before,
                decided=decided,
                reason=np.where(missed & ~still & ~again, CATCH_UP, decided.reason),
                held=held,
                undecided=still,
                missed=missed,
                by_rule=plain.cumulative,
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
    contract = contracts.booked_status.owner[rows]
    status, agreed = bound.status.copy(), bound.agreed.copy()
    status[contract] = contracts.booked_status.values[rows]
    agreed[contract] = plain.status[contract] == status[contract]
    return Bound(status, agreed)
