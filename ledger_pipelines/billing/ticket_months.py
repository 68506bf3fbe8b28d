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

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.billed_hours import TICKET, is_another
from ledger_pipelines.billing.hour_units import hours_in_units
from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.billing.month_hours import own_months
from ledger_pipelines.frames import Series, constant, is_among, mapped, to_arrow, to_pandas
from ledger_pipelines.months import first_open_after
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful
from ledger_pipelines.tables.table import HOURS

#: What closed months know of tickets: of each the last row, the hours that closed months billed of it (null where
#: none did), and whether the row's month is among those.
KNOWN = pa.schema([*TICKETS, pa.field("billed_hours", HOURS), pa.field("is_billed", pa.bool_())])
_TICKET = pa.schema([TICKETS.field(name) for name in TICKET])


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
    books, rows = to_pandas(known), to_pandas(stored)
    tickets = _placed(_completed(to_pandas(fetched), books, rows, asked), books, asked)
    gone = _gone(books, tickets, asked)
    news = pd.concat([tickets[tickets["is_news"]][TICKETS.names], gone])
    regular = tickets[~tickets["is_closed"]][TICKETS.names]
    placed = pd.concat([regular, news])
    written = placed[placed["month"].isin(asked.months)]
    staying = _staying(rows, tickets, gone, asked)
    return Placed(to_arrow(pd.concat([written, staying]), TICKETS), to_arrow(news, TICKETS))


def _completed(
    tickets: pd.DataFrame, known: pd.DataFrame, stored: pd.DataFrame, asked: Asked
) -> pd.DataFrame:
    """The source's tickets with all columns of TICKETS; their months are not known yet."""
    return tickets.assign(
        month=constant(date(1970, 1, 1), pa.date32(), tickets),
        hours_before=_hours_before(tickets, stored),
        is_gone=constant(False, pa.bool_(), tickets),
        moved_from=_moved_from(tickets, known, asked),
    )


