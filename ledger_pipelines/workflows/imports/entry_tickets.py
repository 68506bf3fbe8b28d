"""The months' tickets from Freshservice's time entries, in place of Codex's (rules/billing.md, Ticket hours)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.billing.ticket_months import KNOWN, Asked, place_tickets
from ledger_pipelines.billing.time_entries import FIRST_TICKETS, SOURCE_TICKETS, Companies, entry_tickets
from ledger_pipelines.billing.vanished_hours import of_codex, vanished_tickets, without_hours
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month
from ledger_pipelines.store.copy import months_in, read_months
from ledger_pipelines.store.integration_errors import unignore_outgrown
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.queries.tickets import read_known_tickets
from ledger_pipelines.store.queries.time_entries import (
    read_first_tickets,
    read_open_entries,
    read_present_companies,
)
from ledger_pipelines.store.snapshots import read_snapshots, record_gaps, record_snapshot, require_read
from ledger_pipelines.workflows.imports.billed_by_codex import fully_read_numbers
from ledger_pipelines.workflows.imports.codex_tickets import NEWS, TicketsDue, news_of
from ledger_pipelines.workflows.step import Changes, Step

#: The operation of Freshservice's errors about hours that nobody is billed for.
UNCLAIMED = "departments"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class EntryTicketsPlaced:
    """The tickets of the months to write, the changes of each month, and what closed months lack (NEWS)."""

    tickets: pa.Table
    changes: Changes
    news: pa.Table


def place_entry_tickets(step: Step, due: TicketsDue, taken_at: datetime) -> EntryTicketsPlaced:
    """Writes the months' tickets from the time entries that were read, and names hours that nobody is billed for.

    Entries of all open months, whatever their year, are looked at: those of one ticket say together what Codex's hours
    of it were. Raises LedgerError where a month's entries were never read.
    """
    if not due.months:
        return EntryTicketsPlaced(TICKETS.empty_table(), {}, NEWS.empty_table())
    require_read(
        step.connection, "time_entries", "Freshservice", [one for one in due.months if one in step.months]
    )
    closed = sorted(step.closed)
    entries = read_open_entries(step.connection, closed)
    known = read_known_tickets(step.connection, closed, KNOWN)
    first = read_first_tickets(step.connection, closed, FIRST_TICKETS)
    months = sorted({*due.months, *months_in(entries)})
    companies = Companies(
        read_months(step.connection, "companies", months, ["month", "account_number", "name"]),
        read_present_companies(step.connection),
    )
    found = entry_tickets(entries, companies, known, first, fully_read_numbers(step))
    numbers = _tickets_of(known) - _tickets_of(found.tickets) - found.gone
    asked = Asked(due.months, None, step.closed, unread=sorted(numbers))
    stored = read_months(step.connection, "tickets", due.months, TICKETS.names).cast(TICKETS)
    vanished = vanished_tickets(stored, entries, found)
    none = without_hours(vanished).select(SOURCE_TICKETS.names)
    placed = place_tickets(pa.concat_tables([found.tickets, none]), known, vanished, asked)
    problems = _unclaimed(
        found.unclaimed.filter(pc.is_in(found.unclaimed["month"], pa.array(due.months, pa.date32())))
    )
    problems += _without_entries(vanished)
    ensure_months(step.connection, ["tickets"], due.months)
    is_complete = not problems and _is_read_completely(step, due.months)
    with step.connection.transaction():
        changes = step.write({"tickets": placed.tickets}, due.months)["tickets"]
        record_snapshot(step.connection, "tickets", due.months, taken_at=taken_at, is_complete=is_complete)
        record_gaps(step.connection, "tickets", due.months, ())
    # Who ignores some hours has not said that more of them are nobody's.
    unignore_outgrown(step.connection, problems, "hours")
    step.record("freshservice", UNCLAIMED, problems, months=due.months)
    return EntryTicketsPlaced(placed.tickets, changes, news_of(placed.news, known))


def _tickets_of(frame: pa.Table) -> set[tuple[str, str]]:
    accounts: list[Any] = frame["account_number"].to_pylist()
    numbers: list[Any] = frame["ticket_number"].to_pylist()
    return set(zip(accounts, numbers, strict=True))


def _is_read_completely(step: Step, months: Iterable[date]) -> bool:
    """Whether all entries of these months could be read when they were."""
    snapshots = read_snapshots(step.connection, list(months))
    return all(one.is_complete for one in snapshots if one.table_name == "time_entries")


def _unclaimed(rows: pa.Table) -> list[Problem]:
    """An error for each department and month of the work whose hours nobody is billed for: who ignored it in that month
    has ignored it where its hours stand later.
    """
    by_department: dict[tuple[date, date, int | None], list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        by_department.setdefault((row["month"], row["worked_month"], row["department_id"]), []).append(row)
    return [_unclaimed_department(month, found) for (month, *_), found in by_department.items()]


def _without_entries(vanished: pa.Table) -> list[Problem]:
    """An error for each company and month that has hours of Codex, and no time entry of these tickets."""
    by_company: dict[tuple[date, str], list[dict[str, Any]]] = {}
    for row in of_codex(vanished).to_pylist():
        by_company.setdefault((row["month"], row["account_number"]), []).append(row)
    return [_company_without_entries(month, rows) for (month, _), rows in by_company.items()]


def _company_without_entries(month: date, rows: list[dict[str, Any]]) -> Problem:
    account, name = rows[0]["account_number"], format_month(month)
    hours = sum(row["total_hours_spent"] or row["hours_before"] for row in rows)
    tickets = sorted({row["ticket_number"] for row in rows})
    return Problem(
        "freshservice",
        UNCLAIMED,
        "company",
        f"{account} of {name}",
        f"Company {account} had {hours:,.2f} hours of Codex in {name} {_on_tickets(tickets)}, and Freshservice shows no "
        "time entry of them, so that nobody is billed for them: check what the agent of FRESHSERVICE_API_KEY may see, "
        "and run again, or ignore this with a note if they are not to be billed.",
        {"account_number": account, "hours": str(hours), "tickets": tickets[:100]},
        name,
    )


def _on_tickets(tickets: list[str]) -> str:
    more = f" and {len(tickets) - _NAMED:,} more" if len(tickets) > _NAMED else ""
    return f"on ticket{'s' if len(tickets) > 1 else ''} {', '.join(tickets[:_NAMED])}{more}"


def _unclaimed_department(month: date, rows: list[dict[str, Any]]) -> Problem:
    first = rows[0]
    hours = sum(row["hours"] for row in rows)
    tickets = sorted({row["ticket_number"] for row in rows})
    of_tickets = _on_tickets(tickets)
    department = first["department_id"]
    if department is None:
        who = "Tickets without a department have"
        advice = "give them one in Freshservice"
    elif first["account_number"] is not None:
        who = f"Department {first['department'] or department!r} with the account_number {first['account_number']!r} has"
        advice = "correct that number in Freshservice"
    else:
        who = f"Department {first['department'] or department!r} has"
        advice = "give it its company's name, or the custom field account_number, in Freshservice"
    name = format_month(first["worked_month"])
    return Problem(
        "freshservice",
        UNCLAIMED,
        "department",
        f"{'none' if department is None else department} of {name}",
        f"{who} {hours:,.2f} billable hours in {name} {of_tickets}, and no company of Codex is it, so that nobody is "
        f"billed for them: {advice}, or ignore this if they are nobody's.",
        {
            "department_id": department,
            "department": first["department"],
            "hours": str(hours),
            "tickets": tickets[:100],
        },
        format_month(month),
    )
