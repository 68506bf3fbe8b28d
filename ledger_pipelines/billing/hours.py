"""Ticket hours: what each ticket adds in a month, and what of it is billed (rules/billing.md, Ticket hours).

Hours that count against the yearly allowance: of a closed month those on its statements, of an open one those of all
the company's tickets, whether or not it had a plan then. Hours that a closed month lacked count as its own, whichever
month bills them (`late_hours`). A line's quantity is rounded to six decimals and then multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.hour_units import FROM_RATE, quantities, units_in_hours
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.late_hours import billed_late, own_statements
from ledger_pipelines.billing.lines import (
    HOURLY_LABOR,
    ONE,
    RATE_UNIT,
    Stated,
    amounts_of,
    charged,
    statement_lines,
)
from ledger_pipelines.billing.month_hours import HourBooks, MonthHours, Reckoned
from ledger_pipelines.billing.outputs import STATEMENT_LINES, TICKET_HOURS, UNBILLED_HOURS
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import (
    Column,
    Exact,
    Int64s,
    array,
    column,
    decimals,
    exact,
    positions,
    same,
    small_units,
)
from ledger_pipelines.money import CHARGE, RATE


@dataclass(frozen=True, slots=True)
class HourCharges:
    """Ticket hours (TICKET_HOURS), lines, and late hours that no line bills (UNBILLED_HOURS); by statement, hours in
    units (`hour_units`) and charges in the currency's minor unit.

    `late` are the billable hours of late tickets, which `used` and `billable` leave out; `charges` has both.
    """

    ticket_hours: pa.Table
    lines: pa.Table
    unbilled: pa.Table
    used: Int64s
    earlier_in_year: Int64s
    billable: Int64s
    late: Int64s
    charges: Exact


def charge_hours(inputs: BillingInputs, terms: Terms, currency: str) -> HourCharges:
    """A line for each statement with billable hours of its month, and one for each late ticket that has any.

    Closed months are facts: what they billed of a ticket is taken off. A closed month that is itself asked for is
    computed anew, as if it were open and the later ones had not been.
    """
    books = HourBooks(inputs, terms)
    charges = _Charges(terms, currency)
    for position, month in enumerate(terms.months):
        charges.add(books.month(month), terms.index.grid[position])
    return charges.finish()


def charge_of(quantity: Exact, rate: Int64s, currency: str) -> Exact:
    """Quantities in millionths times rates in ten-thousandths, in the currency's minor unit."""
    charge: Exact = charged(quantity * exact(rate), ONE * RATE_UNIT, currency)
    return charge


