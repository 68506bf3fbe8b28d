"""Freshservice's records, made of the same invented world as Codex's: its tickets, with the entries of their hours.

Codex's hours are sums of these entries, to the minute that Freshservice writes. One company in three is known by the
custom field of its department, the others by its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import orjson

from ledger_pipelines.sandbox.hivematrix.world import Record, World

#: Ids of departments and entries are of 64 bits.
_FIRST_DEPARTMENT = 21_000_000_000
_FIRST_ENTRY = 21_000_100_000
#: One ticket in so many has its hours in two entries, one in so many an entry that is not billable beside them.
_SPLIT, _WITH_UNPAID = 4, 10
_PRIORITIES = {"low": 1, "medium": 2, "high": 3, "urgent": 4}
_STATUSES = {"open": 2, "pending": 3, "waiting_customer": 3}


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Ticket:
    """A ticket with its entries, as they are sent."""

    record: Record
    entries: list[Record] = field(default_factory=list)


class Desk:
    """All tickets and departments of one account. `now` is the end of the last day of history."""

    def __init__(self, world: World, *, until: date) -> None:
        self._world = world
        self.now = datetime(until.year, until.month, until.day, 23, 59, 59, tzinfo=UTC)
        self._next_entry = _FIRST_ENTRY

    @cached_property
    def departments(self) -> list[Record]:
        """The departments, one for each company."""
        names = [orjson.loads(company.row).get("name") for company in self._world.companies]
        return [
            _department(at, name, company.account_number if at % 3 == 0 or names.count(name) > 1 else None)
            for at, (company, name) in enumerate(zip(self._world.companies, names, strict=True))
        ]

    @cached_property
    def tickets(self) -> dict[int, Ticket]:
        """The tickets by their ids. What is wrong with Codex's copy of a ticket keeps it out."""
        found = {}
        for department, company in zip(self.departments, self._world.companies, strict=True):
            for row in company.tickets:
                ticket = self._ticket(orjson.loads(row), department["id"])
                if ticket is not None:
                    found[ticket.record["id"]] = ticket
        return found

    def clear(self) -> None:
        """Leaves an account without departments and tickets, for records of one's own."""
        self.tickets.clear()
        self.departments.clear()

    def add_department(self, name: str | None, account_number: object = None) -> int:
        """Adds a department; answers with its id."""
        at = _FIRST_DEPARTMENT + len(self.departments)
        self.departments.append({"id": at, "name": name, "custom_fields": {"account_number": account_number}})
        return at

    def add_ticket(
        self,
        number: int,
        department: int | None,
        updated_at: str,
        *,
        created_at: str = "2024-01-02T09:00:00Z",
    ) -> None:
        """Adds a ticket without entries."""
        self.tickets[number] = Ticket(_ticket_record(number, department, created_at, updated_at))

    def add_entry(self, ticket: int, executed_at: str, time_spent: str, **more: Any) -> Record:
        """Records time on a ticket, today: the ticket's `updated_at` stays. Answers with the entry."""
        entry = self._entry(executed_at, time_spent, created_at=_written(self.now)) | more
        self.tickets[ticket].entries.append(entry)
        return entry

    def tickets_since(self, since: datetime | None) -> list[Ticket]:
        """The tickets that were updated since then, those made in the last thirty days where no time is given, the
        latest made first.
        """
        name, start = (
            ("created_at", self.now - timedelta(days=30)) if since is None else ("updated_at", since)
        )
        moment = _written(start)
        found = [
            ticket
            for ticket in self.tickets.values()
            if ticket.record[name] >= moment and not ticket.record["deleted"] and not ticket.record["spam"]
        ]
        return sorted(found, key=lambda one: (one.record["created_at"], one.record["id"]), reverse=True)

    def _ticket(self, row: Record, department: int) -> Ticket | None:
        """A ticket of Codex as its desk has it; None where Codex's copy cannot be read."""
        try:
            number, hours = int(row["ticket_number"]), float(row["total_hours_spent"])
            updated = datetime.fromisoformat(row["last_updated_at"]).replace(tzinfo=UTC)
            created = datetime.fromisoformat(row["created_at"]).replace(tzinfo=UTC)
            minutes = round(hours * 60)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        record = _ticket_record(number, department, _written(created), _written(updated)) | {
            "subject": row.get("subject"),
            "priority": _PRIORITIES.get(str(row.get("priority")), 2),
            "status": _STATUSES.get(str(row.get("status")), 5),
            "due_by": _written(created + timedelta(days=2)),
        }
        parts = [minutes // 2, minutes - minutes // 2] if number % _SPLIT == 0 else [minutes]
        entries = [
            self._entry(_written(updated), f"{part // 60:02d}:{part % 60:02d}", created_at=_written(updated))
            for part in parts
            if part
        ]
        if number % _WITH_UNPAID == 0:
            unpaid = self._entry(_written(updated), "00:15", created_at=_written(updated))
            entries.append(unpaid | {"billable": False})
        return Ticket(record, entries)

    def _entry(self, executed_at: str, time_spent: str, *, created_at: str) -> Record:
        self._next_entry += 1
        return {
            "id": self._next_entry,
            "created_at": created_at,
            "updated_at": created_at,
            "start_time": executed_at,
            "timer_running": False,
            "billable": True,
            "time_spent": time_spent,
            "executed_at": executed_at,
            "task_id": None,
            "note": "",
            "agent_id": 21_000_000_042,
            "custom_fields": {},
        }


def _ticket_record(number: int, department: int | None, created_at: str, updated_at: str) -> Record:
    return {
        "id": number,
        "subject": f"Ticket {number}",
        "department_id": department,
        "requester_id": 21_001_000_000 + number,
        "priority": 2,
        "status": 5,
        "type": "Incident",
        "created_at": created_at,
        "updated_at": updated_at,
        "due_by": None,
        "custom_fields": {},
        "tags": [],
        "spam": False,
        "deleted": False,
    }


def _department(at: int, name: str | None, account: str | None) -> Record:
    return {
        "id": _FIRST_DEPARTMENT + at,
        "name": name if account is None else f"{name} (IT)",
        "description": None,
        "head_user_id": None,
        "prime_user_id": None,
        "domains": [],
        "custom_fields": {"account_number": account},
        "created_at": "2023-01-02T08:00:00Z",
        "updated_at": "2023-01-02T08:00:00Z",
    }
