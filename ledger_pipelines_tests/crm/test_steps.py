"""What the steps that read 4Geeks and Notion remember, and what they do not believe."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ignore_error
from ledger_pipelines_tests.crm.building import MEMBERSHIP_PATH, STUDENT_PATH, SchoolLedger, memberships
from ledger_pipelines_tests.sources.conftest import reply
from ledger_pipelines_tests.sources.school_records import membership, page, page_properties, student

MAR_10, MAR_25 = "2024-03-10T09:00:00Z", "2024-03-25T09:00:00Z"


def ignore(database: Database, entity: str) -> None:
    """Ignores the open error of this entity type."""
    with database.connect() as connection:
        row = connection.execute(
            "SELECT id FROM integration_errors WHERE entity_type = %s AND NOT is_resolved", [entity]
        ).fetchone()
        assert row is not None
        ignore_error(connection, row[0], "It is so.")


def one(ledger: SchoolLedger, status: str, updated: str) -> tuple[str, date | None]:
    """The status and its date after a reading of a single membership."""
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = [membership(1, educational_status=status, updated_at=updated)]
    assert ledger.read("enrollments", "2024-04") is None
    [(_, _, _, found, changed)] = ledger.spans()
    return found, changed


def test_attendance_moves_no_status_and_a_status_that_returns_does(ledger: SchoolLedger) -> None:
    assert one(ledger, "DROPPED", MAR_10) == ("DROPPED", date(2024, 3, 10))
    assert one(ledger, "DROPPED", MAR_25) == ("DROPPED", date(2024, 3, 10))
    assert one(ledger, "ACTIVE", MAR_25) == ("ACTIVE", None)
    assert one(ledger, "DROPPED", "2024-04-02T22:30:00Z") == ("DROPPED", date(2024, 4, 3))
    assert ledger.rows("SELECT educational_status, status_date FROM membership_statuses ORDER BY id") == [
        ("DROPPED", date(2024, 3, 10)),
        ("ACTIVE", date(2024, 3, 25)),
        ("DROPPED", date(2024, 4, 3)),
    ]


def test_a_status_seen_in_a_run_of_a_closed_month_is_remembered(ledger: SchoolLedger) -> None:
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = [membership(1, educational_status="ACTIVE", updated_at=MAR_10)]
    ledger.read("enrollments", "2024-01")
    ledger.close("2024-01")
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = [membership(1, educational_status="DROPPED", updated_at=MAR_10)]
    ledger.read("enrollments", "2024-01")
    assert one(ledger, "DROPPED", MAR_25) == ("DROPPED", date(2024, 3, 10))


def test_a_run_that_fails_remembers_nothing(ledger: SchoolLedger, database: Database) -> None:
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = [membership(1, educational_status="DROPPED", updated_at=MAR_10)]
    with database.connect() as connection:
        connection.execute("ALTER TABLE enrolled_users ADD CHECK (membership_id <> 1)")
    assert ledger.read("enrollments", "2024-04") is not None
    assert ledger.rows("SELECT 1 FROM membership_statuses UNION ALL SELECT 1 FROM source_lists") == []
    assert (ledger.spans(), ledger.is_complete("enrollments")) == ([], None)
    with database.connect() as connection:
        connection.execute("ALTER TABLE enrolled_users DROP CONSTRAINT enrolled_users_membership_id_check")
    assert one(ledger, "DROPPED", MAR_25) == ("DROPPED", date(2024, 3, 25))


def test_a_list_that_is_cut_while_it_is_read_fails_the_step_and_takes_nothing(ledger: SchoolLedger) -> None:
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = memberships(1, 2)
    ledger.read("enrollments", "2024-03")
    ledger.fourgeeks.faults = [reply({"count": 2, "next": "more", "results": []})]
    told = ledger.read("enrollments", "2024-04")
    assert told is not None
    assert "4Geeks ended its list at 0 of 2 records" in told
    assert [row["is_removed"] for row in ledger.periods()] == [False, False]


@pytest.mark.parametrize(
    "left",
    [
        [],
        memberships(1, 2, 3, 4),
    ],
)
def test_a_list_of_memberships_that_shrank_is_believed_once_a_person_says_so(
    left: list[dict[str, Any]], ledger: SchoolLedger, database: Database
) -> None:
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = memberships(*range(1, 13))
    ledger.read("enrollments", "2024-03")
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = left
    for month in ("2024-03", "2024-04"):
        assert ledger.read("enrollments", month) is None
        assert [row["status"] for row in ledger.periods()] == ["ACTIVE"] * 12
        assert len(ledger.rows("SELECT FROM enrolled_users")) == 12
        assert ledger.is_complete("enrollments") is False
        [error] = ledger.errors()
        assert f"4Geeks shows {len(left)} memberships of academy 6 where it showed 12" in error.message
    ignore(database, "list")
    ledger.read("enrollments", "2024-04")
    gone = [row["id"] for row in ledger.periods() if row["is_removed"]]
    assert gone == list(range(len(left) + 1, 13))
    assert (ledger.is_complete("enrollments"), ledger.errors()) == (True, [])
    assert len(ledger.rows("SELECT FROM enrolled_users")) == len(left)
    ledger.read("enrollments", "2024-04")
    assert (ledger.is_complete("enrollments"), ledger.errors()) == (True, [])


def test_an_academy_that_is_empty_or_asked_no_more_takes_nobody_away(
    ledger: SchoolLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOURGEEKS_ACADEMY", "6,7")
    ledger.fourgeeks.academies = {
        "6": memberships(*range(1, 9)),
        "7": memberships(11, 12),
    }
    ledger.read("enrollments", "2024-03")
    assert len(ledger.spans()) == 10
    ledger.fourgeeks.academies["7"] = []
    ledger.read("enrollments", "2024-04")
    assert [row["is_removed"] for row in ledger.periods()] == [False] * 10
    assert ledger.is_complete("enrollments") is False
    monkeypatch.setenv("FOURGEEKS_ACADEMY", "6")
    ledger.read("enrollments", "2024-04")
    assert [row["is_removed"] for row in ledger.periods()] == [False] * 10
    [error] = ledger.errors()
    assert "0 memberships of academy 7 where it showed 2" in error.message


def test_a_membership_that_cannot_be_read_leaves_the_list_incomplete_until_it_is_ignored(
    ledger: SchoolLedger, database: Database
) -> None:
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = memberships(1, 2, 3)
    ledger.read("enrollments", "2024-03")
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = [*memberships(1), *memberships(2, updated_at="soon")]
    ledger.read("enrollments", "2024-04")
    assert [row["status"] for row in ledger.periods()] == ["ACTIVE"] * 3
    assert ledger.is_complete("enrollments") is False
    ignore(database, "membership")
    ledger.read("enrollments", "2024-04")
    assert [(row["id"], row["is_removed"]) for row in ledger.periods()] == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert ledger.is_complete("enrollments") is True


def test_every_kind_of_membership_makes_somebody_enrolled(ledger: SchoolLedger) -> None:
    endless = membership()["cohort"] | {"ending_date": None}
    records = [
        membership(1, user={"id": 1, "email": "a@x.test"}, source_macro_cohort={"id": 5}),
        membership(2, user={"id": 2, "email": "b@x.test"}, cohort=endless),
        membership(3, user={"id": 3, "email": "c@x.test"}, educational_status="DROPPED"),
    ]
    ledger.fourgeeks.lists[MEMBERSHIP_PATH] = records
    ledger.read("enrollments", "2024-03")
    assert [period[0] for period in ledger.spans()] == [3]
    assert ledger.enrolled() == {(1, "a@x.test"), (2, "b@x.test"), (3, "c@x.test")}
    assert ledger.is_complete("enrollments") is True


def test_a_student_list_that_shrank_leaves_the_clients_who_they_were(
    ledger: SchoolLedger, database: Database
) -> None:
    ledger.has_contacts(("a", "1@x.test"), ("b", "2@x.test"))
    invited = student(2, email="2@x.test", user=None)
    ledger.fourgeeks.lists[STUDENT_PATH] = [student(1, email="1@x.test"), invited]
    ledger.read("clients", "2024-03")
    assert ledger.is_complete("clients") is True
    ledger.fourgeeks.lists[STUDENT_PATH] = []
    ledger.read("clients", "2024-04")
    known = {row["contact_id"]: (row["student_id"], row["user_id"]) for row in ledger.state("clients")}
    assert known == {"a": (1, 1001), "b": (2, None)}
    assert ledger.is_complete("clients") is False
    ignore(database, "list")
    ledger.read("clients", "2024-04")
    known = {row["contact_id"]: (row["student_id"], row["user_id"]) for row in ledger.state("clients")}
    assert known == {"a": (None, 1001), "b": (None, None)}
    assert ledger.is_complete("clients") is True


def test_a_student_who_cannot_be_read_leaves_the_list_incomplete(ledger: SchoolLedger) -> None:
    ledger.has_contacts(("a", "1@x.test"))
    ledger.fourgeeks.lists[STUDENT_PATH] = [student(1, created_at="soon")]
    ledger.read("clients", "2024-03")
    assert ledger.is_complete("clients") is False


def test_a_choice_among_students_is_a_note_that_keeps_no_month_open(ledger: SchoolLedger) -> None:
    ledger.has_contacts(("a", "1@x.test; 2@x.test"))
    ledger.fourgeeks.lists[STUDENT_PATH] = [student(number, email=f"{number}@x.test") for number in (1, 2)]
    ledger.read("clients", "2024-03")
    assert ledger.users() == {"a": 1002}
    assert ledger.rows("SELECT is_blocking FROM integration_errors") == [(False,)]
    assert ledger.is_complete("clients") is True


def test_pages_that_are_fewer_stay_until_a_person_says_so(ledger: SchoolLedger, database: Database) -> None:
    ledger.notion.pages = [page(number) for number in range(12)]
    ledger.read("external_ids", "2024-03")
    ledger.notion.pages = []
    ledger.read("external_ids", "2024-04")
    assert (len(ledger.state("external_ids")), ledger.is_complete("external_ids")) == (12, False)
    ignore(database, "list")
    ledger.read("external_ids", "2024-04")
    assert (len(ledger.state("external_ids")), ledger.is_complete("external_ids")) == (0, True)


def test_a_page_that_cannot_be_read_leaves_the_pages_incomplete_and_none_away(ledger: SchoolLedger) -> None:
    ledger.notion.pages = [page(number) for number in range(3)]
    ledger.read("external_ids", "2024-03")
    broken = page(1, page_properties(email={"type": "number", "number": 4}))
    ledger.notion.pages = [page(0), broken]
    ledger.read("external_ids", "2024-04")
    assert (len(ledger.state("external_ids")), ledger.is_complete("external_ids")) == (3, False)
    [error] = ledger.errors()
    assert (error.external_id, "property of the type number" in error.message) == ("page-00001", True)
    ledger.notion.pages = [page(0), page(1)]
    ledger.read("external_ids", "2024-04")
    assert (len(ledger.state("external_ids")), ledger.is_complete("external_ids")) == (2, True)


@pytest.mark.parametrize("was_read", [False, True])
def test_a_renamed_property_fails_the_step_and_what_is_known_stays_as_incomplete(
    was_read: bool, ledger: SchoolLedger
) -> None:
    ledger.notion.pages = [page(0)]
    if was_read:
        ledger.read("external_ids", "2024-03")
    renamed = {"E-mail" if name == "Email" else name: value for name, value in page_properties().items()}
    ledger.notion.pages = [page(0, renamed)]
    told = ledger.read("external_ids", "2024-04")
    assert told is not None
    assert 'has a property "Email"; they have Certificated At, Drop Date, E-mail' in told
    assert (len(ledger.state("external_ids")), ledger.is_complete("external_ids")) == (int(was_read), False)
    assert [error.entity_type for error in ledger.errors()] == ["list"]
    ledger.notion.pages = [page(0)]
    assert ledger.read("external_ids", "2024-04") is None
    assert (ledger.errors(), ledger.is_complete("external_ids")) == ([], True)
