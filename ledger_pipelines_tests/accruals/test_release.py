"""The steps of the decision, one case each, where the worked numbers leave a question."""

from __future__ import annotations

from datetime import UTC, datetime
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
INVOICE = {"month": "2024-01-01", "amount": "6000"}


def course(*periods: Any, contracts: Any = (INVOICE,), **others: Any) -> Any:
    """A contract of 6000 with a course of 140 days, or with what else is given."""
    return make_inputs(contracts=contracts, periods=[{**COURSE, **one} for one in periods], **others)


def status_of(inputs: Any, month: str) -> tuple[Any, ...]:
    """State, contract status and reason of the month's accrual."""
    row = row_of(inputs, month)
    return row["state"], row["contract_status"], row["reason"]


class TestAmountsThatChange:
    def test_a_late_instalment_is_recognised_as_far_as_the_course_has_come(self) -> None:
        inputs = course(
            {}, contracts=[{**INVOICE, "amount": "3000"}, {"month": "2024-03-05", "amount": "3000"}]
        )
        assert recognised(inputs, "2024-01", 5) == amounts(650, 650, 2600, 1300, 800)

    def test_an_instalment_after_the_course_is_recognised_at_once(self) -> None:
        inputs = course({}, contracts=[INVOICE, {"month": "2024-08-05", "amount": "500"}])
        assert recognised(inputs, "2024-05", 4) == amounts(800, 0, 0, 500)

    def test_a_credit_note_takes_back_its_share_of_what_was_recognised(self) -> None:
        inputs = course({}, contracts=[INVOICE, {"month": "2024-03-05", "amount": "-5000"}])
        assert recognised(inputs, "2024-01", 5) == amounts(1300, 1300, -1950, "216.67", "133.33")
        assert status_of(inputs, "2024-03") == ("ACTIVE", "ACTIVE", "portion")

    def test_credited_in_full_takes_all_back(self) -> None:
        inputs = course({}, contracts=[INVOICE, {"month": "2024-03-05", "amount": "-6000"}])
        assert recognised(inputs, "2024-01", 5) == amounts(1300, 1300, -2600, 0, 0)

    def test_credited_beyond_its_amount_is_recognised_whole(self) -> None:
        inputs = course({}, contracts=[INVOICE, {"month": "2024-03-05", "amount": "-7000"}])
        assert recognised(inputs, "2024-01", 4) == amounts(1300, 1300, -3600, 0)
        assert status_of(inputs, "2024-03") == ("COMPLETED", "CLOSED", "negative")

    def test_resigned_and_then_credited(self) -> None:
        inputs = make_inputs(contracts=[INVOICE, {"month": "2024-03-05", "amount": "-6000"}])
        assert recognised(inputs, "2024-01", 4) == amounts(6000, 0, -6000, 0)
        assert status_of(inputs, "2024-03") == ("COMPLETED", "CLOSED", "negative")

    def test_invoiced_and_credited_in_one_month_leaves_no_row(self) -> None:
        inputs = course({}, contracts=[{**INVOICE, "amount": "0"}])
        assert recognised(inputs, "2024-01", 6) == amounts(0, 0, 0, 0, 0, 0)
        assert notices_of(inputs, "2024-06") == []

    def test_a_cent_is_recognised_when_half_of_it_is_due(self) -> None:
        inputs = course({}, contracts=[{**INVOICE, "amount": "0.01"}])
        assert recognised(inputs, "2024-01", 5) == amounts(0, 0, "0.01", 0, 0)

    def test_two_currencies_are_two_contracts_of_one_course(self) -> None:
        inputs = course({}, contracts=[INVOICE, {**INVOICE, "currency": "USD", "amount": "60"}])
        assert [row["recognised"] for row in accruals_of(accrue(inputs, [day("2024-01")]))] == amounts(
            1300, 13
        )