class _Charges:
    """Collects the months' charges."""

    def __init__(self, terms: Terms, currency: str) -> None:
        self._terms, self._currency = terms, currency
        count = terms.index.count
        self._used, self._earlier, self._billable, self._late = (
            np.zeros(count, dtype=np.int64) for _ in range(4)
        )
        self._charges = np.zeros(count, dtype=object)
        self._ticket_hours, self._lines = [TICKET_HOURS.empty_table()], [STATEMENT_LINES.empty_table()]
        self._unbilled = [UNBILLED_HOURS.empty_table()]

    def add(self, month: MonthHours, statement_of: Int64s) -> None:
        """Charges a month; `statement_of` is each company's statement of it, or -1."""
        self._charge_regular(month, statement_of)
        company = positions(column(month.late.frame, "account_number"), self._terms.index.accounts)
        statement = np.where(company >= 0, statement_of[company], -1) if statement_of.size else company
        own = own_statements(month.late.late, month.statements)
        is_billed = (statement >= 0) & (own >= 0)
        self._charge_late(month, month.late.only(is_billed), statement[is_billed], own[is_billed])
        left_out = ~is_billed & (month.late.added > 0)
        self._unbilled.append(_unbilled(month, month.late.only(left_out), own[left_out], self._currency))

    def _charge_regular(self, month: MonthHours, statement_of: Int64s) -> None:
        company = np.flatnonzero(statement_of >= 0)
        rows, rates = statement_of[company], self._terms.rates
        used, earlier = month.used[company], month.earlier_in_year[company]
        after_month = np.maximum(used - rates["prepaid_hours_monthly"][rows] * FROM_RATE, 0)
        yearly_left = np.maximum(rates["prepaid_hours_yearly"][rows] * FROM_RATE - earlier, 0)
        billable = np.maximum(after_month - yearly_left, 0)
        self._used[rows], self._earlier[rows], self._billable[rows] = used, earlier, billable
        has_line = billable > 0
        rows, quantity = rows[has_line], quantities(billable[has_line])
        rate = rates["per_hour_ticket_cost"][rows]
        kinds, told = same("hours", rows.size), same("Ticket hours over the prepaid allowance", rows.size)
        self._add_lines(_Named("tickets", kinds, kinds, told), rows, quantity, rate)
        owner = positions(column(month.tickets.frame, "account_number"), self._terms.index.accounts)
        billed = statement_of[owner] >= 0 if statement_of.size else owner >= 0
        self._ticket_hours.append(_ticket_hours(month.tickets.only(billed), is_late=False))

    def _charge_late(self, month: MonthHours, late: Reckoned, statement: Int64s, own: Int64s) -> None:
        units = billed_late(late.late, month.statements, month.booked)
        np.add.at(self._late, statement, units)
        rates = small_units(column(month.statements, "per_hour_ticket_cost"))[own]
        has_line = units > 0
        of_lines = late.only(has_line)
        numbers = column(of_lines.frame, "ticket_number")
        named = _Named("ticket", numbers, same("late hours", len(numbers)), _late_descriptions(of_lines))
        self._add_lines(named, statement[has_line], quantities(units[has_line]), rates[has_line])
        self._ticket_hours.append(_ticket_hours(late, is_late=True))

    def _add_lines(self, named: _Named, rows: Int64s, quantity: Exact, rates: Int64s) -> None:
        amounts = charge_of(quantity, rates, self._currency)
        np.add.at(self._charges, rows, amounts)
        stated = Stated(rows, named.source, named.ids, "hours", named.types, HOURLY_LABOR, named.descriptions)
        lines = statement_lines(
            self._terms, stated, rates=rates, amounts=amounts, quantities=quantity, currency=self._currency
        )
        self._lines.append(lines)

    def finish(self) -> HourCharges:
        return HourCharges(
            pa.concat_tables(self._ticket_hours),
            pa.concat_tables(self._lines),
            pa.concat_tables(self._unbilled),
            self._used,
            self._earlier,
            self._billable,
            self._late,
            self._charges,
        )


@dataclass(frozen=True, slots=True)
class _Named:
    """What lines bill and how they say so."""

    source: str
    ids: Column
    types: Column
    descriptions: Column


def _late_descriptions(late: Reckoned) -> Column:
    """`Ticket 195836 of 2025-02, recorded after that month was billed`."""
    own: Any = array(late.own.astype(np.int32)).view(pa.date32())
    months: Any = pc.strftime(own, format="%Y-%m")
    numbers: Any = column(late.frame, "ticket_number")
    parts = (pa.scalar("Ticket "), numbers, pa.scalar(" of "), months)
    end = pa.scalar(", recorded after that month was billed")
    described: Column = pc.binary_join_element_wise(*parts, end, pa.scalar(""))
    return described


def _ticket_hours(tickets: Reckoned, *, is_late: bool) -> pa.Table:
    own: Column = array(tickets.own.astype(np.int32)).view(pa.date32())
    return pa.Table.from_arrays(
        [
            *(column(tickets.frame, name) for name in ("month", "account_number", "ticket_number")),
            units_in_hours(tickets.total),
            units_in_hours(tickets.before),
            units_in_hours(tickets.added),
            own if is_late else pa.nulls(len(own), pa.date32()),
        ],
        schema=TICKET_HOURS,
    )


def _unbilled(month: MonthHours, late: Reckoned, own: Int64s, currency: str) -> pa.Table:
    """Late hours of a company that had no statement then, whose rate is not known, or has none now."""
    known = own >= 0
    rates = np.zeros(own.size, dtype=np.int64)
    rates[known] = small_units(column(month.statements, "per_hour_ticket_cost"))[own[known]]
    amounts: Any = amounts_of(charge_of(quantities(late.added), rates, currency), currency)
    reasons = np.where(known, "no statement now", "no statement then")
    return pa.Table.from_arrays(
        [
            *(column(late.frame, name) for name in ("month", "account_number", "ticket_number")),
            array(late.own.astype(np.int32)).view(pa.date32()),
            units_in_hours(late.added),
            decimals(rates, RATE, where=known),
            pc.if_else(array(known), amounts, pa.scalar(None, CHARGE)),
            same(currency, own.size),
            array(reasons.tolist(), pa.string()),
        ],
        schema=UNBILLED_HOURS,
    )
