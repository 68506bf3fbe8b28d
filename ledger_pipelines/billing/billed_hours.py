"""What closed months have billed of a ticket (rules/billing.md, Ticket hours).

A ticket is its number within a company. Its number in a closed month is the same ticket, unless it has another
`ticket_id` now and was created after that month had ended: then numbers have started again, and what was billed
before was another ticket's. One of the two signs alone is not enough, and one that is not known is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.hour_units import hours_in_units
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, int64s, joined_text, kept, positions

KEY = ("account_number", "ticket_number")
#: Later than every month.
NO_LIMIT = (1 << 31) - 1
_DAY = 86_400_000_000
_UNKNOWN = -1


def billed_before(tickets: pa.Table, booked: pa.Table, limits: Int64s) -> Int64s:
    """For each row of `tickets`, the hours of the same ticket that closed months before its limit billed, in units.

    `booked` are the hours of closed months (BOOKED_TICKET_HOURS). A limit is a month's first day, as days since
    1970. A ticket that was moved takes with it what was billed to the company that had it.
    """
    nothing = np.zeros(tickets.num_rows, dtype=np.int64)
    if not booked.num_rows or not tickets.num_rows:
        return nothing
    keys = joined_text(tickets, KEY)
    distinct = keys.unique()
    ticket = positions(keys, distinct)
    owner = _owners(tickets, booked, keys, distinct)
    chains = _Chains.of(kept(booked, owner >= 0), owner[owner >= 0])
    return chains.before(tickets, ticket, limits)


def _owners(tickets: pa.Table, booked: pa.Table, keys: Column, distinct: Column) -> Int64s:
    """For each booked row, the position of its ticket's key; -1 where it is none of these tickets."""
    numbers: Any = column(booked, "ticket_number")
    bears = pc.is_in(numbers, value_set=column(tickets, "ticket_number")).to_numpy(zero_copy_only=False)
    owner = np.full(booked.num_rows, -1, dtype=np.int64)
    booked_keys = joined_text(kept(booked, bears), KEY)
    at = positions(booked_keys, distinct)
    moved = tickets.column("moved_from").combine_chunks().is_valid().to_numpy(zero_copy_only=False)
    if moved.any():
        of_old = positions(booked_keys, joined_text(kept(tickets, moved), ("moved_from", "ticket_number")))
        new = positions(keys.filter(array(moved)), distinct)
        at = np.where(of_old >= 0, new[of_old], at)
    owner[bears] = at
    return owner


def is_another(ids: Int64s, created: Int64s, old_ids: Int64s, month_ends: Int64s) -> Mask:
    """Where a number's record is another ticket than its former one: another id, and created after the month's end.

    Ids and instants (microseconds) are below 0 where they are not known.
    """
    another: Mask = (ids != old_ids) & (ids > _UNKNOWN) & (old_ids > _UNKNOWN) & (created >= month_ends)
    return another


def ids_of(frame: pa.Table) -> Int64s:
    """The tickets' ids, below 0 where they are not known."""
    return int64s(column(frame, "ticket_id"), missing=_UNKNOWN)


def instants_of(frame: pa.Table) -> Int64s:
    """When the tickets were created, in microseconds since 1970, below 0 where that is not known."""
    return int64s(column(frame, "created_at").cast(pa.int64()), missing=_UNKNOWN)


def month_ends_of(frame: pa.Table) -> Int64s:
    """The first instant after the month of each row, in microseconds since 1970."""
    months = (
        column(frame, "month").view(pa.int32()).to_numpy().astype("datetime64[D]").astype("datetime64[M]")
    )
    ends: Int64s = (months + 1).astype("datetime64[D]").astype(np.int64) * _DAY
    return ends


@dataclass(frozen=True, slots=True)
class _Chains:
    """Booked hours by ticket and month: a chain of rows is one ticket, a number that starts again begins another."""

    #: Of each row, its ticket and the days of its month in one number, ascending.
    places: Int64s
    ids: Int64s
    ends: Int64s
    #: Where the chain of each row begins.
    first: Int64s
    #: The sum of all rows before each, and of all.
    running: Int64s

    @classmethod
    def of(cls, booked: pa.Table, ticket: Int64s) -> _Chains:
        days = _days(booked)
        order = np.lexsort((days, ticket))
        booked, ticket, days = booked.take(array(order)), ticket[order], days[order]
        ids, created, ends = ids_of(booked), instants_of(booked), month_ends_of(booked)
        begins = np.ones(ticket.size, dtype=np.bool_)
        if ticket.size > 1:
            begins[1:] = (ticket[1:] != ticket[:-1]) | is_another(ids[1:], created[1:], ids[:-1], ends[:-1])
        first = np.maximum.accumulate(np.where(begins, np.arange(ticket.size), 0))
        running = np.concatenate([[0], np.cumsum(hours_in_units(column(booked, "hours")))])
        return cls(_placed(ticket, days), ids, ends, first, running)

    def before(self, tickets: pa.Table, ticket: Int64s, limits: Int64s) -> Int64s:
        start = np.searchsorted(self.places, _placed(ticket, np.zeros_like(limits)))
        end = np.searchsorted(self.places, _placed(ticket, limits))
        known = np.flatnonzero(end > start)
        last = end[known] - 1
        ids, created = ids_of(tickets)[known], instants_of(tickets)[known]
        another = is_another(ids, created, self.ids[last], self.ends[last])
        before = np.zeros(ticket.size, dtype=np.int64)
        before[known] = np.where(another, 0, self.running[last + 1] - self.running[self.first[last]])
        return before


def _placed(ticket: Int64s, days: Int64s) -> Int64s:
    return ticket << 32 | np.minimum(days, NO_LIMIT)


def _days(frame: pa.Table) -> Int64s:
    return int64s(column(frame, "month"))
