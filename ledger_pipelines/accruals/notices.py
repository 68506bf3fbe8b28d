"""What a person should look at: contracts that wait, and facts that contradict one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.assignment import Assignment
from ledger_pipelines.accruals.columns import NEVER
from ledger_pipelines.accruals.contracts import Contracts
from ledger_pipelines.accruals.decisions import DAYS_TO_ENROL, Facts
from ledger_pipelines.accruals.notion import GOING_ON
from ledger_pipelines.accruals.outputs import (
    ACCRUAL_NOTICES,
    CHANGE_OF_ESTIMATE,
    CONTRACT_KEY,
    CONTRACT_STATUSES,
    CRM_NOT_READ,
    MEMBERSHIP_GONE,
    MISSING_CRM_DATA,
    NOT_CONGRUENT_STATUS,
    NOT_IN_CRM,
    NOTICE_KEY,
    STALLED,
    UNASSIGNED_PERIOD,
    UNDATED_NOTION_STATUS,
    UNUSABLE_MEMBERSHIP,
)
from ledger_pipelines.accruals.statements import MonthOfContracts
from ledger_pipelines.accruals.versions import SaleVersions
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, decimals, mask, take
from ledger_pipelines.money import AMOUNT

#: Text, with columns in its place: each notice's words.
_Words = Sequence["str | Column"]


#: What a notice of each kind says of a contract.
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        MISSING_CRM_DATA: "{client} bought {service} and is neither enrolled in 4Geeks nor in Notion: enrol the client, "
        f"or {{money}} are recognised as resigned {DAYS_TO_ENROL} days after the first invoice.",
        UNUSABLE_MEMBERSHIP: "{client} bought {service} and has a membership in 4Geeks, but none that is a period "
        "for it: give the cohort its dates, or name the service after the program; {money} wait for that.",
        CRM_NOT_READ: "{client} bought {service} and was not found, but not everything in 4Geeks and Notion could be "
        "read, so nobody is taken for resigned: mend what `ledger errors list` names; {money} wait for that.",
        NOT_IN_CRM: "{client} is in Notion, but not enrolled in 4Geeks for {service}: enrol the client, or date an ended "
        "or dropped status in Notion; {money} wait for that.",
        UNDATED_NOTION_STATUS: "{client} has an ended or dropped status in Notion without its date: fill in Drop Date or "
        "Certificated At; {money} wait for that.",
        MEMBERSHIP_GONE: "The membership of {client} for {service} is in 4Geeks no more, and counts as postponed since: "
        "enrol the client again, or say DROPPED instead of deleting it; {money} wait for that.",
        CHANGE_OF_ESTIMATE: "{service} of {client} is delivered later than the closed months knew: {money} go back into "
        "deferred revenue, and are recognised as they are delivered.",
        NOT_CONGRUENT_STATUS: "{service} of {client} was booked as {booked} in a closed month, but the period that "
        "decides is now {status}: nothing more is recognised. {money} are recognised beyond what the period gives. "
        "Correct the status in 4Geeks, or reopen the month.",
        STALLED: "{money} of {service} of {client} are left, no period runs on and nothing will release them: extend or "
        "correct the period, or credit them.",
    }
)


@dataclass(frozen=True, slots=True)
class People:
    """Whom notices speak of. `clients` has a row for each of the sales' clients, by number."""

    contracts: Contracts
    facts: Facts
    assigned: Assignment
    sale_versions: SaleVersions
    periods: pa.Table
    clients: pa.Table

    def client(self, rows: Int64s) -> Column:
        """The names of the contracts' clients, or their ids."""
        return self.client_names.take(array(self.contracts.client[rows]))

    @property
    def client_names(self) -> Column:
        """The names of the clients, or their ids."""
        names = column(self.clients, "name")
        named: Column = pc.coalesce(names, self.contracts.sales.client_ids)
        return named

    def service(self, rows: Int64s) -> Column:
        """The names of the contracts' services, or their ids."""
        return self.contracts.sales.service_names.take(array(self.contracts.service[rows]))

    def deciding_period(self, one: MonthOfContracts) -> Int64s:
        """The input row of the period that decides each contract in the month; -1 without one."""
        at = self.facts.deciding[one.version]
        return np.where(at >= 0, np.append(self.facts.walk.schedule.row, -1)[at], -1)

    def ids(self, periods: Int64s) -> Column:
        """The ids of periods at these rows; 0 for -1."""
        return take(column(self.periods, "id"), periods).fill_null(0)


def month_notices(people: People, one: MonthOfContracts) -> list[pa.Table]:
    """The month's notices (ACCRUAL_NOTICES), in no promised order."""
    facts, at = people.facts, one.version
    notion, standing = facts.notion, facts.standing
    found, unassigned = notion.found[at], standing.unassigned[at]
    unread, enrolled = standing.unread[at], standing.enrolled[at]
    waits = one.decided.waits & (one.amount > 0) & (one.pending != 0)
    nowhere = waits & ~found & ~unassigned
    late = one.day > one.contract_day + DAYS_TO_ENROL
    undated = (notion.meaning != GOING_ON) & (notion.day == NEVER)
    masks = {
        MISSING_CRM_DATA: nowhere & ~enrolled & ~(late & unread),
        UNUSABLE_MEMBERSHIP: nowhere & enrolled,
        CRM_NOT_READ: nowhere & ~enrolled & late & unread,
        NOT_IN_CRM: waits & found & late,
        UNDATED_NOTION_STATUS: waits & found & undated[at],
        NOT_CONGRUENT_STATUS: one.held,
        MEMBERSHIP_GONE: _membership_gone(people, one) & (one.pending != 0),
        CHANGE_OF_ESTIMATE: _estimated_less(facts, one),
        STALLED: _stalled(facts, one),
    }
    told = [
        _of_contracts(people, one, kind, np.flatnonzero(where))
        for kind, where in masks.items()
        if where.any()
    ]
    return [*told, _of_unassigned(people, one)]


