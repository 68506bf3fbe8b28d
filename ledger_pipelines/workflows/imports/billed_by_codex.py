"""Tickets that closed months billed by Codex's hours, where Freshservice's time entries take the place of these.

Codex knows a ticket of Freshservice by its id. So each that was updated in the window must be in Freshservice's list; and
where none of the numbers is an id of a ticket there, what they billed cannot be distinguished from what is billed anew.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.sources.freshservice.client import INTEGRATION
from ledger_pipelines.sources.freshservice.models import OPERATION
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import open_errors
from ledger_pipelines.store.queries.tickets import read_billed_by_codex, read_gone_numbers
from ledger_pipelines.store.snapshots import first_of_newest
from ledger_pipelines.tables.codex import TICKETS
from ledger_pipelines.tables.table import HOURS
from ledger_pipelines.workflows.step import Step

#: A time entry does not move its ticket's `updated_at`: tickets are looked for from so long before the month on.
LOOK_BACK = timedelta(days=45)
#: What is known of such a ticket.
BILLED = TICKETS.part(("account_number", "ticket_number", "subject", "status", "priority", "last_updated_at"))
_TICKET_ID = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_NAMED = 5


def window_of(month: date) -> datetime:
    """Since when tickets are looked for, where this month is the first."""
    return datetime.combine(month, time(), UTC) - LOOK_BACK


def billed_by_codex(step: Step, since: datetime) -> pa.Table:
    """The tickets (BILLED) updated since then that closed months billed by Codex's hours."""
    return read_billed_by_codex(step.connection, sorted(step.closed), since, BILLED)


def drafted_by_codex(step: Step, months: Sequence[date]) -> pa.Table:
    """The tickets (BILLED) with hours that open months have of Codex, and whose numbers may be Freshservice's ids."""
    rows = read_months(
        step.connection, "tickets", months, [*BILLED.names, "total_hours_spent", "hours_before"]
    )
    none = pa.scalar(Decimal(0), HOURS)
    had = (pc.field("total_hours_spent") > none) | (pc.field("hours_before") > none)
    rows = rows.filter(had).select(BILLED.names).cast(BILLED)
    return rows.filter(pc.is_in(rows["ticket_number"], pa.array(ids_of(rows), pa.string())))


def ids_of(billed: pa.Table) -> list[str]:
    """Their numbers that may be ids of Freshservice's tickets."""
    return [number for number in _numbers(billed) if _TICKET_ID.fullmatch(number)]


def expected_of(step: Step, billed: pa.Table) -> set[str]:
    """Those of the ids that must be shown: a ticket that was gone before is no reason to doubt a list again."""
    return set(ids_of(billed)) - read_gone_numbers(step.connection)


def fully_read_numbers(step: Step) -> set[str]:
    """The numbers of which Freshservice's last reading has all entries that there are; where that is doubted, those
    that were gone before.
    """
    first = first_of_newest(step.connection, "time_entries")
    if first is None:
        return set()
    numbers = set(ids_of(billed_by_codex(step, window_of(first))))
    is_doubted = any(
        (integration, operation, is_blocking) == (INTEGRATION, OPERATION, True)
        for _, integration, operation, *_, is_blocking in open_errors(step.connection)
    )
    return numbers & read_gone_numbers(step.connection) if is_doubted else numbers


def strange_numbers(billed: pa.Table, read: Collection[str]) -> list[Problem]:
    """An error where no number that Codex's hours were billed by is one of a ticket that Freshservice shows.

    Those that may be ids were asked for by themselves: without them there is nothing to report.
    """
    numbers = _numbers(billed)
    if len(ids_of(billed)) == len(numbers) or set(numbers) & set(read):
        return []
    more = f" and {len(numbers) - _NAMED:,} more" if len(numbers) > _NAMED else ""
    return [
        Problem(
            INTEGRATION,
            OPERATION,
            "list",
            "ticket numbers of Codex",
            f"Closed months billed tickets {', '.join(numbers[:_NAMED])}{more} by Codex's hours, and Freshservice shows "
            "none of them by that id, so that the same hours would be billed again by its time entries: unset "
            "FRESHSERVICE_URL, or ignore this if those tickets are of another system.",
            {"numbers": numbers[:100]},
        )
    ]


def _numbers(billed: pa.Table) -> list[str]:
    numbers: list[Any] = billed["ticket_number"].unique().to_pylist()
    return sorted(numbers)
