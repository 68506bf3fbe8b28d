"""Clients: the contacts that invoices are made out to, and the students that they are in 4Geeks.

Where the rule's text leaves a choice: an address with a tag (`ana+holded@x.test`) is that of the address without one
only where no address is equal and one person alone comes into question; two tags of one address are two people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ledger_pipelines.crm.inputs import CLIENT_USERS, CLIENTS, CONTACTS, STUDENTS
from ledger_pipelines.emails import addresses
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import fitted

INTEGRATION, OPERATION, ENTITY = "4geeks", "crm-clients", "client"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

_Student = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Matching:
    """The clients (CLIENTS, by contact_id), and notes of those for whom there was a choice."""

    clients: pa.Table
    problems: list[Problem]

    @property
    def users(self) -> pa.Table:
        """The user of each client that has one (CLIENT_USERS), to be remembered."""
        users = self.clients.select(CLIENT_USERS.names)
        return users.filter(users["user_id"].is_valid())


@dataclass(slots=True)
class _Students:
    """Students by address, by address without its tag, and by user; in each list the one to be taken comes first."""

    by_address: dict[str, list[_Student]] = field(default_factory=lambda: defaultdict(list))
    by_bare_address: dict[str, list[_Student]] = field(default_factory=lambda: defaultdict(list))
    by_user: dict[int, _Student] = field(default_factory=dict)

    def of(self, emails: Iterable[str]) -> tuple[list[_Student], bool]:
        """The students whom these addresses may be, the one to be taken first; and whether a tag was left aside."""
        emails = list(emails)
        found = [student for email in emails for student in self.by_address.get(email, [])]
        if found:
            return sorted(found, key=_precedence, reverse=True), False
        for email in emails:
            bare = _without_tag(email)
            found += self.by_address.get(bare, []) if bare != email else self.by_bare_address.get(email, [])
        return sorted(found, key=_precedence, reverse=True), True


def match_clients(
    contacts: pa.Table,
    students: pa.Table,
    remembered: pa.Table | None = None,
    before: pa.Table | None = None,
) -> Matching:
    """Every contact (CONTACTS) as a client (CLIENTS), with the student (STUDENTS) of one of its addresses, if any.

    `remembered` (CLIENT_USERS) are users that contacts were matched to before: they stay so, whatever their
    addresses are now. Of several students the newest is taken: one with a user, then by `created_at` (one without is
    the oldest), then by id. A contact without an address is nobody's. `before` are the clients as they were read
    last, where the list of students may be incomplete: whom it does not show stays who they were. Raises FrameError
    when a column is missing or of a wrong type.
    """
    known = fitted("frame of contacts", contacts, CONTACTS).sort_by("id")
    found = _by_address(fitted("frame of students", students, STUDENTS))
    users = _users(remembered)
    earlier = {row["contact_id"]: row for row in (before.to_pylist() if before is not None else [])}
    rows, notes = [], []
    for contact in known.to_pylist():
        student, note = _student_of(contact, found, users.get(contact["id"]))
        row = {
            "contact_id": contact["id"],
            "name": contact["name"],
            "email": (contact["email"] or "").strip().casefold() or None,
            "student_id": student["id"],
            "user_id": student["user_id"],
        }
        then = earlier.get(contact["id"])
        if then is not None and row["student_id"] is None:
            row["student_id"] = then["student_id"]
            row["user_id"] = then["user_id"] if row["user_id"] is None else row["user_id"]
        rows.append(row)
        notes += [note] if note else []
    return Matching(pa.Table.from_pylist(rows, CLIENTS), notes)


def _student_of(
    contact: Mapping[str, Any], students: _Students, user: int | None
) -> tuple[_Student, Problem | None]:
    """The student whom a contact is (without an id where there is none), and what is to be said of the choice."""
    found, tagged = students.of(addresses(contact["email"]))
    people = list(dict.fromkeys(_person(student) for student in found))
    if user is not None:
        now = found[0]["user_id"] if found and not tagged else None
        note = None
        if now is not None and user not in {student["user_id"] for student in found}:
            note = f"was matched to the user {user} and now has the address of the user {now}; it stays with {user}"
        return students.by_user.get(user, {"id": None, "user_id": user}), _note(contact, note)
    if not found or (tagged and len(people) > 1):
        note = "may be any of the students " + _listed(found) + ", and is none of them" if found else None
        return {"id": None, "user_id": None}, _note(contact, note)
    note = None
    if len(people) > 1:
        note = f"has the addresses of the students {_listed(found)}, and the first of them is taken"
    elif tagged:
        note = f"is taken for the student {found[0]['id']} ({found[0]['email']}), whose address differs in a + part"
    return found[0], _note(contact, note)


def _by_address(students: pa.Table) -> _Students:
    made = _Students()
    for student in students.to_pylist():
        for email in addresses(student["email"]):
            made.by_address[email].append(student)
            if (bare := _without_tag(email)) != email:
                made.by_bare_address[bare].append(student)
        user = student["user_id"]
        if user is not None:
            made.by_user[user] = max(student, made.by_user.get(user, student), key=_precedence)
    return made


def _users(remembered: pa.Table | None) -> dict[str, int]:
    if remembered is None:
        return {}
    found = fitted("frame of clients' users", remembered, CLIENT_USERS)
    return {row["contact_id"]: row["user_id"] for row in found.to_pylist()}


def _without_tag(email: str) -> str:
    """The address without what follows a + before its @."""
    name, _, domain = email.rpartition("@")
    return f"{name.partition('+')[0] or name}@{domain}"


def _precedence(student: _Student) -> tuple[bool, datetime, int]:
    return student["user_id"] is not None, student["created_at"] or _LONG_AGO, student["id"]


def _person(student: _Student) -> tuple[str, int]:
    """Who a student is: one user may be a student of several academies."""
    return ("student", student["id"]) if student["user_id"] is None else ("user", student["user_id"])


def _listed(students: Iterable[_Student]) -> str:
    return ", ".join(f"{student['id']} ({student['email']})" for student in students)


def _note(contact: Mapping[str, Any], message: str | None) -> Problem | None:
    if message is None:
        return None
    return Problem(
        INTEGRATION,
        OPERATION,
        ENTITY,
        contact["id"],
        f"The client {contact['name'] or contact['id']} ({contact['email']}) {message}: correct the addresses if that is "
        "wrong.",
        dict(contact),
        is_blocking=False,
    )