class TestWithoutAPeriod:
    def in_notion(self, **page: Any) -> Any:
        return make_inputs(contracts=[{"month": "2024-01-20", "amount": "1000"}], pages=[page])

    @pytest.mark.parametrize(
        ("invoiced_on", "waits"), [("2024-01-16", True), ("2024-01-15", False), ("2024-01-31", True)]
    )
    def test_fifteen_days_are_waited_and_not_one_more(self, invoiced_on: str, waits: bool) -> None:
        inputs = make_inputs(contracts=[{"month": invoiced_on, "amount": "1000"}])
        assert recognised(inputs, "2024-01", 1) == amounts(0 if waits else 1000)

    def test_the_first_document_counts_even_if_it_was_entered_later(self) -> None:
        inputs = make_inputs(
            contracts=[{"month": "2024-02-01", "contract_date": "2024-01-05", "amount": "1000"}]
        )
        assert recognised(inputs, "2024-02", 1) == amounts(1000)

    def test_active_in_notion_waits_with_a_notice_after_fifteen_days(self) -> None:
        inputs = self.in_notion(educational_status="Active")
        assert recognised(inputs, "2024-01", 12) == amounts(*[0] * 12)
        assert notices_of(inputs, "2024-01") == []
        assert notices_of(inputs, "2024-02") == [("not_in_crm", Decimal(1000)), ("stalled", Decimal(1000))]

    @pytest.mark.parametrize("status", ["Dropped", "suspended "])
    def test_dropped_in_notion_by_the_months_end(self, status: str) -> None:
        inputs = self.in_notion(
            educational_status=status, drop_date="2024-02-29", certificated_at="2024-01-25"
        )
        assert recognised(inputs, "2024-01", 3) == amounts(0, 1000, 0)
        assert status_of(inputs, "2024-02") == ("CANCELED", "CANCELED", "dropped")

    @pytest.mark.parametrize(
        "status", ["Graduated", "Certificated", "Ended", "Not Completing", "NOT_COMPLETING"]
    )
    def test_ended_in_notion_by_the_months_end(self, status: str) -> None:
        inputs = self.in_notion(educational_status=status, certificated_at="2024-03-01")
        assert recognised(inputs, "2024-01", 3) == amounts(0, 0, 1000)
        assert status_of(inputs, "2024-03") == ("COMPLETED", "CLOSED", "ended")
        assert notices_of(inputs, "2024-02") == [("not_in_crm", Decimal(1000))]

    @pytest.mark.parametrize("status", ["Dropped", "Early Dropped", "Graduated", "Not Completing"])
    def test_the_drop_date_goes_before_the_certificate(self, status: str) -> None:
        inputs = self.in_notion(
            educational_status=status, drop_date="2024-02-10", certificated_at="2024-01-25"
        )
        assert recognised(inputs, "2024-01", 3) == amounts(0, 1000, 0)

    def test_ended_in_notion_on_no_day(self) -> None:
        inputs = self.in_notion(educational_status="Graduated")
        assert recognised(inputs, "2024-01", 3) == amounts(0, 0, 0)
        assert notices_of(inputs, "2024-01") == [("undated_notion_status", Decimal(1000))]
        assert [kind for kind, _ in notices_of(inputs, "2024-02")] == [
            "not_in_crm",
            "stalled",
            "undated_notion_status",
        ]

    def test_of_two_pages_the_one_edited_last_counts(self) -> None:
        dropped = {"educational_status": "Dropped", "drop_date": "2024-01-25"}
        pages = [
            dropped,
            {"last_edited_at": datetime(2024, 2, 1, tzinfo=UTC), "educational_status": "Active"},
        ]
        inputs = make_inputs(contracts=[{"month": "2024-01-20", "amount": "1000"}], pages=pages)
        assert recognised(inputs, "2024-01", 1) == amounts(0)

    def test_of_two_pages_edited_at_once_the_greater_id_counts(self) -> None:
        dropped = {"educational_status": "Dropped", "drop_date": "2024-01-25"}
        for first, second, expected in (("a", "b", 1000), ("b", "a", 0)):
            pages = [{"page_id": first, "educational_status": "Active"}, {"page_id": second, **dropped}]
            inputs = make_inputs(contracts=[{"month": "2024-01-20", "amount": "1000"}], pages=pages)
            assert recognised(inputs, "2024-01", 1) == amounts(expected)


