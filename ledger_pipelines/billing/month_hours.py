"""The hours that bear on a month's statements: what is worked in it, before it in its year, and what came late.

Hours that count against the yearly allowance: of a closed month those on its statements, of an open one those of all
the company's tickets, whether or not it had a plan then. Hours that a closed month lacked count as its own, whichever
month bills them (`late_hours`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.billed_hours import NO_LIMIT, billed_before, booked_hours, booked_statements
from ledger_pipelines.billing.edits import month_column
from ledger_pipelines.billing.hour_units import hours_in_units
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.frames import Series, column_of, constant, is_among, summed, values_of

_CELL = ["asked", "account_number", "month"]
#: What says nothing of a ticket's hours once its own month is known.
_NOT_NEEDED = ["last_updated_at", "hours_before", "is_gone"]


@dataclass(frozen=True, slots=True)
class MonthHours:
    """The hours that bear on the months asked for; each frame has `asked`.

    `tickets` are those of the months, `late` those that stand in them and belong to a closed month before: with `own`
    (their own month) and, in units, `total`, `before` (what other months billed) and `added`. `used` and
    `earlier_in_year` have `units` by company. `booked` and `statements` are what binds the month (`billed_hours`).
    """

    tickets: pd.DataFrame
    late: pd.DataFrame
    used: pd.DataFrame
    earlier_in_year: pd.DataFrame
    booked: pd.DataFrame
    statements: pd.DataFrame


def own_months(tickets: pd.DataFrame) -> Series:
    """The months that tickets belong to by their last update; where that is unknown, the month that they stand in."""
    days: Any = values_of(tickets["last_updated_at"]).cast(pa.date32())
    return column_of(pc.floor_temporal(days, unit="month"), tickets.index).fillna(tickets["month"])


def with_billed(tickets: pd.DataFrame, booked: pd.DataFrame, closed: Collection[date]) -> pd.DataFrame:
    """The tickets with `total`, `before` and `added`.

    A closed month's tickets are computed as they were then: with what was billed before it.
    """
    limits = constant(NO_LIMIT, pa.date32(), tickets).mask(tickets["month"].isin(closed), tickets["month"])
    tickets = tickets.assign(limit=limits, total=hours_in_units(tickets["total_hours_spent"]))
    before = billed_before(tickets, booked)
    return tickets.assign(before=before, added=(tickets["total"] - before).clip(lower=0))


def tickets_of(inputs: BillingInputs, month: date) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All tickets that stand in a month, whoever's; and the booked hours and statements that bind it."""
    return inputs.once(("tickets_of", month), lambda: _tickets_of(inputs, month))


def _tickets_of(inputs: BillingInputs, month: date) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    tickets = inputs.frame("tickets")
    tickets = tickets[tickets["month"] == month]
    tickets = tickets.assign(asked=tickets["month"], own=own_months(tickets))
    booked = booked_hours(inputs, [month])
    return with_billed(tickets, booked, inputs.closed_months), booked, booked_statements(inputs, [month])


def month_hours(inputs: BillingInputs, terms: Terms) -> MonthHours:
    """The hours that bear on the statements of these months."""
    closed = inputs.closed_months
    tickets = inputs.frame("tickets")
    tickets = tickets.assign(own=own_months(tickets)).drop(columns=_NOT_NEEDED)
    tickets = tickets.merge(month_column(terms.months, "asked"), how="cross")
    tickets = tickets[_in_year_so_far(tickets["month"], tickets["asked"])]
    booked, statements = booked_hours(inputs, terms.months), booked_statements(inputs, terms.months)
    # What a closed month booked stands, whatever its tickets were; of others the tickets speak for themselves.
    stands = booked[_in_year_so_far(booked["month"], booked["asked"])][_CELL].drop_duplicates()

    regular = tickets[tickets["own"] == tickets["month"]]
    regular = regular[regular["account_number"].isin(terms.frame["account_number"])]
    regular = with_billed(regular[~is_among(regular, stands, _CELL)], booked, closed)
    late = tickets[tickets["own"] != tickets["month"]]
    late = late[~late["month"].isin(closed) | (late["month"] == late["asked"])]
    late = with_billed(late, booked, closed)

    of_books = booked.assign(month=booked["ticket_month"].fillna(booked["month"])).merge(stands, on=_CELL)
    hours = pd.concat(
        [
            regular[_CELL].assign(units=regular["added"]),
            of_books[[*_CELL, "units"]],
            _lacking(late, statements),
        ]
    )
    is_now = hours["month"] == hours["asked"]
    by_company = ["asked", "account_number"]
    return MonthHours(
        tickets=regular[regular["month"] == regular["asked"]],
        late=late[late["month"] == late["asked"]],
        used=summed(hours[is_now], by_company, ["units"]),
        earlier_in_year=summed(hours[~is_now], by_company, ["units"]),
        booked=booked,
        statements=statements,
    )


def _in_year_so_far(month: Series, asked: Series) -> Series:
    return (month.dt.year == asked.dt.year) & (month <= asked)


def _lacking(late: pd.DataFrame, statements: pd.DataFrame) -> pd.DataFrame:
    """The hours of late tickets of months before, in the same year, that have a statement."""
    late = late.assign(month=late["own"])[[*_CELL, "added"]].rename(columns={"added": "units"})
    late = late[_in_year_so_far(late["month"], late["asked"]) & (late["month"] < late["asked"])]
    return late.merge(statements[_CELL], on=_CELL)
