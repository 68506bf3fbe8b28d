"""The tickets of a fetch: which years to ask for, where each ticket stands, and what is doubted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.billed_hours import TICKET
from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.billing.month_hours import own_months
from ledger_pipelines.billing.ticket_months import KNOWN, Asked, Placed, place_tickets, shrunken_companies
from ledger_pipelines.billing.time_entries import FIRST_TICKETS, is_entry
from ledger_pipelines.closing.differences import ADDED, CHANGED, NEWS_WORDS, REMOVED
from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.frames import constant, is_among, to_arrow, to_pandas
from ledger_pipelines.months import add_months, describe_months, first_open_after, years_so_far
from ledger_pipelines.shrinkage import shrunken_list
from ledger_pipelines.sources.codex.client import CodexSnapshot
from ledger_pipelines.sources.records.wire_types import utc_instant
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.queries.tickets import read_known_tickets
from ledger_pipelines.store.queries.time_entries import read_first_tickets
from ledger_pipelines.tables.table import HOURS
from ledger_pipelines.workflows.imports.codex_unread import for_months
from ledger_pipelines.workflows.step import Step

#: How many months back hours may come late, unless all tickets are asked for.
_MONTHS_BACK = 12
#: Under what the tickets without a date are filed: only a run that asks for all can find that one is gone.
UNDATED = "undated_tickets"

_NEWS_FIELDS: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("account_number", pa.string()),
    pa.field("ticket_number", pa.string()),
    pa.field("subject", pa.string()),
    pa.field("total_hours_spent", HOURS),
    pa.field("hours_before", HOURS),
    pa.field("moved_from", pa.string()),
    pa.field("change", pa.string()),
]
#: How Codex's tickets differ from those of closed months, by each ticket's own month.
NEWS = pa.schema(_NEWS_FIELDS)


@dataclass(frozen=True, slots=True)
class TicketsDue:
    """The months to write and the years to ask for: with `has_all`, everything at once, undated tickets too."""

    months: list[date]
    years: list[int]
    has_all: bool

    @property
    def asked_years(self) -> list[int] | None:
        return None if self.has_all else self.years

    @property
    def asked_months(self) -> list[date]:
        return [date(year, month, 1) for year in self.years for month in range(1, 13)]


def tickets_due(step: Step, today: date, *, all_tickets: bool) -> TicketsDue:
    """What a run needs: the year so far, for prepaid hours; and closed months whose news it takes.

    Where closed months bear on it, all years up to now are asked: a ticket that was touched since is not gone.
    """
    months = years_so_far(step.months)
    earliest = add_months(months[0], -_MONTHS_BACK)
    bearing = [
        month
        for month in step.closed
        if month in months or (month >= earliest and first_open_after(month, step.closed) in months)
    ]
    years = {month.year for month in (*months, *bearing)}
    if bearing or all_tickets:
        years |= set(range(min(years), today.year + 1))
    return TicketsDue(step.open(months), sorted(years), all_tickets)


@dataclass(frozen=True, slots=True)
class TicketsRead:
    """Where the tickets stand, and what could not be read or is doubted: those without a date apart.

    `news` (NEWS) is what closed months do not know, `gaps` are the months and companies whose rows were left as they
    were. `is_complete` says whether every ticket could be read and is accepted, `is_whole` whether a problem that is
    not among these is gone.
    """

    placed: Placed
    news: pa.Table
    gaps: set[tuple[date, str]]
    problems: list[Problem]
    undated: list[Problem]
    is_complete: bool
    is_whole: bool


def place_fetched(step: Step, snapshot: CodexSnapshot, due: TicketsDue) -> TicketsRead:
    """The months' tickets from what Codex showed, and what is known of them."""
    closed = sorted(month for month in step.closed if due.has_all or month.year >= due.years[0])
    known = read_known_tickets(step.connection, closed, KNOWN)
    _refuse_entries(step)
    open_months = step.open(sorted({*due.months, *due.asked_months}))
    stored = read_months(step.connection, "tickets", open_months, TICKETS.names).cast(TICKETS)
    problems = [problem for problem in snapshot.problems if problem.operation == "tickets"]
    asked = Asked(
        due.months,
        due.asked_years,
        step.closed,
        silent=_silent(snapshot, (known, stored)),
        unread=[
            key for problem in problems if problem.is_blocking and (key := _ticket_of(problem)) is not None
        ],
    )
    doubts = _doubts(step, snapshot.tickets, known, stored, asked)
    silent = {*asked.silent, *doubts} if None not in doubts else _accounts_of(known, stored)
    asked = replace(asked, silent=sorted(account for account in silent if account is not None))
    undated = [problem for problem in problems if due.has_all and _is_undated(problem)]
    dated = [problem for problem in problems if problem not in undated]
    placed = place_tickets(snapshot.tickets, known, stored, asked)
    is_whole = "tickets" in snapshot.complete and None not in doubts
    return TicketsRead(
        placed,
        news_of(placed.news, known),
        _gaps(snapshot, stored, due, silent=frozenset(asked.silent), doubted=doubts),
        [*dated, *doubts.values()],
        undated,
        is_complete=is_whole and not doubts and not any(problem.is_blocking for problem in problems),
        is_whole=is_whole,
    )


