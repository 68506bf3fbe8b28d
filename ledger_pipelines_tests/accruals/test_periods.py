"""Cohort memberships as service periods."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.accruals.inputs import MEMBERSHIPS, PERIODS
from ledger_pipelines.accruals.periods import service_periods

UPDATED = datetime(2025, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)


def periods(*memberships: dict[str, Any]) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The periods of memberships, and the problems' ids and messages."""
    rows = [
        {
            "id": number,
            "email": " Ann@Example.com",
            "cohort_slug": "spain-42",
            "kickoff_date": date(2025, 1, 1),
            "ending_date": date(2025, 5, 1),
            "educational_status": "ACTIVE",
            "updated_at": UPDATED,
            **membership,
        }
        for number, membership in enumerate(memberships, start=1)
    ]
    frame, problems = service_periods(pa.Table.from_pylist(rows, schema=MEMBERSHIPS))
    assert frame.schema.equals(PERIODS)
    assert {(one.integration, one.operation, one.entity_type) for one in problems} <= {
        ("4geeks", "service-periods", "membership")
    }
    return frame.to_pylist(), [(one.external_id, one.message) for one in problems]


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
        {"ending_date": None},
        {"kickoff_date": None, "educational_status": "ON_LEAVE"},
        {"ending_date": date(2024, 12, 31)},
        {"ending_date": date(2025, 1, 1)},
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
    found, (problem,) = service_periods(frame)
    assert found.num_rows == 0
    assert problem.details["cohort_slug"] == "x"
    assert "a student without e-mail" in problem.message
