"""Tickets of open months that had hours, and of which no time entry is there now (rules/billing.md, Ticket hours).

Hours that fall to none are named: such a ticket keeps its row, without hours, until its month is closed. An entry that is
deleted from a ticket with others, or is on another ticket now, is none of them.
"""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.billed_hours import TICKET
from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.billing.time_entries import ENTRY_SEPARATOR, EntryTickets
from ledger_pipelines.frames import Series, column_of, joined, to_arrow, to_pandas, values_of
from ledger_pipelines.tables.table import HOURS

_ENTRY = r"/[0-9]+$"


def vanished_tickets(stored: pa.Table, entries: pa.Table, found: EntryTickets) -> pa.Table:
    """Those of the stored rows (TICKETS) that had hours and are no ticket now, each ticket once.

    `entries` are all of the open months (TIME_ENTRIES). A ticket by Codex's hours is there where any entry of it is.
    """
    alive = to_pandas(entries.filter(~pc.field("is_gone")))
    counting = alive[alive["is_billable"] & (alive["seconds"] > 0)]
    rows = to_pandas(stored)
    own = rows["ticket_number"].str.replace(_ENTRY, "", regex=True)
    has_entry = own.isin(counting["ticket_number"]) | rows["ticket_id"].isin(counting["id"])
    has_any = rows["ticket_number"].isin(alive["ticket_number"])
    now = {*to_pandas(found.tickets)["ticket_number"], *(number for _, number in found.gone)}
    is_there = has_entry.where(_is_of_entry(rows), has_any) | rows["ticket_number"].isin(list(now))
    had = (rows["total_hours_spent"] > 0).fillna(False) | (rows["hours_before"] > 0).fillna(False)
    vanished = rows[had & ~is_there & ~rows["is_gone"].fillna(False)]
    return to_arrow(vanished.drop_duplicates(TICKET, keep="last"), TICKETS)


def without_hours(tickets: pa.Table) -> pa.Table:
    """The tickets with none."""
    at = tickets.schema.get_field_index("total_hours_spent")
    none = pa.repeat(pa.scalar(Decimal(0), HOURS), tickets.num_rows)
    return tickets.set_column(at, tickets.schema.field(at), none)


def of_codex(tickets: pa.Table) -> pa.Table:
    """Those of the tickets (TICKETS) that are no time entries by their own numbers and ids."""
    rows = to_pandas(tickets)
    return to_arrow(rows[~_is_of_entry(rows)], TICKETS)


def _is_of_entry(rows: pd.DataFrame) -> Series:
    """Whether a ticket's number ends with its id, as an entry's does."""
    own = rows["ticket_number"].str.replace(_ENTRY, "", regex=True)
    ids = column_of(values_of(rows["ticket_id"]).cast(pa.string()), rows.index)
    return (rows["ticket_number"] == joined(own, ENTRY_SEPARATOR, ids)).fillna(False)