class TestPostponed:
    def postponed(self, changed: str | None, **others: Any) -> Any:
        return course({"status": "POSTPONED", "status_change_date": changed}, **others)

    @pytest.mark.parametrize(
        ("changed", "released"),
        [
            ("2024-01-01", "2024-05"),
            ("2024-01-31", "2024-05"),
            ("2024-02-29", "2024-06"),
            ("2023-11-30", "2024-03"),
        ],
    )
    def test_more_than_three_months_before_the_months_first_day(self, changed: str, released: str) -> None:
        inputs = self.postponed(changed)
        assert status_of(inputs, released) == ("CANCELED", "CANCELED", "postponed_limit")
        before = f"{released[:5]}{int(released[5:]) - 1:02}"
        assert status_of(inputs, before)[:2] == ("PAUSED", "ACTIVE")

    def test_before_it_started_nothing_is_delivered(self) -> None:
        assert recognised(self.postponed("2023-12-10"), "2024-01", 5) == amounts(0, 0, 0, 6000, 0)

    def test_before_its_change_date_it_is_like_any_other(self) -> None:
        assert status_of(self.postponed("2024-02-01"), "2024-01")[0] == "ACTIVE"
        assert status_of(self.postponed("2024-01-31"), "2024-01")[0] == "PAUSED"

    def test_after_its_end_all_of_it_is_delivered(self) -> None:
        inputs = self.postponed("2024-06-10")
        assert recognised(inputs, "2024-01", 6) == amounts(1300, 1300, 1300, 1300, 800, 0)
        assert status_of(inputs, "2024-05") == ("COMPLETED", "CLOSED", "portion")

    def test_a_short_course_postponed_after_its_end_releases_the_rest(self) -> None:
        short = {"end_date": "2024-01-28", "status": "POSTPONED", "status_change_date": "2024-02-10"}
        inputs = course(short)
        assert recognised(inputs, "2024-01", 6) == amounts(1200, 0, 0, 0, 0, 4800)
        assert notices_of(inputs, "2024-03") == []

    def test_resumed_one_day_it_waits_for_that_day(self) -> None:
        inputs = course(
            {"status": "POSTPONED", "status_change_date": "2024-01-15"},
            {"start_date": "2024-09-01", "end_date": "2025-01-18"},
        )
        assert recognised(inputs, "2024-01", 9) == amounts(600, 0, 0, 0, 0, 0, 0, 0, 1200)
        assert notices_of(inputs, "2024-08") == []

    def test_on_an_unknown_day_nothing_ever_releases_the_rest(self) -> None:
        inputs = course({"end_date": "2024-01-28", "status": "POSTPONED"})
        assert recognised(inputs, "2024-01", 9) == amounts(1200, *[0] * 8)
        assert notices_of(inputs, "2024-01") == [("stalled", Decimal(4800))]


