"""What closed months have billed of a ticket (rules/billing.md, Ticket hours).

A ticket is its number within a company. Its number in a closed month is the same ticket, unless it has another
`ticket_id` now and was created after that month had ended: then numbers have started again, and what was billed
before was another ticket's. One of the two signs alone is not enough, and an unknown one does not count.

Here and in the other modules of hours, `asked` is the month whose statements are computed: of each record there is a
row for each such month that it bears on, and every look-up is within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.edits import month_column
from ledger_pipelines.billing.hour_units import hours_in_units
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.frames import Series, constant, dtype

TICKET = ["account_number", "ticket_number"]
#: Later than every month.
NO_LIMIT = date.max


def booked_hours(inputs: BillingInputs, months: Sequence[date]) -> pd.DataFrame:
    """The hours that other closed months billed (BOOKED_TICKET_HOURS, and `units`), for each month asked for.

    A closed month that is computed anew is bound by those before it only.
    """
    booked = inputs.frame("booked_ticket_hours")
    booked = booked[booked["month"].isin(inputs.closed_months)]
    booked = booked.assign(units=hours_in_units(booked["hours"]))
    booked = booked.merge(month_column(months, "asked"), how="cross")
    is_open = ~booked["asked"].isin(inputs.closed_months)
    return booked[(booked["month"] < booked["asked"]) | ((booked["month"] > booked["asked"]) & is_open)]


def booked_statements(inputs: BillingInputs, months: Sequence[date]) -> pd.DataFrame:
    """The statements of the closed months before each month asked for (BOOKED_STATEMENTS)."""
    statements = inputs.frame("booked_statements")
    statements = statements[statements["month"].isin(inputs.closed_months)]
    statements = statements.merge(month_column(months, "asked"), how="cross")
    return statements[statements["month"] < statements["asked"]]


def billed_before(tickets: pd.DataFrame, booked: pd.DataFrame) -> Series:
    """For each ticket the hours of it that closed months before its `limit` billed, in units.

    A ticket that was moved takes with it what was billed to the company that had it.
    """
    if booked.empty:
        return constant(0, pa.int64(), tickets)
    rows = tickets.assign(row=range(len(tickets)))[
        ["row", "asked", *TICKET, "ticket_id", "created_at", "limit"]
    ]
    pieces = rows[["row", "asked", *TICKET, "limit"]].merge(
        _with_owners(booked, tickets), on=["asked", *TICKET]
    )
    pieces = pieces[pieces["month"] < pieces["limit"]]
    # The ticket as it is now comes last in the chain of its number's rows.
    now = rows.assign(month=rows["limit"], units=constant(0, pa.int64(), rows))
    columns = ["row", "month", "ticket_id", "created_at", "units"]
    chain = pd.concat([pieces[columns], now[columns]]).sort_values(["row", "month"])
    last = chain.groupby("row")[["ticket_id", "month"]].shift()
    begins = is_another(chain, last["ticket_id"], last["month"]).astype(dtype(pa.int64()))
    ticket = begins.groupby(chain["row"]).cumsum()
    of_now = chain[ticket == ticket.groupby(chain["row"]).transform("max")]
    return of_now.groupby("row")["units"].sum().set_axis(tickets.index)


def _with_owners(booked: pd.DataFrame, tickets: pd.DataFrame) -> pd.DataFrame:
    """The booked hours under the company that each ticket is of now."""
    moved = tickets[tickets["moved_from"].notna()]
    owners = moved[["asked", *TICKET, "moved_from"]].drop_duplicates(["asked", "moved_from", "ticket_number"])
    owners = owners.rename(columns={"account_number": "owner", "moved_from": "account_number"})
    found = booked.merge(owners, on=["asked", *TICKET], how="left")
    return found.assign(account_number=found["owner"].fillna(found["account_number"]))


def is_another(tickets: pd.DataFrame, former_ids: Series, former_months: Series) -> Series:
    """Where a number's record is another ticket than its former one: another id, and created after the month's end."""
    created = tickets["created_at"].astype(dtype(pa.date32()))
    after = created >= former_months + pd.DateOffset(months=1)
    return ((tickets["ticket_id"] != former_ids) & after).fillna(False)
