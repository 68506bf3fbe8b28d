"""Cohort memberships as service periods."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from ledger_pipelines.crm.inputs import MEMBERSHIPS, PERIODS, STATUS_SIGHTINGS
from ledger_pipelines.crm.memberships import ServicePeriods, service_periods

UPDATED = datetime(2025, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")
NOTHING = STATUS_SIGHTINGS.empty_table()


def read(*memberships: dict[str, Any], zone: str = "UTC", unpaid: tuple[str, ...] = ()) -> ServicePeriods:
    """What memberships, numbered from 1, are to the books."""
    rows = [
        {
            "id": number,
            "user_id": number,
            "email": " Ann@Example.com",
            "cohort_id": 42,
            "cohort_slug": "spain-42",
            "kickoff_at": datetime(2025, 1, 1, 9, tzinfo=UTC),
            "ending_at": datetime(2025, 5, 1, 18, tzinfo=UTC),
            "educational_status": "ACTIVE",
            "is_of_micro_cohort": False,
            "updated_at": UPDATED,
            **membership,
        }
        for number, membership in enumerate(memberships, start=1)
    ]
    found = service_periods(
        pa.Table.from_pylist(rows, schema=MEMBERSHIPS), NOTHING, zone=ZoneInfo(zone), unpaid=unpaid
    )
    assert found.frame.schema.equals(PERIODS)
    assert {(one.integration, one.operation, one.entity_type) for one in found.problems} <= {
        ("4geeks", "service-periods", "membership")
    }
    parts = [found.frame["id"].combine_chunks(), found.without_period, found.unusable]
    assert pa.concat_arrays(parts).sort().to_pylist() == [row["id"] for row in rows]
    return found


def periods(*memberships: dict[str, Any]) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The periods of memberships, and the problems' ids and messages."""
    found = read(*memberships)
    return found.frame.to_pylist(), [(one.external_id, one.message) for one in found.problems]


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("ACTIVE", "ACTIVE"),
        (None, "ACTIVE"),
        (" ", "ACTIVE"),
        ("POSTPONED", "POSTPONED"),
        ("DROPPED", "DROPPED"),
        ("SUSPENDED", "DROPPED"),
        ("GRADUATED", "ENDED"),
        ("NOT_COMPLETING", "ENDED"),
        (" graduated", "ENDED"),
    ],
)
def test_each_status_has_its_meaning_and_all_but_active_the_day_of_the_change(
    written: str | None, status: str
) -> None:
    (period,), problems = periods({"educational_status": written})
    assert problems == []
    assert (period["status"], period["educational_status"]) == (status, written)
    assert period["status_change_date"] == (None if status == "ACTIVE" else date(2025, 3, 31))
    assert (period["start_date"], period["end_date"]) == (date(2025, 1, 1), date(2025, 5, 1))
    assert period["email"] == "ann@example.com"


def test_a_status_that_nobody_knows_is_active_and_a_problem() -> None:
    (period,), [(number, message)] = periods({"educational_status": "ON_LEAVE"})
    assert (period["status"], period["status_change_date"], number) == ("ACTIVE", None, "1")
    assert "not known" in message


def test_memberships_without_usable_dates_are_problems_and_no_periods() -> None:
    found, problems = periods(
        {"ending_at": None},
        {"kickoff_at": None, "educational_status": "ON_LEAVE"},
        {"ending_at": datetime(2024, 12, 31, 12, tzinfo=UTC)},
        {"ending_at": datetime(2025, 1, 1, 1, tzinfo=UTC)},
    )
    assert [one["id"] for one in found] == [4]
    assert sorted(problems) == [
        ("1", _says("has no end date: give the cohort one in 4Geeks.")),
        ("2", _says("has no kickoff date: give the cohort one in 4Geeks.", 2)),
        ("3", _says("ends before it starts: correct the cohort's dates in 4Geeks.", 3)),
    ]


def _says(what: str, number: int = 1) -> str:
    return f"The membership {number} of  Ann@Example.com in the cohort spain-42 {what}"


