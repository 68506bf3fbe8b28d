"""In which month a time entry of Freshservice stands (rules/billing.md, Ticket hours).

It stands in the UTC month of its `executed_at`; where that month is closed, in the first open month after it, whatever
closed months know of it: what of its hours they have billed is for the tickets that are made of it (`time_entries`).
An entry that closed months have and Freshservice has no more stands there, too. What was not asked for, or could not
be read, stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.frames import (
    Series,
    column_of,
    constant,
    dtype,
    is_among,
    mapped,
    to_arrow,
    to_pandas,
    values_of,
)
from ledger_pipelines.months import add_months, first_open_after
from ledger_pipelines.tables.freshservice import TIME_ENTRIES

#: An entry with all columns of its table.
ENTRIES = TIME_ENTRIES.schema
#: One as Freshservice shows it: it is not assigned to a month yet.
CURRENT_ENTRIES = TIME_ENTRIES.without("is_gone")


@dataclass(frozen=True, slots=True)
class ReadScope:
    """What a reading covers: the months to write, which months are closed, and the tickets, by their numbers, of
    which all entries are known now. `unreadable` are ids of entries that could not be read. `read_months` are those that
    were read before, and `billed_by_codex` the numbers of tickets that closed months billed by Codex's hours.
    """

    months: Collection[date]
    closed: frozenset[date]
    tickets: Collection[str]
    unreadable: Collection[int] = ()
    read_months: Collection[date] = ()
    billed_by_codex: Collection[str] = ()


def place_entries(current: pa.Table, stored: pa.Table, known: pa.Table, scope: ReadScope) -> pa.Table:
    """The entries (ENTRIES) of the months to write.

    `current` is what Freshservice shows now (CURRENT_ENTRIES), `stored` are the rows that these months have, `known` has
    each entry of closed months once, as the last of them has it (both ENTRIES).
    """
    entries, rows, books = to_pandas(current), to_pandas(stored), to_pandas(known)
    entries = _covering(entries.assign(month=_standing(worked_months(entries), scope.closed)), scope)
    entries = entries.assign(is_gone=constant(False, pa.bool_(), entries))
    is_gone = _is_covered(books, scope) & ~books["is_gone"].fillna(False) & ~is_among(books, entries, ["id"])
    gone = books[is_gone]
    gone = gone.assign(month=_standing(gone["month"], scope.closed), is_gone=constant(True, pa.bool_(), gone))
    staying = rows[~_is_covered(rows, scope) & ~is_among(rows, entries, ["id"])]
    placed = pd.concat([entries[ENTRIES.names], gone[ENTRIES.names], staying[ENTRIES.names]])
    placed = placed[placed["month"].isin(scope.months)].sort_values(["month", "id"])
    return to_arrow(placed, ENTRIES)


def _covering(entries: pd.DataFrame, scope: ReadScope) -> pd.DataFrame:
    """The entries, with those of tickets that Codex billed that are from before all months that are read as not billable
    ones of the first month to write: Codex's hours had them, too, and what it billed covers them first.
    """
    first = min(scope.months, default=None)
    if first is None:
        return entries
    is_before = (entries["month"] < constant(first, pa.date32(), entries)) & ~entries["month"].isin(
        [*scope.read_months, *scope.closed]
    )
    is_before &= entries["ticket_number"].isin(list(scope.billed_by_codex))
    return entries.assign(
        month=entries["month"].mask(is_before, first), is_billable=entries["is_billable"] & ~is_before
    )


def lost_entries(
    current: pa.Table, stored: pa.Table, known: pa.Table, scope: ReadScope
) -> tuple[pa.Table, int]:
    """The entries (ENTRIES) that had billable hours when they were read last and have none now, whichever ticket they
    are on; and how many had any. Only entries of the scope's tickets can be judged. A running timer counts as hours.
    """
    now, rows, books = to_pandas(current), to_pandas(stored), to_pandas(known)
    former = pd.concat([books, rows.sort_values("month")]).drop_duplicates("id", keep="last")
    had = former["is_billable"] & ~former["is_running"] & ~former["is_gone"] & (former["seconds"] > 0)
    former = former[had & _is_covered(former, scope)]
    lost = former[~is_among(former, now[now["is_billable"] & (now["seconds"] > 0)], ["id"])]
    return to_arrow(lost.sort_values("id"), ENTRIES), len(former)


def never_billed(current: pa.Table, scope: ReadScope, read: Collection[date], until: date) -> pa.Table:
    """The billable entries (CURRENT_ENTRIES) that no month's statement will have, by what their day says.

    They stand in a month that is neither written now nor was `read` before: one that is later than the month after
    `until`, whose own window shows them no more, or one from before. What was also written down before the ledger's
    first month was others' to bill; where it is not said when an entry was written down, it may have been since.
    """
    entries = to_pandas(current)
    own = worked_months(entries)
    standing = _standing(own, scope.closed)
    known = {*scope.months, *scope.closed, *read}
    is_ahead = own > constant(add_months(until, 1), pa.date32(), entries)
    written = entries["created_at"].astype(dtype(pa.date32()))
    is_late = (own <= constant(until, pa.date32(), entries)) & (
        written >= constant(min(known), pa.date32(), entries)
    ).fillna(True)
    is_billable = entries["is_billable"] & ~entries["is_running"] & (entries["seconds"] > 0)
    return to_arrow(
        entries[is_billable & ~standing.isin(list(known)) & (is_ahead | is_late)], CURRENT_ENTRIES
    )


def worked_months(entries: pd.DataFrame) -> Series:
    """The UTC months in which the work was done."""
    days: Any = values_of(entries["executed_at"]).cast(pa.date32())
    return column_of(pc.floor_temporal(days, unit="month"), entries.index)


def _standing(months: Series, closed: frozenset[date]) -> Series:
    return mapped(
        months, lambda month: first_open_after(month, closed) if month in closed else month, pa.date32()
    )


def _is_covered(entries: pd.DataFrame, scope: ReadScope) -> Series:
    """Whether Freshservice would have shown an entry, were it still there and readable."""
    is_known = entries["ticket_number"].isin(list(scope.tickets))
    return is_known & ~entries["id"].isin(list(scope.unreadable))
