"""Hours that closed months billed and tickets no longer have, and hours that nobody is billed for.

Each function gives the records of one month, with their money (rules/billing.md, Ticket hours). What is owed is
computed as the closed month billed it: at its rate, and of its hours no more than were billed, for an allowance
covered the others. The ticket's latest hours are given back first.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.billed_hours import NO_LIMIT, TICKET, billed_before
from ledger_pipelines.billing.hour_units import hours_in_units, units_in_hours
from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.late_hours import still_billable
from ledger_pipelines.billing.month_hours import own_months, tickets_of
from ledger_pipelines.billing.ticket_hours import hours_charge
from ledger_pipelines.frames import Series, constant, narrowed, to_arrow, to_pandas
from ledger_pipelines.money import CHARGE
from ledger_pipelines.tables.table import HOURS

LOWERED, GONE = "has fewer hours now", "is gone from its source"
BILLED, UNBILLED = "closed months billed them", "not billed yet"

_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("month", pa.date32()),
    pa.field("account_number", pa.string()),
    pa.field("ticket_number", pa.string()),
    pa.field("ticket_month", pa.date32()),
    pa.field("hours", HOURS),
    pa.field("amount", CHARGE),
    pa.field("currency", pa.string()),
    pa.field("reason", pa.string()),
]
#: Hours that are owed or have vanished, what they are worth, and why.
MISSING_HOURS = pa.schema(_FIELDS)


def credits_owed(inputs: BillingInputs, month: date, currency: str) -> pa.Table:
    """Tickets of which closed months billed more hours than they have now (MISSING_HOURS), by company and number.

    Those that show no hours at all are not among them, unless they are gone: see `hours_vanished`.
    """
    tickets, booked, statements = tickets_of(inputs, month)
    is_gone = tickets["is_gone"].fillna(False)
    owed = tickets[(tickets["before"] > tickets["total"]) & (is_gone | (tickets["total"] > 0))]
    if owed.empty:
        return MISSING_HOURS.empty_table()
    over = owed["before"] - owed["total"]
    reasons = constant(LOWERED, pa.string(), owed).mask(owed["is_gone"].fillna(False), GONE)
    return _table(owed, over, _worth(owed, over, booked, statements, currency), currency, reasons)


def hours_vanished(inputs: BillingInputs, statements: pa.Table, month: date, currency: str) -> pa.Table:
    """Tickets that had hours and show none (MISSING_HOURS): billed by closed months, or not billed yet.

    `statements` has those of the month (STATEMENTS), by whose rates the unbilled hours are priced, before any
    allowance.
    """
    tickets, booked, closed = tickets_of(inputs, month)
    tickets = tickets.assign(had=hours_in_units(tickets["hours_before"]))
    shows_none = ~tickets["is_gone"].fillna(False) & (tickets["total"] == 0)
    vanished = tickets[shows_none & ((tickets["before"] > 0) | (tickets["had"] > 0))]
    if vanished.empty:
        return MISSING_HOURS.empty_table()
    rates = to_pandas(statements)[[*KEY, "per_hour_ticket_cost"]]
    vanished = vanished.merge(rates, on=KEY, how="left")
    before, had = vanished["before"], vanished["had"]
    unbilled = (had - before).clip(lower=0)
    now = vanished["per_hour_ticket_cost"].fillna(0)
    worth = narrowed(
        _worth(vanished, before, booked, closed, currency) + hours_charge(unbilled, now, currency), CHARGE
    )
    reasons = constant(BILLED, pa.string(), vanished).mask(unbilled > 0, UNBILLED)
    return _table(vanished, had.where(had > before, before), worth, currency, reasons)


def companies_with_corrections(tickets: pa.Table, booked: pa.Table) -> list[str]:
    """The companies whose closed statements bear on later months: they have late tickets, or tickets of which more
    was billed than they have.
    """
    frame, books = to_pandas(tickets), to_pandas(booked)
    asked = constant(NO_LIMIT, pa.date32(), frame)
    frame = frame.assign(asked=asked, limit=asked)
    books = books.assign(asked=constant(NO_LIMIT, pa.date32(), books), units=hours_in_units(books["hours"]))
    is_late = own_months(frame) != frame["month"]
    is_over = billed_before(frame, books) > hours_in_units(frame["total_hours_spent"])
    return sorted(frame["account_number"][is_late | is_over].unique())


def _worth(
    tickets: pd.DataFrame, over: Series, booked: pd.DataFrame, statements: pd.DataFrame, currency: str
) -> Series:
    """The amount that closed months charged for the given hours of each ticket."""
    rows = tickets[TICKET].assign(over=over, row=range(len(tickets)))
    pieces = rows.merge(booked, on=TICKET).sort_values(["row", "month"], ascending=[True, False])
    pieces = pieces.assign(
        given=_from_first(pieces, "row", pieces["units"], pieces["over"]),
        month=pieces["ticket_month"].fillna(pieces["month"]),
    )
    billable = still_billable(statements, booked)[[*KEY, "billable", "per_hour_ticket_cost"]]
    pieces = pieces.merge(billable, on=KEY).sort_values(KEY, kind="stable")
    charged = _from_first(pieces, KEY, pieces["given"], pieces["billable"])
    amounts = pieces.assign(amount=hours_charge(charged, pieces["per_hour_ticket_cost"], currency))
    sums = amounts.groupby("row")["amount"].sum().reset_index()
    found = rows.merge(sums, on="row", how="left")["amount"].fillna(0)
    return narrowed(found, CHARGE).set_axis(tickets.index)


def _from_first(pieces: pd.DataFrame, group: str | list[str], units: Series, limit: Series) -> Series:
    """The units of each piece, cut so that its group has no more than its limit; the first are taken first."""
    before = units.groupby([pieces[name] for name in ([group] if isinstance(group, str) else group)]).cumsum()
    left = (limit - (before - units)).clip(lower=0)
    return left.where(left < units, units)


def _table(tickets: pd.DataFrame, units: Series, worth: Series, currency: str, reasons: Series) -> pa.Table:
    found = tickets.assign(
        ticket_month=tickets["own"],
        hours=units_in_hours(units),
        amount=worth,
        currency=currency,
        reason=reasons,
    )
    return to_arrow(found.sort_values(TICKET), MISSING_HOURS)
