"""The worked numbers of rules/accruals.md, each as the accountant states it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import (
    accruals_of,
    amounts,
    day,
    make_inputs,
    months,
    notices_of,
    recognised,
    row_of,
)

COURSE = {"start_date": "2024-01-01", "end_date": "2024-05-19"}
SIX_THOUSAND = {"month": "2024-01-01", "amount": "6000"}


def course(**period: Any) -> Any:
    """6000 for a course of 140 days."""
    return make_inputs(contracts=[SIX_THOUSAND], periods=[{**COURSE, **period}])


def test_six_thousand_over_twenty_weeks() -> None:
    assert recognised(course(), "2024-01", 6) == amounts(1300, 1300, 1300, 1300, 800, 0)
    assert row_of(course(), "2024-05")["contract_status"] == "CLOSED"


def test_the_same_dropped_in_march() -> None:
    inputs = course(status="DROPPED", status_change_date="2024-03-10")
    assert recognised(inputs, "2024-01", 5) == amounts(1300, 1300, 3400, 0, 0)
    row = row_of(inputs, "2024-03")
    assert (row["contract_status"], row["state"], row["reason"]) == ("CANCELED", "CANCELED", "dropped")


def test_the_same_ended_in_march() -> None:
    inputs = course(status="ENDED", status_change_date="2024-03-10")
    assert recognised(inputs, "2024-01", 5) == amounts(1300, 1300, 3400, 0, 0)
    row = row_of(inputs, "2024-03")
    assert (row["contract_status"], row["state"], row["reason"]) == ("CLOSED", "COMPLETED", "ended")


def test_postponed_and_never_resumed() -> None:
    inputs = make_inputs(
        contracts=[{"month": "2024-11-01", "amount": "4800"}],
        periods=[
            {
                "start_date": "2024-12-01",
                "end_date": "2025-04-30",
                "status": "POSTPONED",
                "status_change_date": "2025-01-15",
            }
        ],
    )
    assert recognised(inputs, "2024-11", 8) == amounts(0, 960, 480, 0, 0, 0, 3360, 0)
    rows = [row_of(inputs, month) for month in ("2024-12", "2025-01", "2025-04", "2025-05")]
    assert [row["state"] for row in rows] == ["ACTIVE", "PAUSED", "PAUSED", "CANCELED"]
    assert [row["reason"] for row in rows] == ["portion", "portion", None, "postponed_limit"]
    assert [row["contract_status"] for row in rows] == ["ACTIVE", "ACTIVE", "ACTIVE", "CANCELED"]


def test_postponed_and_resumed() -> None:
    inputs = make_inputs(
        contracts=[SIX_THOUSAND],
        periods=[
            {**COURSE, "status": "POSTPONED", "status_change_date": "2024-01-15"},
            {"start_date": "2024-03-04", "end_date": "2024-07-21"},
        ],
    )
    assert recognised(inputs, "2024-01", 8) == amounts(600, 0, 1100, 1100, 1200, 1200, 800, 0)
    assert [row_of(inputs, month)["period_id"] for month in ("2024-02", "2024-03")] == [1, 2]


def test_a_course_that_is_too_short_for_its_contract_strands_money() -> None:
    inputs = make_inputs(
        contracts=[{"month": "2024-01-01", "amount": "1200"}],
        periods=[{"start_date": "2024-01-01", "end_date": "2024-01-28"}],
    )
    assert recognised(inputs, "2024-01", 3) == amounts(240, 0, 0)
    assert notices_of(inputs, "2024-02") == [("stalled", Decimal(960))]


def test_a_client_whom_nobody_knows_has_resigned_after_fifteen_days() -> None:
    inputs = make_inputs(contracts=[{"month": "2024-01-20", "amount": "1000"}])
    assert recognised(inputs, "2024-01", 3) == amounts(0, 1000, 0)
    assert notices_of(inputs, "2024-01") == [("missing_crm_data", Decimal(1000))]
    assert notices_of(inputs, "2024-02") == []
    row = row_of(inputs, "2024-02")
    assert (row["contract_status"], row["reason"]) == ("CANCELED", "resigned")


def test_a_negative_contract_is_recognised_at_once() -> None:
    inputs = make_inputs(contracts=[{"month": "2024-01-10", "amount": "-500"}])
    assert recognised(inputs, "2024-01", 2) == amounts(-500, 0)
    assert row_of(inputs, "2024-01")["reason"] == "negative"


def by_method(method: str, amount: str, start: str, end: str) -> Any:
    """A contract of one period by a method."""
    return make_inputs(
        services=[{"method": method}],
        contracts=[{"month": start, "amount": amount}],
        periods=[{"start_date": start, "end_date": end}],
    )


def test_a_hundred_and_twenty_by_days() -> None:
    inputs = by_method("days", "120", "2026-06-15", "2026-10-12")
    assert recognised(inputs, "2026-06", 5) == amounts(16, 31, 31, 30, 12)


def test_a_hundred_over_sixty_five_days() -> None:
    inputs = by_method("days", "100", "2019-01-10", "2019-03-15")
    assert recognised(inputs, "2019-01", 3) == amounts("33.85", "43.07", "23.08")


def test_a_hundred_over_three_months() -> None:
    inputs = by_method("even_months", "100", "2024-01-15", "2024-03-02")
    assert recognised(inputs, "2024-01", 3) == amounts("33.33", "33.34", "33.33")


def test_a_drop_back_dated_into_a_closed_month_is_caught_up_in_the_first_open_one() -> None:
    inputs = make_inputs(
        contracts=[SIX_THOUSAND],
        periods=[{**COURSE, "status": "DROPPED", "status_change_date": "2024-02-20"}],
        booked=[{"month": "2024-01", "recognised": "1300"}, {"month": "2024-02", "recognised": "1300"}],
        closed=["2024-01", "2024-02"],
    )
    assert recognised(inputs, "2024-03", 3) == amounts(3400, 0, 0)
    row = row_of(inputs, "2024-03")
    assert (row["reason"], row["contract_status"]) == ("catch_up", "CANCELED")


DROPPED = {"status": "DROPPED"}


def test_dropped_and_back_in_a_later_cohort() -> None:
    inputs = make_inputs(
        contracts=[SIX_THOUSAND],
        periods=[
            {**COURSE, **DROPPED, "status_change_date": "2024-02-10"},
            {"start_date": "2024-03-04", "end_date": "2024-07-21"},
        ],
    )
    assert recognised(inputs, "2024-01", 8) == amounts(1300, 500, 800, 900, 1000, 900, 600, 0)


def test_moved_to_another_cohort_with_five_days_in_both() -> None:
    inputs = make_inputs(
        contracts=[SIX_THOUSAND],
        periods=[
            {**COURSE, **DROPPED, "status_change_date": "2024-02-10"},
            {"start_date": "2024-02-05", "end_date": "2024-06-23"},
        ],
    )
    assert recognised(inputs, "2024-01", 7) == amounts(1300, 1100, 1000, 900, 1000, 700, 0)


def test_put_into_a_second_cohort_by_mistake() -> None:
    inputs = make_inputs(
        contracts=[SIX_THOUSAND],
        periods=[
            COURSE,
            {
                "start_date": "2024-02-05",
                "end_date": "2024-06-23",
                **DROPPED,
                "status_change_date": "2024-02-06",
            },
        ],
    )
    assert recognised(inputs, "2024-01", 6) == amounts(1300, 1300, 1300, 1300, 800, 0)


def test_a_renewal_is_a_contract_of_its_own() -> None:
    inputs = make_inputs(
        contracts=[SIX_THOUSAND, {"month": "2025-01-10", "amount": "6000"}],
        periods=[COURSE, {"start_date": "2025-01-13", "end_date": "2025-06-01"}],
    )
    rows = accrue(inputs, months("2024-01", 18)).accruals.to_pylist()
    first = [row["recognised"] for row in rows if row["contract_number"] == 1]
    second = [row["recognised"] for row in rows if row["contract_number"] == 2]
    assert first == amounts(1300, 1300, 1300, 1300, 800)
    assert second == amounts(800, 1200, 1300, 1300, 1400)


def test_by_days_two_periods_that_overlap_share_by_their_own_days() -> None:
    inputs = make_inputs(
        services=[{"method": "days"}],
        contracts=[{"month": "2024-01-01", "amount": "120"}],
        periods=[
            {"start_date": "2024-01-01", "end_date": "2024-01-31"},
            {"start_date": "2024-01-16", "end_date": "2024-02-14"},
        ],
    )
    assert recognised(inputs, "2024-01", 3) == amounts("82.67", "37.33", 0)


@pytest.mark.parametrize("ids", [(1, 2), (2, 1)])
def test_by_days_a_year_and_a_january_beside_it(ids: tuple[int, int]) -> None:
    inputs = make_inputs(
        services=[{"method": "days"}],
        contracts=[{"month": "2024-01-01", "amount": "1200"}],
        periods=[
            {"id": ids[0], "start_date": "2024-01-01", "end_date": "2024-12-31"},
            {"id": ids[1], "start_date": "2024-01-01", "end_date": "2024-01-31"},
        ],
    )
    assert recognised(inputs, "2024-01", 2) == amounts("101.64", "95.08")


def test_by_days_through_february() -> None:
    inputs = by_method("days", "290", "2024-02-01", "2024-02-29")
    assert recognised(inputs, "2024-01", 2) == amounts(0, 290)


def test_enrolled_in_a_cohort_without_an_end_and_not_in_notion() -> None:
    inputs = make_inputs(contracts=[SIX_THOUSAND], enrolled=[{}])
    assert recognised(inputs, "2024-01", 12) == amounts(*[0] * 12)
    assert ("unusable_membership", Decimal(6000)) in notices_of(inputs, "2024-02")


@pytest.mark.parametrize(
    ("status", "drop_date", "month"),
    [("Early Dropped", "2024-02-10", "2024-02"), ("Not Completing", "2024-03-10", "2024-03")],
)
def test_dropped_early_or_not_completing_in_notion(status: str, drop_date: str, month: str) -> None:
    inputs = make_inputs(
        contracts=[{"month": "2024-01-08", "amount": "4000"}],
        pages=[{"educational_status": status, "drop_date": drop_date}],
    )
    rows = {row["month"]: row["recognised"] for row in accruals_of(accrue(inputs, months("2024-01", 4)))}
    assert {when: amount for when, amount in rows.items() if amount} == {day(month): Decimal(4000)}