def test_a_problem_keeps_the_record() -> None:
    frame = pa.Table.from_pylist([{"id": 5, "cohort_slug": "x", "updated_at": UPDATED}], schema=MEMBERSHIPS)
    found = service_periods(frame, NOTHING, zone=MADRID)
    [problem] = found.problems
    assert found.frame.num_rows == 0
    assert problem.details["cohort_slug"] == "x"
    assert "a student without e-mail" in problem.message


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Europe/Madrid", date(2024, 2, 1), date(2024, 2, 29)),
        ("UTC", date(2024, 1, 31), date(2024, 2, 29)),
        ("America/New_York", date(2024, 1, 31), date(2024, 2, 29)),
        ("Asia/Tokyo", date(2024, 2, 1), date(2024, 3, 1)),
    ],
)
def test_a_cohort_begins_and_ends_on_days_of_the_school_s_zone(zone: str, start: date, end: date) -> None:
    kickoff, ending = datetime(2024, 1, 31, 23, tzinfo=UTC), datetime(2024, 2, 29, 22, tzinfo=UTC)
    [period] = read({"kickoff_at": kickoff, "ending_at": ending}, zone=zone).frame.to_pylist()
    assert (period["start_date"], period["end_date"]) == (start, end)


def test_a_membership_that_a_macro_cohort_brought_is_no_period_and_no_problem() -> None:
    found = read({"is_of_micro_cohort": True, "ending_at": None}, {})
    assert (found.frame["id"].to_pylist(), found.without_period.to_pylist(), found.problems) == ([2], [1], [])


@pytest.mark.parametrize(
    ("slug", "is_unpaid"),
    [
        ("yomequedoencasa", True),
        ("YoMeQuedoEnCasa ", True),
        ("yomequedoencasa-2", False),
        ("spain-fs-pt-general", True),
        ("spain-fs-pt-generals", False),
        ("pt-general", False),
        ("a.c", True),
        ("abc", False),
        (None, False),
        ("spain-fs-pt-104", False),
    ],
)
def test_cohorts_that_nobody_pays_for_are_no_periods(slug: str | None, is_unpaid: bool) -> None:
    found = read({"cohort_slug": slug}, unpaid=("yomequedoencasa", "*-pt-general", "a.c"))
    assert found.without_period.to_pylist() == [1] * is_unpaid
    assert found.problems == []


def made(day: int, status: str, **more: Any) -> dict[str, Any]:
    """A membership of one user, made on that day."""
    created = datetime(2025, 1, day, tzinfo=UTC)
    return {"user_id": 7, "educational_status": status, "created_at": created} | more


@pytest.mark.parametrize(
    ("memberships", "chosen"),
    [
        ([made(1, "ACTIVE"), made(2, "POSTPONED")], [1]),
        ([made(1, "POSTPONED"), made(2, "ACTIVE")], [2]),
        ([made(2, "POSTPONED"), made(1, "DROPPED")], [1]),
        ([made(1, "DROPPED"), made(1, "POSTPONED")], [2]),
        ([made(1, "ACTIVE"), made(2, "ACTIVE")], [1]),
        ([made(1, "DROPPED"), made(2, "DROPPED"), made(3, "GRADUATED")], [3]),
        ([made(1, "ACTIVE"), made(2, "ACTIVE", cohort_id=43)], [1, 2]),
        ([made(1, "ACTIVE"), made(2, "ACTIVE", user_id=8)], [1, 2]),
        ([made(1, "ACTIVE", user_id=None), made(2, "DROPPED", user_id=None, email="ann@example.com")], [1]),
        ([made(1, "ACTIVE", user_id=None, email=None), made(2, "DROPPED", user_id=None, email=None)], [1, 2]),
        ([made(1, "ACTIVE", is_of_micro_cohort=True), made(2, "DROPPED")], [2]),
    ],
)
def test_two_memberships_of_one_person_in_one_cohort_are_one(
    memberships: list[dict[str, Any]], chosen: list[int]
) -> None:
    found = read(*memberships)
    assert found.frame["id"].to_pylist() == chosen
    notes = [problem for problem in found.problems if not problem.is_blocking]
    assert notes == found.problems
    said = [int(note.external_id) for note in notes]
    micro = [number for number, one in enumerate(memberships, 1) if one.get("is_of_micro_cohort")]
    assert sorted(said + micro) == found.without_period.to_pylist()
    assert all(f"and {chosen[0]} counts" in note.message for note in notes)


def test_two_that_are_one_have_had_their_status_since_the_first_had_it() -> None:
    early, late = (datetime(2025, 2, day, tzinfo=UTC) for day in (3, 20))
    [period] = read(
        made(1, "POSTPONED", updated_at=early), made(2, "POSTPONED", updated_at=late)
    ).frame.to_pylist()
    assert (period["id"], period["status_change_date"]) == (2, date(2025, 2, 3))
    [period] = read(
        made(1, "POSTPONED", updated_at=early), made(2, "DROPPED", updated_at=late)
    ).frame.to_pylist()
    assert (period["id"], period["status_change_date"]) == (2, date(2025, 2, 20))
