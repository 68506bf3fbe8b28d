"""The hours that bear on one month's statements: what is worked in it, before it in its year, and what came late."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.billed_hours import NO_LIMIT, billed_before
from ledger_pipelines.billing.hour_units import hours_in_units
from ledger_pipelines.billing.index import month_days, month_positions
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.late_hours import LateHours, own_statements
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    int64s,
    kept,
    picked,
    positions,
    summed,
)
from ledger_pipelines.months import years_so_far


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Tickets, and in units the hours of each, and those of it that other months have billed."""

    frame: pa.Table
    own: Int64s
    total: Int64s
    before: Int64s

    @property
    def added(self) -> Int64s:
        added: Int64s = np.maximum(self.total - self.before, 0)
        return added

    @property
    def late(self) -> LateHours:
        accounts, numbers = column(self.frame, "account_number"), column(self.frame, "ticket_number")
        return LateHours(accounts, numbers, self.own, self.added)

    def only(self, where: Mask) -> Reckoned:
        """Those of the tickets where the mask holds."""
        return Reckoned(kept(self.frame, where), self.own[where], self.total[where], self.before[where])


@dataclass(frozen=True, slots=True)
class MonthHours:
    """A month's tickets, those of it and the late ones of closed months; by company, hours in units.

    `booked` and `statements` are what binds the month: the hours that other closed months billed, and the statements
    of closed months before it. Companies are in the order of the statements' index.
    """

    tickets: Reckoned
    late: Reckoned
    used: Int64s
    earlier_in_year: Int64s
    booked: pa.Table
    statements: pa.Table


def own_months(tickets: pa.Table) -> Int64s:
    """The months that tickets belong to by their last update, as days since 1970; where that is unknown, their month."""
    updated = column(tickets, "last_updated_at")
    known = updated.is_valid().to_numpy(zero_copy_only=False)
    instants = int64s(updated.cast(pa.int64())).astype("datetime64[us]")
    own = instants.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.where(known, own, int64s(column(tickets, "month")))


def tickets_of(inputs: BillingInputs, month: date) -> tuple[Reckoned, pa.Table, pa.Table]:
    """All tickets that stand in a month, whoever's; and the booked hours and statements that bind it."""
    tickets = _of_months(inputs.read("tickets"), {month})
    booked, statements = _binding(inputs, month)
    return _reckoned(tickets, booked, _Calendar.of(month, inputs.closed_months)), booked, statements


def _binding(inputs: BillingInputs, month: date) -> tuple[pa.Table, pa.Table]:
    """The booked hours of all other closed months, and the statements of those before this month.

    A closed month that is computed anew is bound by those before it only.
    """
    closed = inputs.closed_months - {month}
    before = {one for one in closed if one < month}
    booked = _of_months(
        inputs.read("booked_ticket_hours"), before if month in inputs.closed_months else closed
    )
    return booked, _of_months(inputs.read("booked_statements"), before)


