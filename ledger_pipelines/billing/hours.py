"""Ticket hours: what each ticket adds in a month, and what of it is billed (rules/billing.md, Ticket hours).

A ticket is its number alone: one that moved to another company is billed there for what was added since.
Hours that count against the yearly allowance: in a closed month those on its statements, in an open one those
of all the company's tickets, whether or not it had a plan then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.index import month_days, month_positions
from ledger_pipelines.billing.inputs import HOURS, BillingInputs
from ledger_pipelines.billing.lines import HOURLY_LABOR, ONE, RATE_UNIT, Stated, charged, statement_lines
from ledger_pipelines.billing.outputs import TICKET_HOURS
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import (
    Column,
    Exact,
    Int64s,
    Mask,
    array,
    column,
    decimals,
    exact,
    exact_units,
    half_up,
    kept,
    positions,
    same,
)
from ledger_pipelines.months import years_so_far

_HOUR = 10**HOURS.scale
#: From ten-thousandths, in which rates are kept, to the smallest unit of hours.
_FROM_RATE = _HOUR // 10**4


@dataclass(frozen=True, slots=True)
class HourCharges:
    """Ticket hours (TICKET_HOURS) and lines; by statement, hours in their smallest unit and charges in the
    currency's minor unit.
    """

    ticket_hours: pa.Table
    lines: pa.Table
    used: Exact
    earlier_in_year: Exact
    billable: Exact
    charges: Exact


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The months that bear on the statements, ascending: those asked for and the earlier of their years."""

    months: Int64s
    years: Int64s
    asked: Mask
    closed: Mask


