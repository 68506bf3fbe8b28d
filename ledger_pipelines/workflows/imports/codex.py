"""Snapshots of Codex, and the months' tickets, from one fetch (rules/billing.md, Which plan; Ticket hours)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from ledger_pipelines.closing.snapshots import months_to_read
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import years_so_far
from ledger_pipelines.sources.codex.client import CodexClient, CodexSnapshot
from ledger_pipelines.store.months import Change, ensure_months, rows_of_months
from ledger_pipelines.store.queries.time_entries import read_present_companies
from ledger_pipelines.store.snapshots import read_snapshots, record_gaps, record_snapshot
from ledger_pipelines.workflows.imports.asset_backup import with_backup, with_backup_read_since
from ledger_pipelines.workflows.imports.codex_tickets import (
    NEWS,
    TicketsDue,
    place_fetched,
    record_ticket_problems,
    tickets_due,
)
from ledger_pipelines.workflows.imports.codex_unread import Unread, find_unread, for_months, keep_unread
from ledger_pipelines.workflows.imports.entry_tickets import place_entry_tickets
from ledger_pipelines.workflows.step import Changes, Step

#: In the order of their lineage.
SNAPSHOTS = ("companies", "plans", "assets", "contacts", "tickets")


@dataclass(frozen=True, slots=True)
class Instead:
    """What other sources have in place of Codex: ticket hours as Freshservice's time entries, Datto's backup usage."""

    time_entries: bool = False
    backup_usage: bool = False


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The tables that were read, each with its months, and the changes of each month; tables that were not are absent.

    `news` (NEWS) is how Codex's tickets differ from those of closed months.
    """

    frames: Mapping[str, pa.Table]
    changes: Mapping[str, Changes]
    news: pa.Table


def take_snapshots(
    step: Step,
    codex: Callable[[], CodexClient],
    tables: Sequence[str],
    *,
    taken_at: datetime,
    refresh: bool,
    ask_for_undated: bool,
    instead: Instead | None = None,
) -> Snapshots:
    """Fetches once what the months of these tables need, writes each month whole, and keeps what could not be read.

    With `refresh` the snapshots of older open months are taken anew, with `ask_for_undated` all tickets are asked for,
    whatever their years. Codex is only called where something is needed, and not for what another source has `instead`.
    """
    due = _months_due(step, tables, taken_at.date(), refresh=refresh)
    tickets = tickets_due(step, taken_at.date(), all_tickets=ask_for_undated)
    instead = instead or Instead()
    by_entry = instead.time_entries and "tickets" in due
    needed = frozenset(table for table, months in due.items() if months or table == "tickets")
    needed -= {"tickets"} if by_entry else set()
    mended = Snapshots({}, {}, NEWS.empty_table())
    if instead.backup_usage and "assets" in due:
        mended = _with_backup_read_since(step, due["assets"])
    if not needed:
        return _with_entries(step, mended, tickets, taken_at, wanted=by_entry)
    with codex() as client:
        snapshot = client.fetch(needed, tickets.asked_years)
    frames = {
        table: _by_month(getattr(snapshot, table), due[table]) for table in sorted(needed - {"tickets"})
    }
    if instead.backup_usage and due.get("assets"):
        missed = {one.account for one in snapshot.missed if one.part == "assets"}
        companies = snapshot.companies if due.get("companies") else read_present_companies(step.connection)
        frames["assets"] = with_backup(step, frames["assets"], companies, due["assets"], missed)
    unread = find_unread(step.connection, snapshot, frames, due)
    parts = {
        table: keep_unread(step.connection, table, frame, due[table], unread)
        for table, frame in frames.items()
    }
    is_complete = {table: _is_complete(snapshot, unread, table) for table in frames}
    news = NEWS.empty_table()
    if "tickets" in needed:
        read = place_fetched(step, snapshot, tickets)
        frames["tickets"], news = read.placed.tickets, read.news
        parts["tickets"] = read.placed.tickets, read.gaps
        is_complete["tickets"] = read.is_complete
        record_ticket_problems(step, read, tickets)
    changes = _write(step, parts, due, is_complete, taken_at)
    _record_problems(step, snapshot, unread, due)
    for table, frame in mended.frames.items():
        frames[table] = pa.concat_tables([frames[table], frame]) if table in frames else frame
        changes[table] = {**mended.changes[table], **changes.get(table, {})}
    return _with_entries(step, Snapshots(frames, changes, news), tickets, taken_at, wanted=by_entry)