def notice_table(people: People, months: Sequence[Sequence[pa.Table]]) -> pa.Table:
    """ACCRUAL_NOTICES of these months, by key."""
    notices = pa.concat_tables([ACCRUAL_NOTICES.empty_table(), *(one for month in months for one in month)])
    return notices.sort_by([(name, "ascending") for name in NOTICE_KEY])


def _membership_gone(people: People, one: MonthOfContracts) -> Mask:
    """Where the membership of the period that decides is in 4Geeks no more."""
    gone = mask(column(people.periods, "is_removed"))
    where: Mask = np.append(gone, False)[people.deciding_period(one)]
    return where


def _estimated_less(facts: Facts, one: MonthOfContracts) -> Mask:
    """Where a month takes back what closed months recognised, because the periods now deliver it later."""
    has_period = ~facts.without_period[one.version]
    less: Mask = (one.recognised < 0) & one.missed & has_period & (one.amount > 0) & ~one.undecided
    return less


def _stalled(facts: Facts, one: MonthOfContracts) -> Mask:
    """Money is left, no period runs on, and no step will ever release it.

    A contract without periods is not stalled while data may still come in. What step 6 holds back is, once no
    period runs on: no step releases it.
    """
    without = facts.without_period[one.version]
    until = np.where(without, one.contract_day + DAYS_TO_ENROL + 1, facts.runs_until[one.version])
    awaited = (one.decided.release < NEVER) & ~one.held
    awaited |= without & facts.standing.unread[one.version]
    stalled: Mask = (one.pending != 0) & ~awaited & (until <= one.day)
    return stalled


def _of_contracts(people: People, one: MonthOfContracts, kind: str, rows: Int64s) -> pa.Table:
    told = {NOT_CONGRUENT_STATUS: one.decided.cumulative - one.by_rule, CHANGE_OF_ESTIMATE: one.recognised}
    amount = decimals(told.get(kind, one.pending)[rows], AMOUNT)
    columns: dict[str, Column] = {
        "month": one.months(rows.size),
        **{name: column(people.contracts.keys, name).take(array(rows)) for name in CONTRACT_KEY},
        "kind": pa.repeat(pa.scalar(kind), rows.size),
        "period_id": people.ids(people.deciding_period(one)[rows]),
        "amount": amount,
        "message": _joined(_message(people, one, kind, rows, amount), rows.size),
    }
    return pa.Table.from_arrays([columns[name] for name in ACCRUAL_NOTICES.names], schema=ACCRUAL_NOTICES)


def _joined(words: _Words, count: int) -> Column:
    texts: Any = [pa.repeat(pa.scalar(one), count) if isinstance(one, str) else one for one in words]
    joined: Column = pc.binary_join_element_wise(*texts, pa.scalar(""))
    return joined


def _message(people: People, one: MonthOfContracts, kind: str, rows: Int64s, amount: Column) -> _Words:
    currency = column(people.contracts.keys, "currency").take(array(rows))
    amounts: Any = amount.cast(pa.string())
    values: dict[str, Column] = {
        "client": people.client(rows),
        "service": people.service(rows),
        "money": pc.binary_join_element_wise(amounts, currency, pa.scalar(" ")),
        "booked": take(array(CONTRACT_STATUSES), one.decided.status[rows]),
        "status": take(column(people.periods, "status"), people.deciding_period(one)[rows]),
    }
    return _filled(_TEXTS[kind], values)


def _filled(text: str, values: Mapping[str, Column]) -> _Words:
    """The text in parts, its names in braces replaced by columns."""
    words: list[str | Column] = []
    for plain, name, _, _ in Formatter().parse(text):
        words += [plain] if plain else []
        words += [values[name]] if name else []
    return words


def _of_unassigned(people: People, one: MonthOfContracts) -> pa.Table:
    """Periods that found no contract, of clients with money left."""
    versions, assigned = people.sale_versions.clients, people.assigned
    waiting = np.zeros(people.clients.num_rows, dtype=np.bool_)
    waiting[people.contracts.client[one.pending != 0]] = True
    of_client = versions.client[assigned.unassigned_client]
    concerned = waiting[of_client] & (versions.begin[assigned.unassigned_client] <= one.month)
    concerned &= one.month < versions.until[assigned.unassigned_client]
    client, period = of_client[concerned], assigned.unassigned_period[concerned]
    at = array(period)
    names = [column(people.periods, name).take(at) for name in ("program_name", "program_slug")]
    program: Any = pc.coalesce(*names, pa.scalar("without a name"))
    message: _Words = [
        "The period ",
        people.ids(period).cast(pa.string()),
        " of ",
        people.client_names.take(array(client)),
        " belongs to none or several of the client's services, as its program is ",
        program,
        ": name the service after the program.",
    ]
    nobody = pa.repeat(pa.scalar(""), client.size)
    columns: dict[str, Column] = {
        "month": one.months(client.size),
        "contact_id": people.contracts.sales.client_ids.take(array(client)),
        "service_id": nobody,
        "currency": nobody,
        "contract_number": pa.repeat(pa.scalar(0, pa.int32()), client.size),
        "kind": pa.repeat(pa.scalar(UNASSIGNED_PERIOD), client.size),
        "period_id": people.ids(period),
        "amount": pa.nulls(client.size, AMOUNT),
        "message": _joined(message, client.size),
    }
    return pa.Table.from_arrays([columns[name] for name in ACCRUAL_NOTICES.names], schema=ACCRUAL_NOTICES)
