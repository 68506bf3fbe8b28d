"""Hours that closed months billed and tickets no longer have, and hours that nobody is billed for.

Each function gives the records of one month, with their money (rules/billing.md, Ticket hours). What is owed is
reckoned as the closed month billed it: at its rate, and of its hours no more than were billed, for an allowance
covered the others. The ticket's latest hours are given back first.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.billed_hours import KEY, NO_LIMIT, billed_before
from ledger_pipelines.billing.hour_units import hours_in_units, quantities, units_in_hours
from ledger_pipelines.billing.hours import charge_of
from ledger_pipelines.billing.inputs import HOURS, BillingInputs
from ledger_pipelines.billing.late_hours import LateHours, own_statements, still_billable
from ledger_pipelines.billing.lines import amounts_of
from ledger_pipelines.billing.month_hours import Reckoned, own_months, tickets_of
from ledger_pipelines.columns import (
    Exact,
    Int64s,
    array,
    column,
    int64s,
    joined_text,
    kept,
    mask,
    picked,
    positions,
    same,
    small_units,
)
from ledger_pipelines.money import CHARGE

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
    gone = mask(column(tickets.frame, "is_gone"))
    owed = tickets.only((tickets.before > tickets.total) & (gone | (tickets.total > 0)))
    over = owed.before - owed.total
    reasons = np.where(mask(column(owed.frame, "is_gone")), GONE, LOWERED)
    return _table(owed, over, _worth(owed, over, booked, statements, currency), currency, reasons)


def hours_vanished(inputs: BillingInputs, statements: pa.Table, month: date, currency: str) -> pa.Table:
    """Tickets that had hours and show none (MISSING_HOURS): billed by closed months, or not billed yet.

    `statements` are those of the month (STATEMENTS), by whose rates the unbilled hours are reckoned, before any
    allowance.
    """
    tickets, booked, closed = tickets_of(inputs, month)
    had = hours_in_units(column(tickets.frame, "hours_before"))
    is_here = ~mask(column(tickets.frame, "is_gone")) & (tickets.total == 0)
    where = is_here & (np.maximum(tickets.before, had) > 0)
    gone, had = tickets.only(where), had[where]
    unbilled = np.maximum(had - gone.before, 0)
    at = positions(column(gone.frame, "account_number"), column(statements, "account_number"))
    rates = np.zeros_like(at)
    rates[at >= 0] = small_units(column(statements, "per_hour_ticket_cost"))[at[at >= 0]]
    worth = _worth(gone, gone.before, booked, closed, currency)
    worth = worth + charge_of(quantities(unbilled), rates, currency)
    reasons = np.where(unbilled > 0, UNBILLED, BILLED)
    return _table(gone, np.maximum(had, gone.before), worth, currency, reasons)


def companies_with_corrections(tickets: pa.Table, booked: pa.Table) -> list[str]:
    """The companies whose closed statements bear on later months: they have late tickets, or tickets of which more
    was billed than they have.
    """
    is_late = own_months(tickets) != int64s(column(tickets, "month"))
    before = billed_before(tickets, booked, np.full(tickets.num_rows, NO_LIMIT))
    bears = is_late | (before > hours_in_units(column(tickets, "total_hours_spent")))
    accounts: list[Any] = column(kept(tickets, bears), "account_number").unique().to_pylist()
    return sorted(accounts)


def _worth(tickets: Reckoned, over: Int64s, booked: pa.Table, statements: pa.Table, currency: str) -> Exact:
    """What closed months charged for so many of each ticket's hours, in the currency's minor unit."""
    worth = np.zeros(over.size, dtype=object)
    keys = joined_text(tickets.frame, KEY)
    ticket = positions(joined_text(booked, KEY), keys)
    days = int64s(column(booked, "month"))
    order = np.lexsort((-days, ticket))
    order = order[ticket[order] >= 0]
    pieces, ticket = picked(booked, order), ticket[order]
    billed = hours_in_units(column(pieces, "hours"))
    given = _from_first(ticket, billed, over[ticket])
    own = column(pieces, "ticket_month")
    months = np.where(
        own.is_valid().to_numpy(zero_copy_only=False), int64s(own), int64s(column(pieces, "month"))
    )
    late = LateHours(column(pieces, "account_number"), column(pieces, "ticket_number"), months, given)
    statement = own_statements(late, statements)
    known = np.flatnonzero(statement >= 0)
    known = known[np.argsort(statement[known], kind="stable")]
    statement, given = statement[known], given[known]
    charged = _from_first(statement, given, still_billable(statements, booked)[statement])
    rates = small_units(column(statements, "per_hour_ticket_cost"))[statement]
    np.add.at(worth, ticket[known], charge_of(quantities(charged), rates, currency))
    return worth


def _from_first(group: Int64s, units: Int64s, limit: Int64s) -> Int64s:
    """Of each row so many units that its group (rows that follow each other) has no more than its limit."""
    running = np.cumsum(units) - units
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])) if group.size else group
    sizes = np.diff(np.append(starts, group.size))
    before = running - np.repeat(running[starts], sizes)
    within: Int64s = np.clip(limit - before, 0, units)
    return within


def _table(tickets: Reckoned, units: Int64s, worth: Exact, currency: str, reasons: object) -> pa.Table:
    frame = pa.Table.from_arrays(
        [
            *(column(tickets.frame, name) for name in ("month", "account_number", "ticket_number")),
            array(tickets.own.astype(np.int32)).view(pa.date32()),
            units_in_hours(units),
            amounts_of(worth, currency),
            same(currency, units.size),
            array(np.asarray(reasons).tolist(), pa.string()),
        ],
        schema=MISSING_HOURS,
    )
    return frame.sort_by([(name, "ascending") for name in KEY])
