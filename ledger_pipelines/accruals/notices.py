"""What a person should look at: contracts that wait, and facts that contradict one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    CONTRACT_KEY,
    CONTRACT_STATUSES,
    MISSING_CRM_DATA,
    NOT_CONGRUENT_STATUS,
    NOT_IN_CRM,
    NOTICE_KEY,
    STALLED,
    UNASSIGNED_PERIOD,
    UNDATED_NOTION_STATUS,
)
from ledger_pipelines.accruals.statements import MonthOfContracts
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, decimals, take
from ledger_pipelines.money import AMOUNT

#: Text, with columns in its place: each notice's words.
_Words = Sequence["str | Column"]


@dataclass(frozen=True, slots=True)
class People:
    """Whom notices speak of. `names` are the clients' by their numbers, null where there is none."""

    contracts: Contracts
    facts: Facts
    assigned: Assignment
    periods: pa.Table
    names: Column

    def client(self, rows: Int64s) -> Column:
        """The names of the contracts' clients, or their ids."""
        return self.client_names.take(array(self.contracts.client[rows]))

    @property
    def client_names(self) -> Column:
        """The names of the clients, or their ids."""
        named: Column = pc.coalesce(self.names, self.contracts.client_ids)
        return named

    def service(self, rows: Int64s) -> Column:
        """The names of the contracts' services, or their ids."""
        return self.contracts.service_names.take(array(self.contracts.service[rows]))

    def last_period(self, rows: Int64s) -> Int64s:
        """The input row of each contract's last period; -1 without one."""
        at = self.facts.last_period[rows]
        return np.where(at >= 0, np.append(self.facts.walk.schedule.row, -1)[at], -1)

    def ids(self, periods: Int64s) -> Column:
        """The ids of periods at these rows; 0 for -1."""
        return take(column(self.periods, "id"), periods).fill_null(0)


def month_notices(people: People, one: MonthOfContracts) -> list[pa.Table]:
    """The month's notices (ACCRUAL_NOTICES), in no promised order."""
    facts, notion = people.facts, people.facts.notion
    waits = facts.without_period & (one.amount > 0) & ~one.decided.released
    late = one.day > people.contracts.day + DAYS_TO_ENROL
    undated = (notion.meaning != GOING_ON) & (notion.day == NEVER)
    masks = {
        MISSING_CRM_DATA: waits & ~notion.found & ~facts.unassigned,
        NOT_IN_CRM: waits & notion.found & late,
        UNDATED_NOTION_STATUS: waits & notion.found & undated,
        NOT_CONGRUENT_STATUS: one.held,
        STALLED: _stalled(facts, one),
    }
    found = [
        _of_contracts(people, one, kind, np.flatnonzero(where))
        for kind, where in masks.items()
        if where.any()
    ]
    return [*found, _of_unassigned(people, one)]


def notice_table(people: People, months: Sequence[Sequence[pa.Table]]) -> pa.Table:
    """ACCRUAL_NOTICES of these months, by key."""
    notices = pa.concat_tables([ACCRUAL_NOTICES.empty_table(), *(one for month in months for one in month)])
    return notices.sort_by([(name, "ascending") for name in NOTICE_KEY])


def _stalled(facts: Facts, one: MonthOfContracts) -> Mask:
    """Money is left, no period runs on, and no step will ever release it.

    A contract without periods is not stalled while data may still come in. What step 6 holds back is, once no
    period runs on: no step releases it.
    """
    awaited = (facts.release.day < NEVER) & ~one.held
    stalled: Mask = (one.pending != 0) & ~awaited & (facts.runs_until <= one.day)
    return stalled


def _of_contracts(people: People, one: MonthOfContracts, kind: str, rows: Int64s) -> pa.Table:
    amounts = one.decided.cumulative - one.by_rule if kind == NOT_CONGRUENT_STATUS else one.pending
    amount = decimals(amounts[rows], AMOUNT)
    columns: dict[str, Column] = {
        "month": one.months(rows.size),
        **{name: column(people.contracts.keys, name).take(array(rows)) for name in CONTRACT_KEY},
        "kind": pa.repeat(pa.scalar(kind), rows.size),
        "period_id": people.ids(people.last_period(rows)),
        "amount": amount,
        "message": _joined(_message(people, one, kind, rows, amount), rows.size),
    }
    return pa.Table.from_arrays([columns[name] for name in ACCRUAL_NOTICES.names], schema=ACCRUAL_NOTICES)


def _joined(words: _Words, count: int) -> Column:
    texts: Any = [pa.repeat(pa.scalar(one), count) if isinstance(one, str) else one for one in words]
    joined: Column = pc.binary_join_element_wise(*texts, pa.scalar(""))
    return joined


def _message(people: People, one: MonthOfContracts, kind: str, rows: Int64s, amount: Column) -> _Words:
    client, service = people.client(rows), people.service(rows)
    money: _Words = [
        amount.cast(pa.string()),
        " ",
        column(people.contracts.keys, "currency").take(array(rows)),
    ]
    if kind == MISSING_CRM_DATA:
        return [
            client,
            " bought ",
            service,
            " and is neither enrolled in 4Geeks nor in Notion: enrol the client, or ",
            *money,
            f" are recognised as resigned {DAYS_TO_ENROL} days after the first invoice.",
        ]
    if kind == NOT_IN_CRM:
        return [
            client,
            " is in Notion, but not enrolled in 4Geeks for ",
            service,
            ": enrol the client, or date an ended or dropped status in Notion; ",
            *money,
            " wait for that.",
        ]
    if kind == UNDATED_NOTION_STATUS:
        return [
            client,
            " has an ended or dropped status in Notion without its date: fill in Drop Date or Certificated At; ",
            *money,
            " wait for that.",
        ]
    if kind == NOT_CONGRUENT_STATUS:
        last = people.last_period(rows)
        return [
            service,
            " of ",
            client,
            " was booked as ",
            take(array(CONTRACT_STATUSES), one.decided.status[rows]),
            " in a closed month, but the last period is now ",
            take(column(people.periods, "status"), last),
            ": nothing more is recognised. ",
            *money,
            " are recognised beyond what the period gives. Correct the status in 4Geeks, or reopen the month.",
        ]
    return [
        *money,
        " of ",
        service,
        " of ",
        client,
        " are left, no period runs on and nothing will release them: extend or correct the period, or credit them.",
    ]


def _of_unassigned(people: People, one: MonthOfContracts) -> pa.Table:
    """Periods that found no contract, of clients with money left."""
    waiting = np.zeros(len(people.contracts.client_ids), dtype=np.bool_)
    waiting[people.contracts.client[one.pending != 0]] = True
    concerned = waiting[people.assigned.unassigned_client]
    client = people.assigned.unassigned_client[concerned]
    period = people.assigned.unassigned_period[concerned]
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
        "contact_id": people.contracts.client_ids.take(array(client)),
        "service_id": nobody,
        "currency": nobody,
        "kind": pa.repeat(pa.scalar(UNASSIGNED_PERIOD), client.size),
        "period_id": people.ids(period),
        "amount": pa.nulls(client.size, AMOUNT),
        "message": _joined(message, client.size),
    }
    return pa.Table.from_arrays([columns[name] for name in ACCRUAL_NOTICES.names], schema=ACCRUAL_NOTICES)