class TestSeveralPeriods:
    def test_who_runs_on_in_another_cohort_has_not_dropped(self) -> None:
        inputs = course(
            {"end_date": "2024-12-31"},
            {"start_date": "2024-02-01", "status": "DROPPED", "status_change_date": "2024-03-10"},
        )
        assert recognised(inputs, "2024-01", 4) == amounts(500, 500, 500, 500)

    def test_of_two_that_stop_on_one_day_the_later_then_the_greater_id_decides(self) -> None:
        stops = {"status": "DROPPED", "status_change_date": "2024-01-10"}
        ends = {"end_date": "2024-01-10"}
        for dropped, other, released in ((5, 4, True), (5, 6, False)):
            inputs = course({"id": dropped, **stops}, {"id": other, **ends})
            assert (recognised(inputs, "2024-01", 1) == amounts(6000)) is released

    def test_a_postponed_one_leaves_the_rest_to_the_next(self) -> None:
        inputs = course(
            {"status": "POSTPONED", "status_change_date": "2024-01-15"},
            {"start_date": "2024-03-04", "end_date": "2024-07-21"},
        )
        assert recognised(inputs, "2024-01", 7) == amounts(600, 0, 1100, 1100, 1200, 1200, 800)

    @pytest.mark.parametrize("status", ["DROPPED", "ENDED"])
    def test_one_that_ended_otherwise_stops_too_when_another_follows(self, status: str) -> None:
        """15 of 140 days are 6 sessions; 54 are left for 140 days."""
        inputs = course(
            {"status": status, "status_change_date": "2024-01-15"},
            {"start_date": "2024-03-04", "end_date": "2024-07-21"},
        )
        assert recognised(inputs, "2024-01", 7) == amounts(600, 0, 1100, 1100, 1200, 1200, 800)

    def test_two_short_ones_leave_no_more_than_they_do_not_plan(self) -> None:
        inputs = course({"end_date": "2024-01-28"}, {"start_date": "2024-02-05", "end_date": "2024-03-03"})
        assert recognised(inputs, "2024-01", 3) == amounts(1200, 1100, 100)
        assert notices_of(inputs, "2024-02") == []
        assert notices_of(inputs, "2024-03") == [("stalled", Decimal(3600))]

    def test_overlapping_ones_never_plan_more_than_the_service_has(self) -> None:
        assert sum(recognised(course({}, {}, {}), "2024-01", 6)) == 6000

    def test_by_days_the_second_spreads_what_the_first_left(self) -> None:
        """A tenth of 100 days, then 20 days."""
        periods = (
            {"end_date": "2024-04-09", "status": "POSTPONED", "status_change_date": "2024-01-10"},
            {"start_date": "2024-02-20", "end_date": "2024-03-10"},
        )
        inputs = course(*periods, services=[{"method": "days"}])
        assert recognised(inputs, "2024-01", 3) == amounts(600, 2700, 2700)

    def test_by_days_interrupted_often_nothing_is_lost_or_rounded_on_the_way(self) -> None:
        """Each of eight periods stops after 7 of its 366 or 367 days: the denominator has 21 digits."""
        stopped = [
            {
                "start_date": f"2024-{month:02}-01",
                "end_date": f"2025-{month:02}-01",
                "status": "POSTPONED",
                "status_change_date": f"2024-{month:02}-07",
            }
            for month in range(1, 9)
        ]
        last = {"start_date": "2024-09-01", "end_date": "2024-09-30"}
        inputs = course(*stopped, last, services=[{"method": "days"}])
        months = recognised(inputs, "2024-01", 9)
        assert months[:2] == amounts("114.44", "112.26")  # 6000 x 7 / 367, and of what that leaves the same
        assert sum(months) == 6000

    def test_by_months_an_interrupted_course_counts_each_month_once(self) -> None:
        periods = (
            {"status": "POSTPONED", "status_change_date": "2024-01-15"},
            {"start_date": "2024-03-04", "end_date": "2024-07-21"},
        )
        inputs = course(*periods, services=[{"method": "even_months"}])
        assert recognised(inputs, "2024-01", 7) == amounts(1000, 0, 1000, 1000, 1000, 1000, 1000)

    def test_by_months_overlapping_ones_count_a_month_once(self) -> None:
        inputs = course({}, {"end_date": "2024-06-10"}, services=[{"method": "even_months"}])
        assert recognised(inputs, "2024-01", 6) == amounts(1000, 1000, 1000, 1000, 1000, 1000)

    def test_by_months_a_postponed_one_is_paused_and_then_released(self) -> None:
        period = {"status": "POSTPONED", "status_change_date": "2024-02-15"}
        inputs = course(period, services=[{"method": "even_months"}])
        assert recognised(inputs, "2024-01", 6) == amounts(1200, 1200, 0, 0, 0, 3600)

    def test_a_course_of_one_day_delivers_what_it_plans_on_that_day(self) -> None:
        """A seventh of three sessions a week is no session; of five it is one."""
        one_day = {"end_date": "2024-01-01"}
        assert recognised(course(one_day), "2024-01", 2) == amounts(0, 0)
        assert recognised(course(one_day, services=[{"sessions_per_week": 5}]), "2024-01", 2) == amounts(
            100, 0
        )
        assert recognised(course(one_day, services=[{"method": "days"}]), "2024-01", 2) == amounts(6000, 0)

    def test_ended_on_an_unknown_day_is_ended_at_its_end(self) -> None:
        assert recognised(course({"status": "ENDED"}), "2024-01", 5) == amounts(1300, 1300, 1300, 1300, 800)
        assert status_of(course({"status": "ENDED"}), "2024-05") == ("COMPLETED", "CLOSED", "ended")

    def test_the_month_is_shown_at_the_last_period_that_has_started(self) -> None:
        inputs = course(
            {"id": 8, "start_date": "2024-02-01"},
            {"id": 9, "start_date": "2024-03-31", "end_date": "2024-06-01"},
        )
        assert [row_of(inputs, f"2024-0{month}")["period_id"] for month in (1, 2, 3)] == [8, 8, 9]