def _placed(tickets: pd.DataFrame, known: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The tickets with the months that they stand in; `is_closed` says whether their own one is, and `is_news` whether
    closed months do not know them so.
    """
    own = own_months(tickets)
    is_closed = own.isin(asked.closed)
    is_news = is_closed & ~_is_known_so(tickets, known)
    return tickets.assign(
        month=own.where(~is_news, _first_open(own, asked.closed)), is_closed=is_closed, is_news=is_news
    )


def _first_open(months: Series, closed: frozenset[date]) -> Series:
    """The first open month after each."""
    return mapped(months, lambda month: first_open_after(month, closed), pa.date32())


def _is_known_so(tickets: pd.DataFrame, known: pd.DataFrame) -> Series:
    """Whether closed months know a ticket, by the same hours, have billed of them what they could, and it is not
    another ticket.
    """
    former = known[[*TICKET, "month", "ticket_id", "is_billed"]].assign(
        knew=hours_in_units(known["total_hours_spent"]).mask(known["is_gone"].fillna(False), 0),
        billed=hours_in_units(known["billed_hours"]),
    )
    both = tickets[[*TICKET, "ticket_id", "created_at"]].merge(
        former, on=TICKET, how="left", suffixes=("", "_known")
    )
    hours = hours_in_units(tickets["total_hours_spent"].set_axis(both.index))
    is_unbilled = both["is_billed"].fillna(False) & (hours > both["billed"])
    another = is_another(both, both["ticket_id_known"], both["month"])
    return ((both["knew"] == hours) & ~is_unbilled & ~another).fillna(False).set_axis(tickets.index)


def _moved_from(tickets: pd.DataFrame, known: pd.DataFrame, asked: Asked) -> Series:
    """For each ticket, the company that closed months billed it to, where it has been moved since.

    The source has the number no more under that company, was asked for its year, and its id is not another.
    """
    is_lost = known["is_billed"].fillna(False) & _was_asked(known, asked) & ~_is_silent(known, asked)
    lost = known[is_lost & ~is_among(known, tickets, TICKET)].drop_duplicates("ticket_number")
    former = lost[["ticket_number", "account_number", "ticket_id"]]
    both = tickets[["ticket_number", "ticket_id"]].merge(
        former, on="ticket_number", how="left", suffixes=("", "_known")
    )
    ids, known_ids = both["ticket_id"], both["ticket_id_known"]
    is_another_id = (ids != known_ids).fillna(False)
    return both["account_number"].mask(is_another_id).set_axis(tickets.index)


def _is_silent(tickets: pd.DataFrame, asked: Asked) -> Series:
    return tickets["account_number"].isin(asked.silent)


def _is_unread(tickets: pd.DataFrame, asked: Asked) -> Series:
    unread = pa.Table.from_pylist([dict(zip(TICKET, one, strict=True)) for one in asked.unread], _TICKET)
    return is_among(tickets, to_pandas(unread), TICKET)


def _was_asked(tickets: pd.DataFrame, asked: Asked) -> Series:
    """Whether a ticket that the source still had would have been in its answer."""
    if asked.years is None:
        return constant(True, pa.bool_(), tickets)
    return own_months(tickets).dt.year.isin(asked.years)


def _gone(known: pd.DataFrame, tickets: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Tickets that closed months billed and the source has no more, nor has moved, in the month where they stand."""
    moved = tickets[["moved_from", "ticket_number"]].rename(columns={"moved_from": "account_number"})
    is_gone = (
        (known["billed_hours"] > 0).fillna(False)
        & ~known["is_gone"].fillna(False)
        & _was_asked(known, asked)
        & ~_is_silent(known, asked)
        & ~_is_unread(known, asked)
        & ~is_among(known, tickets, TICKET)
        & ~is_among(known, moved.dropna(), TICKET)
    )
    gone = known[is_gone][TICKETS.names]
    return gone.assign(
        month=_first_open(gone["month"], asked.closed),
        is_gone=constant(True, pa.bool_(), gone),
        hours_before=gone["total_hours_spent"],
        total_hours_spent=constant(0, HOURS, gone),
    )


def _hours_before(tickets: pd.DataFrame, stored: pd.DataFrame) -> Series:
    """How many hours tickets that show none had when they were read before."""
    had = stored["total_hours_spent"].where(
        (stored["total_hours_spent"] > 0).fillna(False), stored["hours_before"]
    )
    both = tickets[TICKET].merge(stored[TICKET].assign(had=had), on=TICKET, how="left")
    shows_none = (tickets["total_hours_spent"] == 0).fillna(False)
    return both["had"].set_axis(tickets.index).where(shows_none)


def _staying(stored: pd.DataFrame, tickets: pd.DataFrame, gone: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The stored rows of the months to write about which the source, as it was asked and read, says nothing."""
    stored = stored[stored["month"].isin(asked.months)][TICKETS.names]
    is_untold = _is_silent(stored, asked) | _is_unread(stored, asked) | ~_was_asked(stored, asked)
    return stored[is_untold & ~is_among(stored, tickets, TICKET) & ~is_among(stored, gone, TICKET)]


def shrunken_companies(
    fetched: pa.Table, known: pa.Table, stored: pa.Table, asked: Asked
) -> dict[str | None, tuple[int, int]]:
    """Companies of which the source shows far fewer tickets than it did: by account, how many before and now.

    A company with few tickets may lose them all: one whose list is short is not doubted. None stands for all
    companies together, of which no list is too short.
    """
    books, rows = to_pandas(known), to_pandas(stored)
    lists = (books[~books["is_gone"].fillna(False)], rows)
    before = pd.concat([one[_was_asked(one, asked)][TICKET] for one in lists]).drop_duplicates()
    if is_doubtful(len(before), fetched.num_rows):
        return {None: (len(before), fetched.num_rows)}
    has = to_pandas(fetched)["account_number"].value_counts().to_dict()
    had: dict[Any, int] = before["account_number"].value_counts().sort_index().to_dict()
    return {
        account: (count, has.get(account, 0))
        for account, count in had.items()
        if count >= SHORTEST_DOUBTED and is_doubtful(count, has.get(account, 0))
    }
