"""Contacts that are students."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.accruals.clients import match_clients
from ledger_pipelines.accruals.inputs import CLIENTS, CONTACTS, STUDENTS
from ledger_pipelines.errors import FrameError


def clients(contacts: list[dict[str, Any]], students: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clients of these records."""
    frames = (
        pa.Table.from_pylist(rows, schema=kind) for rows, kind in ((contacts, CONTACTS), (students, STUDENTS))
    )
    matched = match_clients(*frames)
    assert matched.schema.equals(CLIENTS)
    return matched.to_pylist()


def student(number: int, email: str | None, created: int | None = None) -> dict[str, Any]:
    """A student, created on that day of a January."""
    created_at = None if created is None else datetime(2024, 1, created, tzinfo=UTC)
    return {"id": number, "user_id": number + 100, "email": email, "created_at": created_at}


def test_case_and_surrounding_space_do_not_matter() -> None:
    (client,) = clients(
        [{"id": "c1", "name": "Ann", "email": " Ann@Example.com"}], [student(1, "ANN@example.COM ")]
    )
    assert client == {
        "contact_id": "c1",
        "name": "Ann",
        "email": "ann@example.com",
        "student_id": 1,
        "user_id": 101,
    }


def test_the_newest_of_two_students_is_the_client() -> None:
    contact = {"id": "c1", "email": "a@b.c"}
    for students in ([student(2, "a@b.c", 5), student(1, "A@b.c", 9), student(3, "a@b.c")],):
        for order in (students, students[::-1]):
            assert [one["student_id"] for one in clients([contact], order)] == [1]
    same_day = [student(1, "a@b.c", 5), student(2, "a@b.c", 5)]
    assert [one["student_id"] for one in clients([contact], same_day)] == [2]


def test_several_contacts_with_one_e_mail_are_one_student_and_one_without_is_nobody() -> None:
    contacts = [{"id": "c3", "email": " "}, {"id": "c2", "email": "a@b.c"}, {"id": "c1", "email": "a@b.c"}]
    found = clients(contacts, [student(1, "a@b.c"), student(2, None), student(3, "")])
    assert [(one["contact_id"], one["student_id"]) for one in found] == [("c1", 1), ("c2", 1), ("c3", None)]


def test_without_students_every_contact_is_still_a_client() -> None:
    assert [one["student_id"] for one in clients([{"id": "c1", "email": "a@b.c"}], [])] == [None]
    assert clients([], [student(1, "a@b.c")]) == []


def test_a_missing_column_is_said() -> None:
    with pytest.raises(FrameError, match=r"students lacks the column\(s\) created_at"):
        match_clients(CONTACTS.empty_table(), STUDENTS.empty_table().drop_columns("created_at"))
