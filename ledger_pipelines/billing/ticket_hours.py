"""Ticket hours: what each ticket adds in a month, and what of it is billed (rules/billing.md, Ticket hours).

A line's quantity is rounded to six decimals and then multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.hour_units import allowance_in_units, quantities, units_in_hours
from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.late_hours import billed_late
from ledger_pipelines.billing.lines import HOURLY_LABOR, charged, statement_lines
from ledger_pipelines.billing.month_hours import MonthHours, month_hours
from ledger_pipelines.billing.outputs import STATEMENT_LINES, STATEMENTS, TICKET_HOURS, UNBILLED_HOURS
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.frames import Series, constant, is_among, to_arrow, to_pandas
from ledger_pipelines.tables.table import HOURS

_OWN_STATEMENT = ["asked", "account_number", "own"]
#: What a statement says of hours.
_HOURS = ("hours_used", "hours_earlier_in_year", "billable_hours", "late_hours")
_LATE = pa.schema([*(STATEMENTS.field(name) for name in KEY), pa.field("late", pa.int64())])


@dataclass(frozen=True, slots=True)
class HourCharges:
    """Lines, ticket hours (TICKET_HOURS), and late hours that no line bills (UNBILLED_HOURS); and each statement's hours.

    `statements` has month, account_number, hours_used, hours_earlier_in_year, billable_hours and late_hours: the last
    are the billable hours of late tickets, which the others leave out.
    """

    lines: pa.Table
    ticket_hours: pa.Table
    unbilled: pa.Table
    statements: pd.DataFrame


#: What late tickets charge where there are none.
_NO_CHARGES = HourCharges(
    lines=STATEMENT_LINES.empty_table(),
    ticket_hours=TICKET_HOURS.empty_table(),
    unbilled=UNBILLED_HOURS.empty_table(),
    statements=to_pandas(_LATE.empty_table()),
)


def charge_hours(inputs: BillingInputs, terms: Terms, currency: str) -> HourCharges:
    """A line for each statement with billable hours of its month, and one for each late ticket that has any.

    Closed months are facts: what they billed of a ticket is taken off. A closed month that is itself asked for is
    computed anew, as if it were open and the later ones had not been.
    """
    if not inputs.tickets.num_rows and not inputs.booked_ticket_hours.num_rows:
        none = dict.fromkeys(_HOURS, constant(0, HOURS, terms.frame))
        return replace(_NO_CHARGES, statements=terms.frame[KEY].assign(**none))
    hours = month_hours(inputs, terms)
    books = _books(terms, hours.used, hours.earlier_in_year)
    late = _NO_CHARGES if hours.late.empty else _charge_late(hours, terms, currency)
    books = books.merge(late.statements, on=KEY, how="left")
    tickets = hours.tickets[is_among(hours.tickets, terms.frame, KEY)]
    regular = _ticket_hours(tickets.assign(ticket_month=constant(None, pa.date32(), tickets)))
    units = (books["used"], books["earlier"], books["billable"], books["late"].fillna(0))
    in_hours = {name: units_in_hours(one) for name, one in zip(_HOURS, units, strict=True)}
    return HourCharges(
        lines=pa.concat_tables([_lines(books, currency), late.lines]),
        ticket_hours=pa.concat_tables([regular, late.ticket_hours]),
        unbilled=late.unbilled,
        statements=books[KEY].assign(**in_hours),
    )


def _charge_late(hours: MonthHours, terms: Terms, currency: str) -> HourCharges:
    """What late tickets charge; of the statements that are billed any, `late` units."""
    late = _with_statements(hours.late, terms, hours.statements)
    is_billed = late["has_statement"] & late["had_statement"]
    billed, left_out = late[is_billed], late[~is_billed & (late["added"] > 0)]
    billed = billed.assign(units=billed_late(billed, hours.statements, hours.booked))
    return HourCharges(
        lines=_late_lines(billed, currency),
        ticket_hours=_ticket_hours(billed.assign(ticket_month=billed["own"])),
        unbilled=_unbilled(left_out, currency),
        statements=billed.groupby(KEY)["units"].sum().rename("late").reset_index(),
    )


def hours_charge(units: Series, rates: Series, currency: str) -> Series:
    """What units of hours cost at these rates: an amount of a line."""
    return charged(quantities(units) * rates, currency)


def _books(terms: Terms, used: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """The statements with their hours `used`, `earlier` in the year and `billable`, in units."""
    books = terms.frame
    for name, hours in (("used", used), ("earlier", earlier)):
        books = books.merge(hours.rename(columns={"asked": "month", "units": name}), on=KEY, how="left")
    books = books.assign(used=books["used"].fillna(0), earlier=books["earlier"].fillna(0))
    after_month = (books["used"] - allowance_in_units(books["prepaid_hours_monthly"])).clip(lower=0)
    yearly_left = (allowance_in_units(books["prepaid_hours_yearly"]) - books["earlier"]).clip(lower=0)
    return books.assign(billable=(after_month - yearly_left).clip(lower=0))


def _with_statements(late: pd.DataFrame, terms: Terms, statements: pd.DataFrame) -> pd.DataFrame:
    """The late tickets with whether their company has a statement now, whether it had one of the ticket's own month,
    and that one's `rate`.
    """
    own = statements[["asked", *KEY, "per_hour_ticket_cost"]].rename(
        columns={"month": "own", "per_hour_ticket_cost": "rate"}
    )
    late = late.assign(
        has_statement=is_among(late, terms.frame, KEY), had_statement=is_among(late, own, _OWN_STATEMENT)
    )
    return late.merge(own, on=_OWN_STATEMENT, how="left")


def _lines(books: pd.DataFrame, currency: str) -> pa.Table:
    lines = books[books["billable"] > 0]
    return _labor(
        lines.assign(
            rate=lines["per_hour_ticket_cost"],
            units=lines["billable"],
        ),
        currency,
        source_type="tickets",
        source_id="hours",
        type="hours",
        description="Ticket hours over the prepaid allowance",
    )


def _late_lines(billed: pd.DataFrame, currency: str) -> pa.Table:
    lines = billed[billed["units"] > 0]
    month = lines["own"].dt.strftime("%Y-%m")
    return _labor(
        lines.assign(
            source_id=lines["ticket_number"],
            description="Ticket "
            + lines["ticket_number"]
            + " of "
            + month
            + ", recorded after that month was billed",
        ),
        currency,
        source_type="ticket",
        type="late hours",
    )


def _labor(lines: pd.DataFrame, currency: str, **constants: str) -> pa.Table:
    quantity = quantities(lines["units"])
    amount = charged(quantity * lines["rate"], currency)
    return statement_lines(
        lines.assign(quantity=quantity, amount=amount),
        kind="hours",
        item=HOURLY_LABOR,
        currency=currency,
        **constants,
    )


def _ticket_hours(tickets: pd.DataFrame) -> pa.Table:
    return to_arrow(
        tickets.assign(
            total_hours=units_in_hours(tickets["total"]),
            billed_before=units_in_hours(tickets["before"]),
            hours=units_in_hours(tickets["added"]),
        ),
        TICKET_HOURS,
    )


def _unbilled(late: pd.DataFrame, currency: str) -> pa.Table:
    """Late hours of a company that had no statement then, whose rate is not known, or has none now."""
    reasons = constant("no statement then", pa.string(), late)
    return to_arrow(
        late.assign(
            ticket_month=late["own"],
            hours=units_in_hours(late["added"]),
            amount=hours_charge(late["added"], late["rate"], currency),
            currency=currency,
            reason=reasons.mask(late["had_statement"], "no statement now"),
        ),
        UNBILLED_HOURS,
    )
