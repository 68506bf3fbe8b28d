"""What a person should look at: contracts that wait, and facts that contradict one another."""

from __future__ import annotations

from collections import defaultdict
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
from ledger_pipelines.accruals.release import DAYS_TO_ENROL, Facts
from ledger_pipelines.accruals.statements import MonthOfContracts, month_column
from ledger_pipelines.accruals.versions import SaleVersions
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, decimals, mask, take
from ledger_pipelines.money import AMOUNT

#: What a notice of each kind says.
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
        UNASSIGNED_PERIOD: "The period {period} of {client} belongs to none or several of the client's services, as its "
        "program is {program}: name the service after the program.",
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
        return np.where(at >= 0, np.append(self.facts.progress.schedule.row, -1)[at], -1)

    def ids(self, periods: Int64s) -> Column:
        """The ids of periods at these rows; 0 for -1."""
        return take(column(self.periods, "id"), periods).fill_null(0)


@dataclass(frozen=True, slots=True)
class _Noticed:
    """Contracts that notices of one kind are about: each with its month, amount (in hundredths), the input row of the
    period that decides (-1 without one) and the status that it was decided or booked with.
    """

    month: Int64s
    contract: Int64s
    amount: Int64s
    period: Int64s
    status: Int64s


def notice_table(people: People, months: Sequence[MonthOfContracts]) -> pa.Table:
    """ACCRUAL_NOTICES of these months, by key."""
    noticed: dict[str, list[_Noticed]] = defaultdict(list)
    for one in months:
        for kind, where in _contracts_by_kind(people, one).items():
            if where.any():
                noticed[kind].append(_noticed(people, one, kind, np.flatnonzero(where)))
    tables = [_of_contracts(people, kind, parts) for kind, parts in noticed.items()]
    unassigned = [_of_unassigned(people, months)] if months else []
    notices = pa.concat_tables([ACCRUAL_NOTICES.empty_table(), *tables, *unassigned])
    return notices.sort_by([(name, "ascending") for name in NOTICE_KEY])


def _contracts_by_kind(people: People, one: MonthOfContracts) -> dict[str, Mask]:
    """The contracts that the month has a notice of, by its kind."""
    facts, at = people.facts, one.version
    notion, standing = facts.notion, facts.standing
    found, unassigned = notion.found[at], standing.unassigned[at]
    unread, enrolled = standing.unread[at], standing.enrolled[at]
    waits = one.decided.waits & (one.amount > 0) & (one.pending != 0)
    nowhere = waits & ~found & ~unassigned
    late = one.day > one.contract_day + DAYS_TO_ENROL
    undated = (notion.meaning != GOING_ON) & (notion.day == NEVER)
    return {
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


def _noticed(people: People, one: MonthOfContracts, kind: str, rows: Int64s) -> _Noticed:
    amounts = {NOT_CONGRUENT_STATUS: one.decided.cumulative - one.by_rule, CHANGE_OF_ESTIMATE: one.recognised}
    return _Noticed(
        month=np.full(rows.size, one.month, dtype=np.int64),
        contract=rows,
        amount=amounts.get(kind, one.pending)[rows],
        period=people.deciding_period(one)[rows],
        status=one.decided.status[rows],
    )


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


def _of_contracts(people: People, kind: str, parts: Sequence[_Noticed]) -> pa.Table:
    """The notices (ACCRUAL_NOTICES) of one kind, in no promised order."""
    month, contract, units, period, status = (
        np.concatenate([getattr(one, name) for one in parts])
        for name in ("month", "contract", "amount", "period", "status")
    )
    amount, keys = decimals(units, AMOUNT), people.contracts.keys.take(array(contract))
    amounts: Any = amount.cast(pa.string())
    words: dict[str, Column] = {
        "client": people.client(contract),
        "service": people.service(contract),
        "money": pc.binary_join_element_wise(amounts, column(keys, "currency"), pa.scalar(" ")),
        "booked": take(array(CONTRACT_STATUSES), status),
        "status": take(column(people.periods, "status"), period),
    }
    columns: dict[str, Column] = {
        "month": month_column(month),
        **{name: column(keys, name) for name in CONTRACT_KEY},
        "kind": pa.repeat(pa.scalar(kind), contract.size),
        "period_id": people.ids(period),
        "amount": amount,
        "message": _filled(_TEXTS[kind], words, contract.size),
    }
    return pa.Table.from_arrays([columns[name] for name in ACCRUAL_NOTICES.names], schema=ACCRUAL_NOTICES)


def _filled(text: str, values: Mapping[str, Column], count: int) -> Column:
    """The text in every row, its names in braces replaced by the row's values."""
    parts: list[Any] = []
    for plain, name, _, _ in Formatter().parse(text):
        parts += [pa.repeat(pa.scalar(plain), count)] if plain else []
        parts += [values[name]] if name else []
    filled: Column = pc.binary_join_element_wise(*parts, pa.scalar(""))
    return filled


def _of_unassigned(people: People, months: Sequence[MonthOfContracts]) -> pa.Table:
    """Periods that found no contract, of clients with money left."""
    versions, assigned = people.sale_versions.clients, people.assigned
    version = assigned.unassigned_client
    found = []
    for one in months:
        has_money = np.zeros(people.clients.num_rows, dtype=np.bool_)
        has_money[people.contracts.client[one.pending != 0]] = True
        is_now = (versions.begin[version] <= one.month) & (one.month < versions.until[version])
        found.append(np.flatnonzero(has_money[versions.client[version]] & is_now))
    rows = np.concatenate(found)
    client, period = array(versions.client[version[rows]]), assigned.unassigned_period[rows]
    names: Any = [
        column(people.periods, name).take(array(period)) for name in ("program_name", "program_slug")
    ]
    ids, unnamed = people.ids(period), pa.repeat(pa.scalar("without a name"), rows.size)
    words: dict[str, Column] = {
        "period": ids.cast(pa.string()),
        "client": people.client_names.take(client),
        "program": pc.coalesce(*names, unnamed),
    }
    nobody = pa.repeat(pa.scalar(""), rows.size)
    columns: dict[str, Column] = {
        "month": month_column(np.repeat([one.month for one in months], [at.size for at in found])),
        "contact_id": people.contracts.sales.client_ids.take(client),
        "service_id": nobody,
        "currency": nobody,
        "contract_number": pa.repeat(pa.scalar(0, pa.int32()), rows.size),
        "kind": pa.repeat(pa.scalar(UNASSIGNED_PERIOD), rows.size),
        "period_id": ids,
        "amount": pa.nulls(rows.size, AMOUNT),
        "message": _filled(_TEXTS[UNASSIGNED_PERIOD], words, rows.size),
    }
    return pa.Table.from_arrays([columns[name] for name in ACCRUAL_NOTICES.names], schema=ACCRUAL_NOTICES)
