"""Contacts that are students."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.crm.clients import match_clients
from ledger_pipelines.crm.inputs import CLIENT_USERS, CLIENTS, CONTACTS, STUDENTS
from ledger_pipelines.errors import FrameError


def clients(contacts: list[dict[str, Any]], students: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clients of these records."""
    frames = (
        pa.Table.from_pylist(rows, schema=kind) for rows, kind in ((contacts, CONTACTS), (students, STUDENTS))
    )
    matched = match_clients(*frames).clients
    assert matched.schema.equals(CLIENTS)
    return matched.to_pylist()


def match(
    email: str,
    *students: dict[str, Any],
    user: int | None = None,
    before: dict[str, Any] | None = None,
) -> tuple[tuple[int | None, int | None], list[str]]:
    """The student and user of a contact with this e-mail, and the notes."""
    contacts = pa.Table.from_pylist([{"id": "c1", "name": "Ann", "email": email}], schema=CONTACTS)
    remembered = [] if user is None else [{"contact_id": "c1", "user_id": user}]
    then = [] if before is None else [{"contact_id": "c1", "name": "Ann", "email": email, **before}]
    matching = match_clients(
        contacts,
        pa.Table.from_pylist(list(students), schema=STUDENTS),
        pa.Table.from_pylist(remembered, schema=CLIENT_USERS),
        pa.Table.from_pylist(then, schema=CLIENTS),
    )
    [client] = matching.clients.to_pylist()
    assert matching.users.to_pylist() == (
        [] if client["user_id"] is None else [{"contact_id": "c1", "user_id": client["user_id"]}]
    )
    assert not any(problem.is_blocking for problem in matching.problems)
    assert {problem.external_id for problem in matching.problems} <= {"c1"}
    return (client["student_id"], client["user_id"]), [problem.message for problem in matching.problems]


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


@pytest.mark.parametrize(
    ("billed", "enrolled"),
    [
        ("jose\u0301@x.test", "jos\u00e9@x.test"),
        ("zoe@x.test\u200b", "zoe@x.test"),
        ("mailto:max@x.test", "max@x.test"),
        ("Eva <eva@x.test>", "EVA@x.test"),
        ("eva@x.test; eva2@x.test", "eva@x.test"),
        ("eva2@x.test, eva@x.test", "eva@x.test"),
        ("eva@x.test", "eva9@x.test / eva@x.test".replace(" / ", ";")),
    ],
)
def test_addresses_are_compared_as_they_are_meant(billed: str, enrolled: str) -> None:
    assert match(billed, student(1, enrolled)) == ((1, 101), [])


def test_the_client_keeps_the_field_as_holded_has_it() -> None:
    [client] = clients([{"id": "c1", "email": "Eva@x.test; eva2@x.test"}], [])
    assert client["email"] == "eva@x.test; eva2@x.test"


def test_a_contact_with_the_addresses_of_several_students_is_the_newest_and_that_is_said() -> None:
    both = [student(1, "eva@x.test", 5), student(2, "ben@x.test", 9)]
    for students in (both, both[::-1]):
        found, [note] = match("eva@x.test; ben@x.test", *students)
        assert found == (2, 102)
        assert "has the addresses of the students 2 (ben@x.test), 1 (eva@x.test)" in note


def test_one_user_who_is_a_student_of_two_academies_is_one_person() -> None:
    twice = [student(1, "eva@x.test", 5), student(2, "eva@x.test", 9) | {"user_id": 101}]
    assert match("eva@x.test", *twice) == ((2, 101), [])


def test_a_student_with_a_user_goes_before_one_who_is_only_invited() -> None:
    invited = student(2, "eva@x.test", 9) | {"user_id": None}
    (found, _) = match("eva@x.test", student(1, "eva@x.test", 5), invited)
    assert found == (1, 101)


def test_a_client_once_matched_stays_matched_whatever_becomes_of_the_address() -> None:
    assert match("old@x.test", student(1, "new@x.test"), user=101) == ((1, 101), [])
    assert match("old@x.test", user=101) == ((None, 101), [])
    found, [note] = match("ben@x.test", student(1, "eva@x.test"), student(2, "ben@x.test"), user=101)
    assert found == (1, 101)
    assert "was matched to the user 101 and now has the address of the user 102; it stays with 101" in note


@pytest.mark.parametrize(
    ("billed", "enrolled", "matched"),
    [
        ("ana+holded@x.test", ["ana@x.test"], 1),
        ("ana@x.test", ["ana+school@x.test"], 1),
        ("ana+a@x.test", ["ana+a@x.test", "ana@x.test"], 1),
        ("ana+a@x.test", ["ana+b@x.test"], None),
        ("firm@x.test", ["firm+ana@x.test", "firm+ben@x.test"], None),
        ("+ana@x.test", ["@x.test"], None),
        ("ana@x.test", ["ana@y.test"], None),
    ],
)
def test_a_tag_is_left_aside_only_where_one_person_comes_into_question(
    billed: str, enrolled: list[str], matched: int | None
) -> None:
    students = [student(number, email) for number, email in enumerate(enrolled, start=1)]
    (found, _), notes = match(billed, *students)
    assert found == matched
    is_equal = billed in enrolled
    assert len(notes) == (0 if is_equal or (matched is None and len(enrolled) == 1) else 1)


def test_whom_an_incomplete_list_does_not_show_stays_who_they_were() -> None:
    before = {"student_id": 1, "user_id": 101}
    assert match("eva@x.test", before=before) == ((1, 101), [])
    assert match("eva@x.test", student(2, "eva@x.test"), before=before) == ((2, 102), [])
