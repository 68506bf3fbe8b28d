"""In which month a ticket of the source stands, and what closed months make of it (rules/billing.md, Ticket hours).

A ticket stands in the UTC month of its last update. Where that month is closed, it stands in the first open month
after it, if its hours are others than closed months know, or closed months have not billed what they know. A ticket
that closed months billed and the source does not have any more stands there, too, without hours. What could not be
read, or was not asked for, stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.billed_hours import KEY, ids_of, instants_of, is_another, month_ends_of
from ledger_pipelines.billing.hour_units import hours_in_units
from ledger_pipelines.billing.index import month_days
from ledger_pipelines.billing.inputs import HOURS, TICKETS
from ledger_pipelines.billing.month_hours import own_months
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    int64s,
    joined_text,
    kept,
    mask,
    positions,
    take,
)
from ledger_pipelines.months import first_open_after
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful

#: What closed months know of tickets: of each the last row, the hours that closed months billed of it (null where
#: none did), and whether the row's month is among those.
KNOWN = pa.schema([*TICKETS, pa.field("billed_hours", HOURS), pa.field("is_billed", pa.bool_())])


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for and read: the months to write, the years (None for all), which months are closed.

    `silent` are the companies of which the source says nothing: what is known of their tickets stays. `unread` are
    tickets (account and number) whose records could not be read.
    """

    months: Collection[date]
    years: Collection[int] | None
    closed: frozenset[date]
    silent: Collection[str] = ()
    unread: Collection[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """The tickets (TICKETS) of the months to write, and those that closed months' news are of, in whichever month."""

    tickets: pa.Table
    news: pa.Table


def place_tickets(fetched: pa.Table, known: pa.Table, stored: pa.Table, asked: Asked) -> Placed:
    """Where each ticket stands.

    `fetched` are the source's tickets (TICKETS without what is found here), `known` what closed months know (KNOWN),
    `stored` the rows of open months that were read before. Each has a ticket once, and so has what comes out.
    """
    now = _Now.of(_completed(fetched), known, asked)
    tickets = _with_hours_before(now.frame, stored, now.keys)
    gone = _gone(known, now, asked)
    news = pa.concat_tables([kept(tickets, now.is_news), gone])
    regular = kept(tickets, ~now.is_closed)
    placed = pa.concat_tables([regular, news])
    written = kept(placed, _among(column(placed, "month"), asked.months))
    return Placed(pa.concat_tables([written, _staying(stored, now, gone, asked)]), news)


@dataclass(frozen=True, slots=True)
class _Now:
    """The source's tickets with the months that they stand in, and which of them closed months do not know so."""

    frame: pa.Table
    keys: Column
    is_closed: Mask
    is_news: Mask

    @classmethod
    def of(cls, frame: pa.Table, known: pa.Table, asked: Asked) -> _Now:
        keys = joined_text(frame, KEY)
        own = own_months(frame)
        is_closed = np.isin(own, month_days(sorted(asked.closed)))
        at = positions(keys, joined_text(known, KEY))
        is_news = is_closed & ((at < 0) | _differs(frame, known, at))
        months = np.where(is_news, _first_open(own, asked.closed), own)
        frame = _with(frame, "month", array(months.astype(np.int32)).view(pa.date32()))
        return cls(_with(frame, "moved_from", _moved(frame, keys, known, asked)), keys, is_closed, is_news)


def _completed(fetched: pa.Table) -> pa.Table:
    """The tickets with all columns of TICKETS; their months are not known yet."""
    columns = {name: column(fetched, name) for name in fetched.column_names}
    count = fetched.num_rows
    columns |= {
        "month": pa.repeat(pa.scalar(date(1970, 1, 1), pa.date32()), count),
        "hours_before": pa.nulls(count, HOURS),
        "is_gone": pa.repeat(pa.scalar(False), count),
        "moved_from": pa.nulls(count, pa.string()),
    }
    return pa.table({name: columns[name] for name in TICKETS.names}).cast(TICKETS)


def _with(frame: pa.Table, name: str, values: Column) -> pa.Table:
    return frame.set_column(frame.column_names.index(name), name, values)


def _first_open(own: Int64s, closed: frozenset[date]) -> Int64s:
    """For each closed month among them, the first open one after it."""
    months = sorted(closed)
    if not months:
        return own
    firsts = month_days([first_open_after(month, closed) for month in months])
    return firsts[np.minimum(np.searchsorted(month_days(months), own), len(months) - 1)]


def _among(months: Column, some: Collection[date]) -> Mask:
    return np.isin(int64s(months), month_days(sorted(some)))


def _differs(tickets: pa.Table, known: pa.Table, at: Int64s) -> Mask:
    """Where a ticket has other hours than closed months know, or more than they billed though they could, or is
    another ticket. Of rows at -1 nothing is said.
    """
    if not known.num_rows:
        return at >= 0
    hours = hours_in_units(column(tickets, "total_hours_spent"))
    knew = np.where(mask(column(known, "is_gone")), 0, hours_in_units(column(known, "total_hours_spent")))[at]
    unbilled = mask(column(known, "is_billed"))[at] & (
        hours > hours_in_units(column(known, "billed_hours"))[at]
    )
    another = is_another(ids_of(tickets), instants_of(tickets), ids_of(known)[at], month_ends_of(known)[at])
    differs: Mask = (at >= 0) & ((hours != knew) | unbilled | another)
    return differs


def _moved(tickets: pa.Table, keys: Column, known: pa.Table, asked: Asked) -> Column:
    """For each ticket, the company that closed months billed it to, where it has been moved since.

    The source has the number no more under that company, was asked for its year, and its id is not another.
    """
    accounts, numbers = column(known, "account_number"), column(known, "ticket_number")
    lost = (positions(joined_text(known, KEY), keys) < 0) & _was_asked(known, asked)
    lost &= mask(column(known, "is_billed")) & ~_of_companies(accounts, asked.silent)
    former = kept(known, lost)
    at = positions(column(tickets, "ticket_number"), numbers.filter(array(lost)))
    ids, old = ids_of(tickets), ids_of(former)
    same = np.zeros(at.size, dtype=np.bool_)
    found = at >= 0
    same[found] = (ids[found] == old[at[found]]) | (ids[found] < 0) | (old[at[found]] < 0)
    return take(accounts.filter(array(lost)), np.where(same, at, -1))


def _of_companies(accounts: Column, some: Collection[str]) -> Mask:
    found: Mask = pc.is_in(accounts, value_set=pa.array(sorted(some), pa.string())).to_numpy(
        zero_copy_only=False
    )
    return found


def _was_asked(tickets: pa.Table, asked: Asked) -> Mask:
    """Whether a ticket that the source still had would have been in its answer."""
    if asked.years is None:
        return np.ones(tickets.num_rows, dtype=np.bool_)
    years = own_months(tickets).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return np.isin(years, sorted(asked.years))


def _gone(known: pa.Table, now: _Now, asked: Asked) -> pa.Table:
    """Tickets that closed months billed and the source has no more, nor has moved, in the month where they stand."""
    moved = kept(now.frame, column(now.frame, "moved_from").is_valid().to_numpy(zero_copy_only=False))
    keys = joined_text(known, KEY)
    billed: Any = column(known, "billed_hours")
    is_gone = mask(pc.greater(billed, pa.scalar(0, HOURS))) & ~mask(column(known, "is_gone"))
    is_gone &= (positions(keys, now.keys) < 0) & _was_asked(known, asked)
    is_gone &= positions(keys, joined_text(moved, ("moved_from", "ticket_number"))) < 0
    is_gone &= ~_of_companies(column(known, "account_number"), asked.silent) & ~_unread(known, asked)
    gone = kept(known, is_gone).select(TICKETS.names).cast(TICKETS)
    months = _first_open(int64s(column(gone, "month")), asked.closed)
    gone = _with(gone, "month", array(months.astype(np.int32)).view(pa.date32()))
    gone = _with(gone, "is_gone", pa.repeat(pa.scalar(True), gone.num_rows))
    gone = _with(gone, "hours_before", column(gone, "total_hours_spent"))
    none: Any = pa.array([0] * gone.num_rows, pa.int32()).cast(HOURS)
    return _with(gone, "total_hours_spent", none)


def _unread(tickets: pa.Table, asked: Asked) -> Mask:
    unread = pa.table(
        {
            name: pa.array([key[place] for key in sorted(asked.unread)], pa.string())
            for place, name in enumerate(KEY)
        }
    )
    return positions(joined_text(tickets, KEY), joined_text(unread, KEY)) >= 0


def _with_hours_before(tickets: pa.Table, stored: pa.Table, keys: Column) -> pa.Table:
    """Remembers of tickets that show no hours how many they had when they were read before."""
    at = positions(keys, joined_text(stored, KEY))
    had: Any = column(stored, "total_hours_spent")
    had = pc.if_else(pc.greater(had, pa.scalar(0, had.type)), had, column(stored, "hours_before"))
    hours: Any = column(tickets, "total_hours_spent")
    shows_none = pc.equal(hours, pa.scalar(0, hours.type))
    before: Column = pc.if_else(shows_none, take(had, at).cast(HOURS), pa.scalar(None, HOURS))
    return _with(tickets, "hours_before", before)


def _staying(stored: pa.Table, now: _Now, gone: pa.Table, asked: Asked) -> pa.Table:
    """The stored rows of the months to write about which the source, as it was asked and read, says nothing."""
    stored = kept(stored, _among(column(stored, "month"), asked.months)).select(TICKETS.names).cast(TICKETS)
    keys = joined_text(stored, KEY)
    is_silent = _of_companies(column(stored, "account_number"), asked.silent) | _unread(stored, asked)
    stays = (is_silent | ~_was_asked(stored, asked)) & (positions(keys, now.keys) < 0)
    return kept(stored, stays & (positions(keys, joined_text(gone, KEY)) < 0))


def shrunken_companies(
    fetched: pa.Table, known: pa.Table, stored: pa.Table, asked: Asked
) -> dict[str | None, tuple[int, int]]:
    """Companies of which the source shows far fewer tickets than it did: by account, how many before and now.

    A company with few tickets may lose them all: one whose list is short is not doubted. None stands for all
    companies together, of which no list is too short.
    """
    lists = (kept(known, ~mask(column(known, "is_gone"))), stored)
    listed = pa.concat_tables([kept(one, _was_asked(one, asked)).select(KEY) for one in lists])
    before = listed.group_by(list(KEY)).aggregate([])
    had, has = (_counted(frame) for frame in (before, fetched))
    doubted: dict[str | None, tuple[int, int]] = {
        account: (count, has.get(account, 0))
        for account, count in sorted(had.items())
        if count >= SHORTEST_DOUBTED and is_doubtful(count, has.get(account, 0))
    }
    if is_doubtful(before.num_rows, fetched.num_rows):
        return {None: (before.num_rows, fetched.num_rows)}
    return doubted


def _counted(frame: pa.Table) -> dict[str, int]:
    counts: Any = pc.value_counts(column(frame, "account_number"))
    return {count["values"]: count["counts"] for count in counts.to_pylist()}
