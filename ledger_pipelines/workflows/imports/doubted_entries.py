"""Tickets and time entries that Freshservice shows no more: doubted where they are too many at once.

What could not be read is not absent: a key whose agent may see no time entries is answered with lists that are empty.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.entry_months import ReadScope, lost_entries
from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful, shrunken_list
from ledger_pipelines.sources.freshservice.client import INTEGRATION, TimeEntriesRead
from ledger_pipelines.sources.freshservice.models import OPERATION
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.workflows.step import Step

_NAMED = 5


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """What is kept of entries: the months to write with their rows, and those of closed months (both ENTRIES); the months
    that were read before; and the numbers of tickets that closed months billed by Codex's hours.
    """

    months: Sequence[date]
    stored: pa.Table
    known: pa.Table
    read_months: Collection[date]
    billed_by_codex: Collection[str]


def believed(
    step: Step, read: TimeEntriesRead, expected: Sequence[str], current: pa.Table, stored: StoredEntries
) -> tuple[pa.Table, ReadScope, list[Problem]]:
    """The current entries (CURRENT_ENTRIES) that are accepted, what the reading covers, and errors about the rest.

    Ignoring such an error confirms it, once.
    """
    doubts, is_reported = _missing_tickets(step, read, expected)
    scope = ReadScope(
        stored.months,
        step.closed,
        tickets=read.read if doubts else read.read | read.gone,
        unreadable=[int(one) for one in read.unreadable if one.isdigit()],
        read_months=stored.read_months,
        billed_by_codex=stored.billed_by_codex,
    )
    # Of tickets that the list's own error is about, nothing more need be said.
    compared = replace(scope, tickets=read.read) if is_reported else scope
    lost, before = lost_entries(current, stored.stored, stored.known, compared)
    numbers: list[Any] = lost["ticket_number"].unique().to_pylist()
    if not _is_doubtful(before, lost, numbers):
        return current, scope, doubts
    problem = _lost_hours(lost, sorted(numbers), before)
    if take_confirmation(step.connection, problem):
        return current, scope, doubts
    rest = current.filter(pc.invert(pc.is_in(current["id"], lost["id"].combine_chunks())))
    return rest, replace(scope, tickets=frozenset(scope.tickets) - set(numbers)), [*doubts, problem]


def _missing_tickets(
    step: Step, read: TimeEntriesRead, expected: Sequence[str]
) -> tuple[list[Problem], bool]:
    """An error where far fewer tickets are shown than must be, and whether they are so few, confirmed or not."""
    found = len(expected) - len(read.gone & set(expected))
    if not is_doubtful(len(expected), found):
        return [], False
    problem = shrunken_list(
        INTEGRATION, OPERATION, "Freshservice", "tickets", before=len(expected), now=found
    )
    return [] if take_confirmation(step.connection, problem) else [problem], True


def _is_doubtful(before: int, lost: pa.Table, tickets: Sequence[str]) -> bool:
    """Half of many entries, or all of several tickets': that one ticket has none any more is ordinary."""
    count = lost.num_rows
    return (before >= SHORTEST_DOUBTED and 2 * count >= before) or (count == before and len(tickets) > 1)


def _lost_hours(lost: pa.Table, numbers: Sequence[str], before: int) -> Problem:
    hours = Decimal(pc.sum(lost["seconds"]).as_py()) / 3_600
    more = f" and {len(numbers) - _NAMED:,} more" if len(numbers) > _NAMED else ""
    problem = shrunken_list(
        INTEGRATION,
        OPERATION,
        "Freshservice",
        "time entries with billable hours",
        before=before,
        now=before - lost.num_rows,
    )
    tickets = f"ticket{'s' if len(numbers) > 1 else ''} {', '.join(numbers[:_NAMED])}{more}"
    named = f"The others had {hours:,.2f} hours on {tickets}."
    details = {**problem.details, "hours": str(hours), "tickets": list(numbers[:100])}
    return replace(problem, message=f"{problem.message} {named}", details=details)
