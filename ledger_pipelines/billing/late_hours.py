"""What closed months lack: hours of their tickets that came to be known later (rules/billing.md, Ticket hours).

Left open by the rule and decided here: such hours are hours of the month that the ticket belongs to. They are billed
as that month would have billed them, had it known: by the rate and the allowances of its statement, so that nobody
pays for hours that were prepaid, and none of another month's or year's allowance is used up. What the year's closed
months would then have billed more, in all, is what is lacking; an allowance that has hours left covers the tickets
in order of their months and numbers. A closed month without a statement of the company lacks nothing of it.
"""

from __future__ import annotations

import pandas as pd

from ledger_pipelines.billing.hour_units import allowance_in_units, hours_in_units
from ledger_pipelines.frames import Series

_CELL = ["asked", "account_number", "month"]
_COMPANY = ["asked", "account_number"]
_YEAR = [*_COMPANY, "year"]


def billed_late(late: pd.DataFrame, statements: pd.DataFrame, booked: pd.DataFrame) -> Series:
    """What of each late ticket's hours its own month would have billed, in units.

    Each has a statement of its own month among `statements`, which are those of closed months. `booked` are the hours
    that closed months billed; of them those of other months' tickets count here.
    """
    if late.empty:
        return late["added"]
    cells = late[["asked", "account_number"]].assign(month=late["own"], added=late["added"])
    books = _with_units(statements, booked).merge(
        cells.groupby(_CELL)["added"].sum().reset_index(), on=_CELL, how="left"
    )
    books = books.assign(added=books["added"].fillna(0), year=books["month"].dt.year).sort_values("month")
    added_before = books.groupby(_YEAR)["added"].cumsum() - books["added"]
    more = _billable(books, books["used"] + books["added"], books["earlier"] + added_before)
    lacking = more - _billable(books, books["used"], books["earlier"])
    covered = (
        books.assign(free=books["added"] - lacking).groupby(_YEAR)["free"].sum().clip(lower=0).reset_index()
    )
    tickets = late.assign(year=late["own"].dt.year, row=range(len(late))).merge(covered, on=_YEAR)
    tickets = tickets.sort_values(["own", "ticket_number"])
    running = tickets.groupby(_YEAR)["added"].cumsum()
    beyond = (running - tickets["free"]).clip(lower=0)
    billed = beyond.where(beyond < tickets["added"], tickets["added"])
    return billed.set_axis(tickets["row"]).sort_index().set_axis(late.index)


def still_billable(statements: pd.DataFrame, booked: pd.DataFrame) -> pd.DataFrame:
    """The statements with `billable`: the units of their month that are billed, those that came late among them."""
    books = _with_units(statements, booked)
    return books.assign(billable=_billable(books, books["used"], books["earlier"]))


def _with_units(statements: pd.DataFrame, booked: pd.DataFrame) -> pd.DataFrame:
    """The statements with their `used` and `earlier` hours of the year, those that came late and were billed since
    among them, and their allowances `monthly` and `yearly`, in units.
    """
    late = booked[booked["ticket_month"].notna()]
    late = late[[*_COMPANY, "month", "ticket_month", "units"]].rename(
        columns={"month": "found_in", "ticket_month": "month"}
    )
    late = late.merge(statements[_CELL], on=_CELL)
    pairs = statements[_CELL].merge(late, on=_COMPANY, suffixes=("", "_of_ticket"))
    is_of_year = pairs["month_of_ticket"].dt.year == pairs["month"].dt.year
    is_before = pairs["month_of_ticket"] < pairs["month"]
    # A statement has counted the late hours that its own month or an earlier one found.
    since = pairs[is_of_year & is_before & (pairs["found_in"] > pairs["month"])]
    sums = {"late_used": late, "late_earlier": since}
    books = statements.reset_index(drop=True)
    for name, hours in sums.items():
        books = books.merge(
            hours.groupby(_CELL)["units"].sum().rename(name).reset_index(), on=_CELL, how="left"
        )
    return books.assign(
        used=hours_in_units(books["hours_used"]) + books["late_used"].fillna(0),
        earlier=hours_in_units(books["hours_earlier_in_year"]) + books["late_earlier"].fillna(0),
        monthly=allowance_in_units(books["prepaid_hours_monthly"].fillna(0)),
        yearly=allowance_in_units(books["prepaid_hours_yearly"].fillna(0)),
    )


def _billable(books: pd.DataFrame, used: Series, earlier: Series) -> Series:
    after_month = (used - books["monthly"]).clip(lower=0)
    yearly_left = (books["yearly"] - earlier).clip(lower=0)
    return (after_month - yearly_left).clip(lower=0)