class TestTerms:
    def test_a_service_that_nobody_described_has_sixty_sessions_three_a_week(self) -> None:
        assert recognised(course({}, services=[]), "2024-01", 1) == amounts(1300)

    def test_other_terms(self) -> None:
        inputs = course({}, services=[{"total_sessions": 100, "sessions_per_week": 5}])
        assert recognised(inputs, "2024-01", 1) == amounts(1320)

    def test_the_fraction_is_shown(self) -> None:
        assert row_of(course({}), "2024-01")["fraction"] == Decimal("0.216667")


def test_of_a_client_who_is_not_known_nobody_can_say_that_they_never_came() -> None:
    """Their record could not be read: nothing is recognised, and the money is named."""
    inputs = make_inputs(contracts=[{"month": "2024-01", "amount": "1000"}], clients=[])
    assert recognised(inputs, "2024-01", 3) == amounts(0, 0, 0)
    assert notices_of(inputs, "2024-02") == [("crm_not_read", Decimal(1000))]


class TestNobodyIsTakenForResigned:
    """What could not be read is not absent."""

    SALE = ({"month": "2024-01-02", "amount": "4000"},)

    def test_while_not_everything_could_be_read(self) -> None:
        inputs = make_inputs(contracts=self.SALE, complete=False)
        assert recognised(inputs, "2024-01", 6) == amounts(*[0] * 6)
        assert notices_of(inputs, "2024-03") == [("crm_not_read", Decimal(4000))]

    def test_who_has_a_membership_that_cannot_be_used(self) -> None:
        for person in ({"user_id": 7, "email": None}, {"user_id": None, "email": " ANN@example.com"}):
            inputs = make_inputs(contracts=self.SALE, enrolled=[person])
            assert recognised(inputs, "2024-01", 6) == amounts(*[0] * 6)
            assert ("unusable_membership", Decimal(4000)) in notices_of(inputs, "2024-03")

    def test_who_was_booked_as_resigned_keeps_it_when_the_next_reading_is_incomplete(self) -> None:
        booked = [{"month": "2024-01", "recognised": "4000", "contract_status": "CANCELED"}]
        inputs = make_inputs(contracts=self.SALE, booked=booked, closed=["2024-01"], complete=False)
        assert recognised(inputs, "2024-02", 3) == amounts(0, 0, 0)
        inputs = make_inputs(
            contracts=self.SALE, booked=booked, closed=["2024-01"], pages=[{"educational_status": "Active"}]
        )
        assert recognised(inputs, "2024-02", 3) == amounts(0, 0, 0)

    def test_whose_money_is_waited_for_keeps_what_was_recognised_of_it(self) -> None:
        """The client buys a second service, and the period's program fits neither: nothing is taken back."""
        services = [{}, {"id": "data", "name": "Data"}]
        second = {"month": "2024-03-05", "service_id": "data", "amount": "900"}
        inputs = make_inputs(
            services=services,
            contracts=[INVOICE, second],
            periods=[{**COURSE, "program_name": "Cooking"}],
        )
        rows = accruals_of(accrue(inputs, months("2024-01", 5)), service_id="bootcamp")
        assert [row["recognised"] for row in rows] == amounts(1300, 1300, 0, 0, 0)