def record_ticket_problems(step: Step, read: TicketsRead, due: TicketsDue) -> None:
    """Codex was asked for whole years: only a run that asks for the same year can miss a broken one."""
    months = due.asked_months
    problems = for_months(read.problems, months)
    step.record("codex", "tickets", problems, months=months, is_complete=read.is_whole)
    if due.has_all:
        undated = [replace(one, operation=UNDATED, message=_undated_message(one)) for one in read.undated]
        step.record("codex", UNDATED, undated, is_complete=read.is_whole)


def _refuse_entries(step: Step) -> None:
    """Raises LedgerError where closed months billed time entries: Codex's hours of the same tickets have them, too,
    however long ago these months are.
    """
    closed = sorted(step.closed)
    first_tickets = read_first_tickets(step.connection, closed, FIRST_TICKETS)
    if not first_tickets.num_rows:
        return
    known = read_known_tickets(step.connection, closed, KNOWN)
    is_billed = pc.field("billed_hours") > pa.scalar(Decimal(0), HOURS)
    months: Any = known.filter(is_entry(known, first_tickets)).filter(is_billed)["month"].unique().to_pylist()
    if months:
        raise LedgerError(
            f"The hours of {describe_months(months)} were billed from Freshservice's time entries, and Codex has the "
            "same hours by ticket, which would be billed again: set FRESHSERVICE_URL and FRESHSERVICE_API_KEY."
        )


def _gaps(
    snapshot: CodexSnapshot,
    stored: pa.Table,
    due: TicketsDue,
    *,
    silent: frozenset[str],
    doubted: Collection[str | None],
) -> set[tuple[date, str]]:
    """The months to write and the companies whose tickets of them could not be read anew, or are doubted.

    A company that is not shown any more has a gap only where it has rows that were kept.
    """
    missed = {(one.account, one.year) for one in snapshot.missed if one.part == "tickets"}
    named = {(account, None) for account in doubted if account is not None}
    gaps = {
        (month, account)
        for account, year in missed | named
        for month in due.months
        if year in (None, month.year)
    }
    reported = set() if None in doubted else {account for account, _ in missed | named}
    months, accounts = stored["month"].to_pylist(), stored["account_number"].to_pylist()
    return gaps | {
        (month, account)
        for month, account in zip(months, accounts, strict=True)
        if account in silent and account not in reported and month in due.months
    }


def news_of(news: pa.Table, known: pa.Table) -> pa.Table:
    """What closed months do not know of tickets, in the words of a person: new, changed or gone."""
    tickets = to_pandas(news)
    changes = constant(NEWS_WORDS[ADDED], pa.string(), tickets).mask(
        is_among(tickets, to_pandas(known), TICKET), NEWS_WORDS[CHANGED]
    )
    changed = tickets.assign(
        month=own_months(tickets), change=changes.mask(tickets["is_gone"], NEWS_WORDS[REMOVED])
    )
    return to_arrow(changed.sort_values(TICKET), NEWS)


def _undated_message(problem: Problem) -> str:
    return f"{problem.message.removesuffix('.')}: it is of no month, so have it updated in the PSA."


def _doubts(
    step: Step, fetched: pa.Table, known: pa.Table, stored: pa.Table, asked: Asked
) -> Mapping[str | None, Problem]:
    """Companies whose lists are far shorter than they were, unless a person has confirmed it; None for all of them."""
    doubts = {}
    for account, (before, now) in shrunken_companies(fetched, known, stored, asked).items():
        records = "tickets" if account is None else f"tickets of company {account}"
        problem = shrunken_list("codex", "tickets", "Codex", records, before=before, now=now)
        if account not in asked.silent and not take_confirmation(step.connection, problem):
            doubts[account] = problem
    return doubts


def _silent(snapshot: CodexSnapshot, frames: Sequence[pa.Table]) -> list[str]:
    """Companies whose tickets could not be read, and those that Codex does not show at all."""
    unread = {missed.account for missed in snapshot.missed if missed.part == "tickets"}
    return sorted(unread | (_accounts_of(*frames) - snapshot.accounts))


def _accounts_of(*frames: pa.Table) -> set[str]:
    accounts: list[Any] = [one for frame in frames for one in frame["account_number"].unique().to_pylist()]
    return set(accounts)


def _ticket_of(problem: Problem) -> tuple[str, str] | None:
    """The account and number of a ticket whose record could not be read."""
    account, record = problem.details.get("account_number"), problem.details.get("record")
    number = record.get("ticket_number") if isinstance(record, Mapping) else None
    return (account, number.strip()) if isinstance(account, str) and isinstance(number, str) else None


def _is_undated(problem: Problem) -> bool:
    """Whether it is of a ticket without a date, or with one of no year: who asks for a year is not shown it."""
    record = problem.details.get("record")
    if not isinstance(record, Mapping):
        return False
    try:
        utc_instant(record.get("last_updated_at"))
    except ValueError:
        return True
    return False