def charge_hours(inputs: BillingInputs, terms: Terms, currency: str) -> HourCharges:
    """A line for each statement with billable hours.

    Closed months before a ticket's own are facts: what they billed of it is taken off. A closed month that is
    itself asked for is computed anew, as if it were open.
    """
    calendar = _calendar(inputs, terms)
    booked = _of_closed_months(inputs)
    hours, month, account = _ticket_hours(inputs, terms, calendar, booked)
    shape = calendar.months.size, len(terms.index.accounts)
    computed = _sums(column(hours, "hours"), month, account, shape)
    booked_at = (
        month_positions(column(booked, "month"), calendar.months),
        positions(column(booked, "account_number"), terms.index.accounts),
    )
    billed = _sums(column(booked, "hours"), *booked_at, shape)
    # A company that had no statement in a closed month has nothing booked there: its tickets' hours count in full.
    is_booked = np.zeros(shape, dtype=np.bool_)
    known = (booked_at[0] >= 0) & (booked_at[1] >= 0)
    is_booked[booked_at[0][known], booked_at[1][known]] = True
    facts = np.where(calendar.closed[:, np.newaxis] & is_booked, billed, computed)
    at = np.searchsorted(calendar.months, terms.index.months)[terms.index.month]
    used = computed[at, terms.index.account]
    earlier = _earlier_in_year(facts, calendar.years)[at, terms.index.account]
    after_month = np.maximum(used - exact(terms.rates["prepaid_hours_monthly"]) * _FROM_RATE, 0)
    yearly_left = np.maximum(exact(terms.rates["prepaid_hours_yearly"]) * _FROM_RATE - earlier, 0)
    billable = np.maximum(after_month - yearly_left, 0)
    quantities = half_up(billable, _HOUR // ONE)
    charges = charged(quantities * exact(terms.rates["per_hour_ticket_cost"]), ONE * RATE_UNIT, currency)
    on_statement = terms.index.rows(column(hours, "month"), column(hours, "account_number")) >= 0
    lines = _lines(terms, quantities, billable > 0, charges, currency)
    return HourCharges(kept(hours, on_statement), lines, used, earlier, billable, charges)


def _calendar(inputs: BillingInputs, terms: Terms) -> _Calendar:
    months = years_so_far(terms.months)
    return _Calendar(
        months=month_days(months),
        years=np.array([month.year for month in months], dtype=np.int64),
        asked=np.array([month in terms.months for month in months], dtype=np.bool_),
        closed=np.array([month in inputs.closed_months for month in months], dtype=np.bool_),
    )


def _of_closed_months(inputs: BillingInputs) -> pa.Table:
    booked = inputs.read("booked_ticket_hours")
    closed = month_days(sorted(inputs.closed_months))
    return kept(booked, month_positions(column(booked, "month"), closed) >= 0)


def _ticket_hours(
    inputs: BillingInputs, terms: Terms, calendar: _Calendar, booked: pa.Table
) -> tuple[pa.Table, Int64s, Int64s]:
    """The hours (TICKET_HOURS) of the companies' tickets, each with its month in the calendar and its
    account.
    """
    tickets = inputs.read("tickets")
    month = month_positions(column(tickets, "month"), calendar.months)
    account = positions(column(tickets, "account_number"), terms.index.accounts)
    needed = (month >= 0) & (account >= 0)
    tickets = kept(tickets, needed)
    total: Any = column(tickets, "total_hours_spent").fill_null(0)
    before: Any = _billed_before(tickets, booked)
    added: Any = pc.subtract(total, before)
    added = pc.max_element_wise(added, pa.scalar(0, added.type))
    names = ["month", "account_number", "ticket_number"]
    columns = [*(column(tickets, name) for name in names), total, before, added.cast(HOURS)]
    return pa.Table.from_arrays(columns, schema=TICKET_HOURS), month[needed], account[needed]


def _billed_before(tickets: pa.Table, booked: pa.Table) -> Column:
    """For each ticket row, the hours of the same ticket on statements of closed months before its month."""
    before = decimals(np.zeros(tickets.num_rows, dtype=np.int64), HOURS)
    if not booked.num_rows or not tickets.num_rows:
        return before
    distinct = column(tickets, "ticket_number").unique()
    ticket, day = positions(column(tickets, "ticket_number"), distinct), _days(tickets)
    booked_ticket, booked_day = positions(column(booked, "ticket_number"), distinct), _days(booked)
    latest = np.zeros(len(distinct), dtype=np.int64)
    np.maximum.at(latest, ticket, day)
    # Most tickets are billed in one month only; those end here.
    bears = (booked_ticket >= 0) & (booked_day < latest[booked_ticket])
    order = np.lexsort((booked_day[bears], booked_ticket[bears]))
    keys = (booked_ticket[bears] << 32 | booked_day[bears])[order]
    running = np.zeros(keys.size + 1, dtype=object)
    running[1:] = np.cumsum(exact_units(column(kept(booked, bears), "hours"))[order])
    start, end = np.searchsorted(keys, ticket << 32), np.searchsorted(keys, ticket << 32 | day)
    again = end > start
    hours = decimals(running[end[again]] - running[start[again]], HOURS)
    replaced: Column = pc.replace_with_mask(before, array(again), hours)
    return replaced


def _days(frame: pa.Table) -> Int64s:
    """Months as days since the year 1, so that none is negative."""
    return column(frame, "month").view(pa.int32()).to_numpy().astype(np.int64) + 719_163


def _sums(hours: Column, month: Int64s, account: Int64s, shape: tuple[int, int]) -> Exact:
    """Hours by month and account, in their smallest unit; rows at -1 are left out."""
    cells = np.where((month >= 0) & (account >= 0), month * shape[1] + account, -1)
    grouped = (
        pa.table({"cell": array(cells), "hours": hours})
        .group_by("cell", use_threads=False)
        .aggregate([("hours", "sum")])
    )
    at = column(grouped, "cell").to_numpy()
    sums = np.zeros(shape[0] * shape[1], dtype=object)
    sums[at[at >= 0]] = exact_units(column(grouped, "hours_sum"))[at >= 0]
    return sums.reshape(shape)


def _earlier_in_year(hours: Exact, years: Int64s) -> Exact:
    """The hours of the months before each in its year; rows are months, ascending."""
    earlier = np.zeros(hours.shape, dtype=object)
    for row in range(1, len(years)):
        if years[row] == years[row - 1]:
            earlier[row] = earlier[row - 1] + hours[row - 1]
    return earlier


def _lines(terms: Terms, quantities: Exact, where: Mask, charges: Exact, currency: str) -> pa.Table:
    rows = np.flatnonzero(where)
    stated = Stated(
        rows,
        "tickets",
        same("hours", rows.size),
        "hours",
        same("hours", rows.size),
        HOURLY_LABOR,
        same("Ticket hours over the prepaid allowance", rows.size),
    )
    return statement_lines(
        terms,
        stated,
        rates=terms.rates["per_hour_ticket_cost"][rows],
        amounts=charges[rows],
        quantities=quantities[rows],
        currency=currency,
    )