class TestCourses:
    RENEWED = ({**COURSE}, {"start_date": "2025-01-13", "end_date": "2025-06-01"})
    AGAIN = ({"month": "2025-01-10", "amount": "6000"},)

    def by_number(self, inputs: Any, first: str, count: int) -> dict[int, list[Decimal]]:
        found: dict[int, list[Decimal]] = {}
        for row in accruals_of(accrue(inputs, months(first, count))):
            found.setdefault(row["contract_number"], []).append(row["recognised"])
        return found

    def test_a_later_purchase_changes_no_earlier_month(self) -> None:
        before = accrue(course(*self.RENEWED), months("2024-01", 12))
        after = accrue(course(*self.RENEWED, contracts=[INVOICE, *self.AGAIN]), months("2024-01", 12))
        assert before == after

    def test_sixty_days_before_it_begins_a_document_is_for_the_next_course(self) -> None:
        for invoiced_on, number in (("2024-11-14", 2), ("2024-11-13", 1)):
            late = {"month": invoiced_on, "amount": "500"}
            inputs = course(*self.RENEWED, contracts=[INVOICE, late, *self.AGAIN])
            rows = accruals_of(accrue(inputs, months("2024-01", 24)))
            assert {row["contract_number"] for row in rows if row["invoiced"] == 500} == {number}

    def test_a_late_instalment_stays_with_its_course_and_is_recognised_at_once(self) -> None:
        late = {"month": "2024-08-05", "amount": "500"}
        inputs = course(*self.RENEWED, contracts=[INVOICE, late, *self.AGAIN])
        rows = accruals_of(accrue(inputs, [day("2024-08")]))
        assert [(row["contract_number"], row["recognised"]) for row in rows] == [(1, Decimal(500))]

    def test_a_credit_note_belongs_to_the_course_of_its_invoice(self) -> None:
        credit = {"month": "2025-03-05", "amount": "-1500", "made_from": "document 1"}
        inputs = course(*self.RENEWED, contracts=[INVOICE, *self.AGAIN, credit])
        (row,) = [row for row in accruals_of(accrue(inputs, [day("2025-03")])) if row["contract_number"] == 1]
        assert (row["recognised"], row["invoiced"]) == (Decimal(-1500), Decimal(-1500))

    def test_a_credit_note_of_an_invoice_that_is_dated_later_changes_no_earlier_month(self) -> None:
        credit = {"month": "2024-08-05", "amount": "-1500", "made_from": "document 3"}
        year = months("2024-01", 12)
        before = accrue(course(*self.RENEWED, contracts=[INVOICE, credit]), year)
        inputs = course(*self.RENEWED, contracts=[INVOICE, credit, *self.AGAIN])
        assert accrue(inputs, year) == before
        (row,) = accruals_of(accrue(inputs, [day("2024-08")]))
        assert (row["contract_number"], row["invoiced"]) == (1, Decimal(-1500))

    def test_dropped_out_and_bought_again(self) -> None:
        """The second course has its own money, so the first one's is released by the drop."""
        dropped = {"status": "DROPPED", "status_change_date": "2024-02-10"}
        again = {"start_date": "2024-09-02", "end_date": "2025-01-19"}
        inputs = course(dropped, again, contracts=[INVOICE, {"month": "2024-08-20", "amount": "6000"}])
        found = self.by_number(inputs, "2024-01", 12)
        # As long as nothing was invoiced for the second course, the client could have come back on the first one's money.
        assert sum(found[1]) == Decimal(6000)
        assert found[2][-4:] == amounts(1200, 1400, 1300, 1300)

    def test_modules_paid_at_once_are_one_contract(self) -> None:
        first = {"end_date": "2024-02-11", "status": "ENDED", "status_change_date": "2024-02-11"}
        inputs = course(first, {"start_date": "2024-02-12"})
        assert self.by_number(inputs, "2024-01", 5) == {1: amounts(1300, 1300, 1300, 1300, 800)}


class TestTheDropDateInNotion:
    def test_earlier_than_the_change_it_is_the_change(self) -> None:
        dropped = {"status": "DROPPED", "status_change_date": "2024-04-10"}
        inputs = course(dropped, pages=[{"educational_status": "Dropped", "drop_date": "2024-02-20"}])
        assert recognised(inputs, "2024-01", 4) == amounts(1300, 4700, 0, 0)

    def test_later_than_the_change_it_is_nothing(self) -> None:
        dropped = {"status": "DROPPED", "status_change_date": "2024-02-20"}
        inputs = course(dropped, pages=[{"educational_status": "Dropped", "drop_date": "2024-04-10"}])
        assert recognised(inputs, "2024-01", 4) == amounts(1300, 4700, 0, 0)

    def test_of_an_active_period_it_is_nothing(self) -> None:
        inputs = course({}, pages=[{"educational_status": "Active", "drop_date": "2024-02-10"}])
        assert recognised(inputs, "2024-01", 3) == amounts(1300, 1300, 1300)

    def test_it_is_the_first_ones_and_not_the_one_that_began_later(self) -> None:
        inputs = course(
            {"status": "DROPPED", "status_change_date": "2024-02-20"},
            {
                "start_date": "2024-03-04",
                "end_date": "2024-07-21",
                "status": "ENDED",
                "status_change_date": "2024-07-21",
            },
            pages=[{"educational_status": "Graduated", "drop_date": "2024-02-10"}],
        )
        assert recognised(inputs, "2024-01", 4) == amounts(1300, 500, 800, 900)