def _with_backup_read_since(step: Step, due: Sequence[date]) -> Snapshots:
    """The devices of open months that keep their snapshot, where more is known of their backup than was then."""
    months = [month for month in step.open(step.months) if month not in due]
    frame = with_backup_read_since(step, months)
    written = sorted({month for month in months if rows_of_months(frame, [month]).num_rows})
    if not written:
        return Snapshots({}, {}, NEWS.empty_table())
    changes = step.write({"assets": frame}, written)
    return Snapshots({"assets": frame}, changes, NEWS.empty_table())


def _with_entries(
    step: Step, snapshots: Snapshots, due: TicketsDue, taken_at: datetime, *, wanted: bool
) -> Snapshots:
    """The snapshots with the tickets that time entries are, where these are billed: their companies are known now."""
    if not wanted:
        return snapshots
    placed = place_entry_tickets(step, due, taken_at)
    return Snapshots(
        {**snapshots.frames, "tickets": placed.tickets},
        {**snapshots.changes, "tickets": placed.changes},
        placed.news,
    )


def _months_due(step: Step, wanted: Sequence[str], today: date, *, refresh: bool) -> dict[str, list[date]]:
    """For each table, the months to be read now.

    Tickets are always read, and for the year so far: a month's prepaid hours need the earlier months of its year,
    and the answer holds them anyway.
    """
    taken: dict[str, set[date]] = {table: set() for table in wanted}
    for snapshot in read_snapshots(step.connection, step.months):
        if snapshot.table_name in taken:
            taken[snapshot.table_name].add(snapshot.month)
    return {
        table: step.open(years_so_far(step.months))
        if table == "tickets"
        else months_to_read(
            step.months, today=today, with_snapshot=taken[table], closed=step.closed, refresh=refresh
        )
        for table in wanted
    }


def _by_month(frame: pa.Table, months: Sequence[date]) -> pa.Table:
    """The frame once for each of the snapshot's months."""
    return pa.concat_tables(
        frame.add_column(
            0, pa.field("month", pa.date32()), pa.repeat(pa.scalar(month, pa.date32()), len(frame))
        )
        for month in months
    )


def _is_complete(snapshot: CodexSnapshot, unread: Unread, table: str) -> bool:
    """Whether every record of a table could be read, and is accepted."""
    broken = any(problem.is_blocking for problem in _problems_of(snapshot, table))
    return table in snapshot.complete and not broken and not unread.touches(table)


def _write(
    step: Step,
    parts: Mapping[str, tuple[pa.Table, set[tuple[date, str]]]],
    due: Mapping[str, list[date]],
    is_complete: Mapping[str, bool],
    taken_at: datetime,
) -> dict[str, dict[date, Change]]:
    """Writes each table's months, with when they were taken and which companies they could not read anew."""
    changes: dict[str, dict[date, Change]] = {}
    for months in {tuple(due[table]) for table in parts if due[table]}:
        together = {table: frame for table, (frame, _) in parts.items() if tuple(due[table]) == months}
        ensure_months(step.connection, list(together), months)
        with step.connection.transaction():
            changes |= step.write(together, months)
            for table in together:
                open_months = step.open(months)
                record_snapshot(
                    step.connection, table, open_months, taken_at=taken_at, is_complete=is_complete[table]
                )
                gaps = {gap for gap in parts[table][1] if gap[0] in open_months}
                record_gaps(step.connection, table, open_months, gaps)
    return changes


def _record_problems(
    step: Step, snapshot: CodexSnapshot, unread: Unread, due: Mapping[str, list[date]]
) -> None:
    """Stores the problems, each for the months whose rows lack what it names; a mere note is of the present only."""
    for table, months in sorted(due.items()):
        # Tickets have months of their own: `record_ticket_problems`.
        if not months or table == "tickets":
            continue
        problems = [
            *_problems_of(snapshot, table),
            *(problem for problem in unread.problems if problem.operation == table),
        ]
        is_complete = table in snapshot.complete and table not in unread.whole
        step.record("codex", table, for_months(problems, months), months=months, is_complete=is_complete)


def _problems_of(snapshot: CodexSnapshot, table: str) -> list[Problem]:
    return [problem for problem in snapshot.problems if problem.operation == table]