class HourBooks:
    """Tickets and what closed months have billed of them, from which each month's hours are reckoned."""

    def __init__(self, inputs: BillingInputs, terms: Terms) -> None:
        tickets = inputs.read("tickets")
        so_far = month_days(years_so_far(terms.months))
        tickets = kept(tickets, month_positions(column(tickets, "month"), so_far) >= 0)
        own = own_months(tickets)
        is_late = own != int64s(column(tickets, "month"))
        self._regular, self._late = kept(tickets, ~is_late), kept(tickets, is_late)
        self._inputs = inputs
        self._accounts = terms.index.accounts

    def month(self, month: date) -> MonthHours:
        """The hours that bear on this month."""
        calendar = _Calendar.of(month, self._inputs.closed_months)
        booked, statements = _binding(self._inputs, month)
        booked_at = _Cells.of(booked, calendar, self._accounts, "month")
        stands = np.zeros(calendar.shape(self._accounts), dtype=np.bool_)
        stands[booked_at.month, booked_at.account] = True
        # What a closed month booked stands, whatever its tickets were; of others the tickets speak for themselves.
        stands &= (calendar.is_closed & (calendar.days != calendar.day))[:, np.newaxis]

        regular_at = _Cells.of(self._regular, calendar, self._accounts, "month")
        regular_at = regular_at.only(~stands[regular_at.month, regular_at.account])
        regular = _reckoned(picked(self._regular, regular_at.rows), booked, calendar)
        late = self._late_tickets(booked, calendar)
        has_statement = own_statements(late.late, statements) >= 0

        own = booked.set_column(
            0, "month", pc.coalesce(column(booked, "ticket_month"), column(booked, "month"))
        )
        billed_at = _Cells.of(own, calendar, self._accounts, "month")
        billed = billed_at.sums(hours_in_units(column(booked, "hours"))[billed_at.rows], stands.shape)
        facts = np.where(stands, billed, regular_at.sums(regular.added, stands.shape))
        used = facts[-1].copy()
        counting = late.only(has_statement)
        dated = counting.frame.set_column(0, "month", array(counting.own.astype(np.int32)).view(pa.date32()))
        late_at = _Cells.of(dated, calendar, self._accounts, "month")
        facts += late_at.sums(counting.added[late_at.rows], stands.shape)
        return MonthHours(
            regular.only(int64s(column(regular.frame, "month")) == calendar.day),
            late.only(int64s(column(late.frame, "month")) == calendar.day),
            used,
            facts[:-1].sum(axis=0),
            booked,
            statements,
        )

    def _late_tickets(self, booked: pa.Table, calendar: _Calendar) -> Reckoned:
        """The late tickets of the open months so far and of the month itself: those of closed ones are booked."""
        at = month_positions(column(self._late, "month"), calendar.days)
        counts = np.where(at >= 0, ~calendar.is_closed[at] | (calendar.days[at] == calendar.day), False)
        return _reckoned(kept(self._late, counts), booked, calendar)


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The months of a year up to one, as days since 1970, and which of them are closed."""

    days: Int64s
    is_closed: Mask

    @classmethod
    def of(cls, month: date, closed: frozenset[date]) -> _Calendar:
        months = years_so_far([month])
        return cls(month_days(months), np.array([one in closed for one in months], dtype=np.bool_))

    @property
    def day(self) -> int:
        return int(self.days[-1])

    def shape(self, accounts: Column) -> tuple[int, int]:
        return self.days.size, len(accounts)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Those rows of a frame that lie in a calendar's months and belong to the companies, and where they lie."""

    rows: Int64s
    month: Int64s
    account: Int64s

    @classmethod
    def of(cls, frame: pa.Table, calendar: _Calendar, accounts: Column, month_name: str) -> _Cells:
        month = month_positions(column(frame, month_name), calendar.days)
        account = positions(column(frame, "account_number"), accounts)
        rows = np.flatnonzero((month >= 0) & (account >= 0))
        return cls(rows, month[rows], account[rows])

    def only(self, where: Mask) -> _Cells:
        return _Cells(self.rows[where], self.month[where], self.account[where])

    def sums(self, units: Int64s, shape: tuple[int, int]) -> Int64s:
        return summed(units, self.month * shape[1] + self.account, shape[0] * shape[1]).reshape(shape)


def _of_months(frame: pa.Table, months: Collection[date]) -> pa.Table:
    return kept(frame, month_positions(column(frame, "month"), month_days(sorted(months))) >= 0)


def _reckoned(tickets: pa.Table, booked: pa.Table, calendar: _Calendar) -> Reckoned:
    """A closed month's tickets are reckoned as they were then: with what was billed before it."""
    days = int64s(column(tickets, "month"))
    is_closed = calendar.is_closed[month_positions(column(tickets, "month"), calendar.days)]
    limits = np.where(is_closed, days, NO_LIMIT)
    return Reckoned(
        tickets,
        own_months(tickets),
        hours_in_units(column(tickets, "total_hours_spent")),
        billed_before(tickets, booked, limits),
    )
