"""Time entries of Freshservice, month by month (wire/freshservice.md; rules/billing.md, Ticket hours)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.entry_months import CURRENT_ENTRIES, ENTRIES, never_billed, place_entries
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import constant, to_arrow, to_pandas
from ledger_pipelines.months import (
    add_months,
    first_open_after,
    format_month,
    month_of,
    month_range,
    years_so_far,
)
from ledger_pipelines.sources.freshservice.client import INTEGRATION, FreshserviceClient, TimeEntriesRead
from ledger_pipelines.sources.freshservice.models import OPERATION
from ledger_pipelines.sources.records.wire_types import utc_instant
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import unignore_changed_messages
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.queries.time_entries import read_known_entries
from ledger_pipelines.store.snapshots import read_times, record_snapshot
from ledger_pipelines.workflows.imports.billed_by_codex import (
    billed_by_codex,
    drafted_by_codex,
    expected_of,
    ids_of,
    strange_numbers,
    window_of,
)
from ledger_pipelines.workflows.imports.codex_unread import for_months
from ledger_pipelines.workflows.imports.doubted_entries import StoredEntries, believed
from ledger_pipelines.workflows.imports.outcome import ImportedTable
from ledger_pipelines.workflows.step import Step

TABLE = "time_entries"
#: Before any closed month.
_EVER = date(1971, 1, 1)


def import_time_entries(
    step: Step, freshservice: Callable[[], FreshserviceClient], *, taken_at: datetime
) -> ImportedTable:
    """Reads the tickets from 45 days before the months on, and writes their entries, each in its own month.

    Months of the year so far that were never read are read, too, for prepaid hours; and entries of other open months, up
    to the present, come with their tickets. Freshservice is only called where an open month needs it.
    """
    until = max(month_of(taken_at.date()), *step.months)
    months = step.open(month_range(_first_written(step), add_months(until, 1)))
    needed = _needed(step)
    if not needed:
        return ImportedTable(ENTRIES.empty_table(), {})
    since = window_of(needed[0])
    stored = read_months(step.connection, TABLE, months)
    known = read_known_entries(step.connection, sorted(step.closed))
    billed = billed_by_codex(step, since)
    before = read_times(step.connection, TABLE).keys()
    stored_rows = StoredEntries(
        months, stored, known, before, ids_of(billed_by_codex(step, window_of(_EVER)))
    )
    drafted = drafted_by_codex(step, months)
    expected = sorted({*_expected(stored, known, since), *expected_of(step, billed)})
    with freshservice() as client:
        read = client.time_entries(since, expected, {*ids_of(drafted), *_with_timers(stored, known)})
    entries = _current_entries(read, pa.concat_tables([known, stored]), pa.concat_tables([drafted, billed]))
    entries, scope, doubts = believed(step, read, expected, entries, stored_rows)
    placed = place_entries(entries, stored, known, scope)
    lost = never_billed(entries, scope, before, until)
    ensure_months(step.connection, [TABLE], months)
    problems = [*read.problems, *doubts, *strange_numbers(billed, read.read), *_never_billed(lost, until)]
    problems += _running(placed)
    # Who ignores an entry has said nothing of what it becomes.
    unignore_changed_messages(step.connection, [one for one in problems if one.entity_type == "time entry"])
    is_complete = not any(problem.is_blocking for problem in problems)
    with step.connection.transaction():
        changes = step.write({TABLE: placed}, months)[TABLE]
        whole = [month for month in months if month >= needed[0]]
        record_snapshot(step.connection, TABLE, whole, taken_at=taken_at, is_complete=is_complete)
    asked = sorted({*whole, *needed})
    step.record(
        INTEGRATION, OPERATION, _of_months(problems, asked, step.closed), months=asked, is_complete=not doubts
    )
    return ImportedTable(placed, changes, problems)


def _first_written(step: Step) -> date:
    """The first month that is written: what closed months lack stands in the first open one, whatever its year."""
    first = years_so_far(step.months)[0]
    return min(first, first_open_after(min(step.closed), step.closed)) if step.closed else first


def _needed(step: Step) -> list[date]:
    """The open months that are asked for, and those of the year so far that were never read."""
    read = read_times(step.connection, TABLE)
    return [
        month for month in step.open(years_so_far(step.months)) if month in step.months or month not in read
    ]


def _expected(stored: pa.Table, known: pa.Table, since: datetime) -> list[str]:
    """Tickets with entries that must be shown, for their last update is not before then and moves only forward."""
    stored_rows = pa.concat_tables(
        [one.select(["ticket_number", "ticket_updated_at"]) for one in (stored, known)]
    )
    recent = stored_rows.filter(
        pc.greater_equal(
            stored_rows["ticket_updated_at"], pa.scalar(since, stored_rows["ticket_updated_at"].type)
        )
    )
    numbers: list[Any] = recent["ticket_number"].unique().to_pylist()
    return sorted(numbers)


def _with_timers(stored: pa.Table, known: pa.Table) -> set[str]:
    """Tickets with timers that ran when they were read last: these may stop long after the ticket's last update."""
    stored_rows = pa.concat_tables([known, stored])
    running = stored_rows.filter(pc.and_(stored_rows["is_running"], pc.invert(stored_rows["is_gone"])))
    numbers: list[Any] = running["ticket_number"].unique().to_pylist()
    return set(numbers)


