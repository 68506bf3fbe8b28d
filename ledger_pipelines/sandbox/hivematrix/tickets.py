"""Invented tickets: two years of them, in every month, in the forms that Codex sends.

A ticket's months and hours are what billing turns on: some tickets lie on the last second of a month, hours
are unrounded floats, and three forms of timestamp occur (wire/codex.md, Ticket).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from ledger_pipelines.sandbox.hivematrix.names import TICKETS
from ledger_pipelines.sandbox.hivematrix.people import Contact
from ledger_pipelines.sandbox.hivematrix.world import Record, serialised

HISTORY_YEARS = 2
#: Ticket numbers run on from here; the PSA's numbers are not Codex's row ids.
FIRST_NUMBER = 190_000

_CLOSED = ("closed", "job_complete_bill", "billing_complete", "deleted")
_OPEN = ("open", "waiting_customer", "pending")
_PRIORITIES = ("medium", "low", "high", "urgent")
#: Tickets touched within so many days before the end of history may still be open.
_OPEN_DAYS = 45

_Seconds = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The drawn columns of many tickets, as lists of equal length."""

    created: list[str]
    updated: list[str]
    form: list[float]
    hours: list[float]
    status: list[str]
    priority: list[str]
    subject: list[int]
    requester: list[float]


def draw_tickets(
    rng: np.random.Generator,
    requesters: list[list[Contact]],
    counts: list[int],
    *,
    first_id: int,
    until: date,
) -> Iterator[tuple[list[bytes], list[str]]]:
    """For each company in turn, its tickets and the day of each one's last update.

    `requesters` has each company's contacts, `counts` how many tickets each has. Row ids run on from
    `first_id`.
    """
    columns = _draw(rng, counts, until)
    position = 0
    days: dict[str, str] = {}
    for contacts, count in zip(requesters, counts, strict=True):
        rows, updated = [], []
        for at in range(position, position + count):
            rows.append(serialised(_ticket(columns, at, contacts, first_id + at)))
            # One text for each day, however many tickets have it.
            day = columns.updated[at][:10]
            updated.append(days.setdefault(day, day))
        position += count
        yield rows, updated


def _draw(rng: np.random.Generator, counts: list[int], until: date) -> _Columns:
    size = sum(counts)
    end = np.datetime64(until.isoformat(), "D")
    updated = _last_updates(rng, np.array(counts), end)
    lag = (rng.exponential(4.0, size) * 86_400).astype(int) + 600
    recent = updated > (end - _OPEN_DAYS).astype("datetime64[s]")
    still_open = recent & (rng.random(size) < 0.35)
    status = np.where(
        still_open, rng.choice(_OPEN, size), rng.choice(_CLOSED, size, p=[0.89, 0.055, 0.045, 0.01])
    )
    return _Columns(
        created=np.datetime_as_string(updated - lag).tolist(),
        updated=np.datetime_as_string(updated).tolist(),
        form=rng.random(size).tolist(),
        hours=_hours(rng, size).tolist(),
        status=status.tolist(),
        priority=rng.choice(_PRIORITIES, size, p=[0.8, 0.11, 0.06, 0.03]).tolist(),
        subject=rng.integers(0, len(TICKETS), size).tolist(),
        requester=rng.random(size).tolist(),
    )


def _last_updates(rng: np.random.Generator, counts: npt.NDArray[np.int64], end: np.datetime64) -> _Seconds:
    """Working hours of the days of history, spread evenly for each company; one in fifty at a month's end."""
    size = int(counts.sum())
    span = 365 * HISTORY_YEARS
    place = np.arange(size) - np.repeat(counts.cumsum() - counts, counts)
    day = ((place + rng.random(size)) / np.repeat(counts, counts) * span).astype(int)
    first = end - (span - 1)
    seconds = rng.integers(7 * 3_600, 18 * 3_600, size).astype("timedelta64[s]")
    moments: _Seconds = (first + day).astype("datetime64[s]") + seconds
    month_end: _Seconds = (moments.astype("datetime64[M]") + 1).astype("datetime64[s]") - 1
    at_month_end = (rng.random(size) < 0.02) & (month_end.astype("datetime64[D]") <= end)
    return np.where(at_month_end, month_end, moments)


def _hours(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Five-minute steps, a tenth by the second from a timer, one in thirty without any."""
    steps = (np.rint(rng.gamma(1.5, 6.0, size)) * 5 + 5) / 60
    timed = rng.integers(30, 4 * 3_600, size) / 3_600
    kind = rng.random(size)
    return np.where(kind < 0.03, 0.0, np.where(kind < 0.13, timed, steps))


def _ticket(columns: _Columns, at: int, contacts: list[Contact], number: int) -> Record:
    moment, form, status = columns.updated[at], columns.form[at], columns.status[at]
    requester = _requester(contacts, columns.requester[at])
    subject, opening = TICKETS[columns.subject[at]]
    fraction = f"{int(form * 1e9) % 1_000_000:06d}"
    updated = f"{moment}Z" if form < 0.96 else f"{moment}.{fraction}" + ("+00:00" if form < 0.98 else "")
    text = f"{opening} Reported by {'mail' if form < 0.6 else 'phone'}."
    return {
        "closed_at": f"{moment}Z" if status in {"closed", "deleted"} else None,
        "conversations": [_update(number, 1, moment, subject, private=False)] if form < 0.05 else [],
        "created_at": f"{columns.created[at]}Z",
        "description": f"<div>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</div>",
        "description_text": text,
        "last_updated_at": updated,
        "notes": [_update(number, 2, moment, subject, private=True)] if form < 0.02 else [],
        "priority": columns.priority[at],
        "requester_email": requester.email if requester else None,
        "requester_name": requester.name if requester else None,
        "status": status,
        "subject": subject,
        "ticket_id": number,
        "ticket_number": str(FIRST_NUMBER + number),
        "total_hours_spent": columns.hours[at],
    }


def _requester(contacts: list[Contact], draw: float) -> Contact | None:
    """One of the contacts; none for three tickets in a hundred, which came from nobody that Codex knows."""
    known = 0.97
    return contacts[int(draw / known * len(contacts))] if contacts and draw < known else None


def _update(number: int, which: int, moment: str, subject: str, *, private: bool) -> Record:
    body = f"Update {which}: work on {subject}."
    return {
        "body": body,
        "body_html": f"<p>{body}</p>",
        "created_at": f"{moment}Z",
        "from_email": None,
        "id": 1_000_000 + number * 2 + which,
        "incoming": False,
        "private": private,
        "support_email": None,
        "to_emails": [],
        "updated_at": f"{moment}Z",
        "user_id": 19_001_234_567,
    }
