"""What closed months lack: hours of their tickets that came to be known later (rules/billing.md, Ticket hours).

Left open by the rule and decided here: such hours are hours of the month that the ticket belongs to. They are billed
as that month would have billed them, had it known: by the rate and the allowances of its statement, so that nobody
pays for hours that were prepaid, and none of another month's or year's allowance is used up. What the year's closed
months would then have billed more, in all, is what is lacking; an allowance that has hours left covers the tickets
in order of their months and numbers. A closed month without a statement of the company lacks nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ledger_pipelines.billing.hour_units import FROM_RATE, hours_in_units
from ledger_pipelines.billing.index import StatementIndex, month_positions
from ledger_pipelines.columns import Column, Int64s, column, int64s, kept, positions, small_units

#: Numbers by month and company.
_Grid = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LateHours:
    """Late tickets, a row for each; `own` is the ticket's own month as days since 1970, `units` its hours."""

    accounts: Column
    numbers: Column
    own: Int64s
    units: Int64s


def own_statements(late: LateHours, statements: pa.Table) -> Int64s:
    """Of each late ticket, the row of the statement (BOOKED_STATEMENTS) of its own month; -1 where there is none."""
    index = _index(statements)
    cells = _cells(index, late.own, late.accounts)
    if not index.count:
        return cells.month
    return np.where(cells.month >= 0, index.grid[cells.month, cells.account], -1)


def billed_late(late: LateHours, statements: pa.Table, booked: pa.Table) -> Int64s:
    """What of each late ticket's hours its own month would have billed.

    Each has a statement of its own month among `statements`, which are those of closed months. `booked` are the hours
    that closed months billed; of them those of other months' tickets count here.
    """
    if not late.units.size:
        return late.units
    index = _index(statements)
    years = index.months.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    cells = _cells(index, late.own, late.accounts)
    added = _added(index, cells, late.units)
    lacking = _Books(statements, index, years).lacking(added, booked)
    distinct, year = np.unique(years, return_inverse=True)
    covered = np.zeros((distinct.size, len(index.accounts)), dtype=np.int64)
    np.add.at(covered, year, added - lacking)
    group = year[cells.month] * len(index.accounts) + cells.account
    return _beyond(group, late, np.maximum(covered, 0).reshape(-1))


def still_billable(statements: pa.Table, booked: pa.Table) -> Int64s:
    """Of each statement (BOOKED_STATEMENTS), the hours of its month that are billed, those that came late among them."""
    index = _index(statements)
    years = index.months.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    billable = _Books(statements, index, years).billable(booked)
    return billable[index.month, index.account]


def _index(statements: pa.Table) -> StatementIndex:
    months = np.unique(int64s(column(statements, "month")))
    at = month_positions(column(statements, "month"), months)
    return StatementIndex.of(months, at, column(statements, "account_number"))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where records lie among the statements; -1 where they do not."""

    month: Int64s
    account: Int64s


def _cells(index: StatementIndex, months: Int64s, accounts: Column) -> _Cells:
    month = month_positions(pa.array(months.astype(np.int32)).view(pa.date32()), index.months)
    account = positions(accounts, index.accounts)
    known = (month >= 0) & (account >= 0)
    return _Cells(np.where(known, month, -1), np.where(known, account, -1))


def _added(index: StatementIndex, cells: _Cells, units: Int64s) -> _Grid:
    grid = np.zeros(index.grid.shape, dtype=np.int64)
    known = cells.month >= 0
    np.add.at(grid, (cells.month[known], cells.account[known]), units[known])
    return grid


@dataclass(frozen=True, slots=True)
class _Books:
    """The closed statements that late hours may change, and the year of each of their months."""

    statements: pa.Table
    index: StatementIndex
    years: Int64s

    def lacking(self, added: _Grid, booked: pa.Table) -> _Grid:
        """By month and company, what its statement would have billed more with the hours that are added."""
        used, earlier = self._counted(booked)
        before = self._billable(used, earlier)
        for position in range(len(self.years)):
            of_year = self.years[:position] == self.years[position]
            earlier[position] += added[:position][of_year].sum(axis=0)
        more: _Grid = self._billable(used + added, earlier) - before
        return more

    def billable(self, booked: pa.Table) -> _Grid:
        """By month and company, the billable hours with those that came late and were billed since."""
        return self._billable(*self._counted(booked))

    def _counted(self, booked: pa.Table) -> tuple[_Grid, _Grid]:
        """Each month's hours, and those before it in its year."""
        used, earlier = self._stated("hours_used"), self._stated("hours_earlier_in_year")
        late = kept(booked, column(booked, "ticket_month").is_valid().to_numpy(zero_copy_only=False))
        billed_in = int64s(column(late, "month"))
        cells = _cells(self.index, int64s(column(late, "ticket_month")), column(late, "account_number"))
        units = hours_in_units(column(late, "hours"))
        used = used + _added(self.index, cells, units)
        for position, day in enumerate(self.index.months):
            # A statement has counted the late hours that its own month or an earlier one found.
            of_year = np.where(cells.month >= 0, self.years[cells.month] == self.years[position], False)
            counts = of_year & (cells.month < position) & (billed_in > day)
            np.add.at(earlier[position], cells.account[counts], units[counts])
        return used, earlier

    def _stated(self, name: str) -> _Grid:
        return self._grid(hours_in_units(column(self.statements, name)))

    def _billable(self, used: _Grid, earlier: _Grid) -> _Grid:
        monthly, yearly = (
            self._grid(small_units(column(self.statements, f"prepaid_hours_{span}")) * FROM_RATE)
            for span in ("monthly", "yearly")
        )
        after_month = np.maximum(used - monthly, 0)
        billable: _Grid = np.maximum(after_month - np.maximum(yearly - earlier, 0), 0)
        return np.where(self.index.grid >= 0, billable, 0)

    def _grid(self, values: Int64s) -> _Grid:
        there = self.index.grid >= 0
        grid = np.zeros(there.shape, dtype=np.int64)
        grid[there] = values[self.index.grid[there]]
        return grid


def _beyond(group: Int64s, late: LateHours, free: Int64s) -> Int64s:
    """What of each ticket's hours lies beyond the free hours of its group, which the first tickets use up."""
    order = np.lexsort((late.numbers.to_numpy(zero_copy_only=False).astype(str), late.own, group))
    group, units = group[order], late.units[order]
    running = np.cumsum(units)
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    sizes = np.diff(np.append(starts, group.size))
    of_group = running - np.repeat(running[starts] - units[starts], sizes)
    beyond = np.empty(units.size, dtype=np.int64)
    beyond[order] = np.clip(of_group - free[group], 0, units)
    return beyond