def _current_entries(read: TimeEntriesRead, stored_rows: pa.Table, billed: pa.Table) -> pa.Table:
    """The entries with what their departments and tickets say; of tickets that the list lacks, with what is kept of
    their entries, or else with what Codex said of them.
    """
    numbers = read.tickets["id"].cast(pa.string())
    listed = to_pandas(read.tickets.drop_columns(["id"]).append_column("ticket_number", numbers))
    listed = listed.rename(columns={"updated_at": "ticket_updated_at", "created_at": "ticket_created_at"})
    listed = listed.assign(account=constant(None, pa.string(), listed))
    own = to_pandas(stored_rows).sort_values("ticket_updated_at", kind="stable")
    own = own.assign(account=own["account_number"].where(own["department_id"].isna()))[listed.columns]
    of_codex = to_pandas(billed).rename(
        columns={"last_updated_at": "ticket_updated_at", "account_number": "account"}
    )
    of_codex = of_codex.assign(
        department_id=constant(None, pa.int64(), of_codex),
        ticket_created_at=constant(None, pa.timestamp("us", "UTC"), of_codex),
    )
    unlisted = pd.concat([of_codex, own]).drop_duplicates("ticket_number", keep="last")
    tickets = pd.concat([listed, unlisted[unlisted["ticket_number"].isin(list(read.unlisted))]])
    departments = to_pandas(read.departments.rename_columns({"id": "department_id", "name": "department"}))
    rows = to_pandas(read.entries).merge(tickets, on="ticket_number")
    rows = rows.merge(departments, on="department_id", how="left")
    return to_arrow(
        rows.assign(account_number=rows["account_number"].fillna(rows["account"])), CURRENT_ENTRIES
    )


def _of_months(problems: Sequence[Problem], months: Sequence[date], closed: frozenset[date]) -> list[Problem]:
    """The problems, each as one of the month that its entry stands in; of every month where that is unknown."""
    found: list[Problem] = []
    for problem in problems:
        month = _month_of(problem, closed)
        if month is not None and problem.is_blocking:
            found.append(replace(problem, month=format_month(month)))
        else:
            found += for_months([problem], months)
    return found


def _month_of(problem: Problem, closed: frozenset[date]) -> date | None:
    record = problem.details.get("record")
    try:
        moment = utc_instant(record.get("executed_at") if isinstance(record, Mapping) else None)
    except ValueError:
        return None
    month = month_of(moment.date())
    return first_open_after(month, closed) if month in closed else month


def _running(placed: pa.Table) -> list[Problem]:
    """A note of each running timer: nobody is billed for it before it is stopped."""
    rows = placed.filter(pc.and_(placed["is_running"], pc.invert(placed["is_gone"]))).to_pylist()
    return [
        Problem(
            INTEGRATION,
            OPERATION,
            "time entry",
            str(row["id"]),
            f"The timer of time entry {row['id']} of ticket {row['ticket_number']} runs, so that its time is not billed "
            "yet: it will be once the timer is stopped, in its month or in the first open one.",
            {"ticket_number": row["ticket_number"], "department": row["department"]},
            is_blocking=False,
        )
        for row in rows
    ]


def _never_billed(lost: pa.Table, until: date) -> list[Problem]:
    """An error for each billable entry that no month bills: most likely its day is mistyped."""
    problems = []
    for row in lost.to_pylist():
        day, hours = row["executed_at"].date(), Decimal(row["seconds"]) / 3_600
        why = "which is yet to come" if day > until else "of which month nothing was read"
        advice = "" if day > until else "run that month if it is one of the ledger's, "
        message = (
            f"Time entry {row['id']} of ticket {row['ticket_number']} has {hours:,.2f} billable hours of {day}, {why}, "
            f"so that nobody is billed for them: correct the day in Freshservice, {advice}or ignore this if it is right."
        )
        details = {name: row[name] for name in ("ticket_number", "department", "executed_at", "seconds")}
        problems.append(Problem(INTEGRATION, OPERATION, "time entry", str(row["id"]), message, details))
    return problems
