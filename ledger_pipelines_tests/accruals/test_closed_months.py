"""Closed months: what they booked is a fact, and step 6 guards it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import (
    accruals_of,
    amounts,
    booked_rows,
    make_inputs,
    months,
    notices_of,
    recognised,
    row_of,
)

COURSE = {"start_date": "2024-01-01", "end_date": "2024-05-19"}
INVOICE = {"month": "2024-01-01", "amount": "6000"}
CANCELED_IN_MARCH = (
    {"month": "2024-01", "recognised": "1300"},
    {"month": "2024-02", "recognised": "1300"},
    {"month": "2024-03", "recognised": "3400", "contract_status": "CANCELED"},
)
CLOSED_IN_MARCH = (*CANCELED_IN_MARCH[:2], {**CANCELED_IN_MARCH[2], "contract_status": "CLOSED"})


def quarter(booked: Any, *periods: Any, contracts: Any = (INVOICE,), closed: Any = None) -> Any:
    """January to March are closed, unless others are, with these bookings."""
    closed = ["2024-01", "2024-02", "2024-03"] if closed is None else closed
    return make_inputs(
        contracts=contracts, periods=[{**COURSE, **one} for one in periods], booked=booked, closed=closed
    )


class TestCatchingUp:
    def test_two_blocks_of_closed_months_with_open_ones_between(self) -> None:
        """January booked 300 too little, April 200 too much."""
        inputs = quarter(
            [{"month": "2024-01", "recognised": "1000"}, {"month": "2024-04", "recognised": "1500"}],
            {},
            closed=["2024-01", "2024-04"],
        )
        rows = accrue(inputs, months("2024-01", 5)).accruals.to_pylist()
        assert [row["recognised"] for row in rows] == amounts(1300, 1600, 1300, 1300, 600)
        assert [row["reason"] for row in rows] == ["portion", "catch_up", "portion", "portion", "catch_up"]
        assert [row["recognised_to_date"] for row in rows] == amounts(1300, 2600, 3900, 5200, 6000)

    def test_a_late_invoice_is_the_first_open_months_own(self) -> None:
        late = {"month": "2024-04-01", "contract_date": "2024-02-10", "amount": "600"}
        booked = [{"month": f"2024-0{month}", "recognised": "1300"} for month in (1, 2, 3)]
        inputs = quarter(booked, {}, contracts=[INVOICE, late])
        assert recognised(inputs, "2024-04", 2) == amounts(1820, 880)
        assert row_of(inputs, "2024-04")["reason"] == "portion"

    def test_what_was_booked_too_much_comes_back(self) -> None:
        inputs = quarter([{"month": "2024-03", "recognised": "5000"}], {})
        assert recognised(inputs, "2024-04", 2) == amounts(200, 800)
        inputs = quarter([{"month": "2024-03", "recognised": "5900"}], {})
        assert recognised(inputs, "2024-04", 2) == amounts(-700, 800)
        assert row_of(inputs, "2024-04")["reason"] == "catch_up"

    def test_a_contract_that_only_a_closed_month_knows_comes_back(self) -> None:
        inputs = quarter([{"month": "2024-03", "recognised": "1300"}], contracts=[])
        assert recognised(inputs, "2024-04", 2) == amounts(-1300, 0)
        assert row_of(inputs, "2024-04")["reason"] == "catch_up"

    def test_a_closed_month_without_a_row_booked_nothing(self) -> None:
        assert recognised(quarter([], {}), "2024-04", 1) == amounts(5200)

    def test_a_closed_month_that_is_asked_for_is_computed_as_if_it_were_open(self) -> None:
        inputs = quarter([{"month": "2024-01", "recognised": "1000"}], {})
        assert recognised(inputs, "2024-01", 3) == amounts(1300, 1600, 2900)

    def test_deferred_revenue_opens_with_what_the_closed_months_left(self) -> None:
        inputs = quarter([{"month": "2024-03", "recognised": "5000"}], {})
        (april,) = accrue(inputs, months("2024-04", 1)).deferred_revenue.to_pylist()
        figures = [april[name] for name in ("opening", "invoiced", "recognised", "closing")]
        assert figures == amounts(1000, 0, 200, 800)


class TestStatusesThatDoNotGoTogether:
    def held(self, inputs: Any, month: str = "2024-04") -> tuple[Decimal, list[tuple[str, Decimal | None]]]:
        (amount,) = recognised(inputs, month, 1)
        return amount, notices_of(inputs, month)

    def test_canceled_and_now_active(self) -> None:
        notice = ("not_congruent_status", Decimal(800))
        assert self.held(quarter(CANCELED_IN_MARCH, {})) == (0, [notice])

    def test_canceled_and_now_ended(self) -> None:
        """By the rule nothing more would be recognised either; but the books call it cancelled."""
        inputs = quarter(CANCELED_IN_MARCH, {"status": "ENDED", "status_change_date": "2024-03-10"})
        assert self.held(inputs) == (0, [("not_congruent_status", Decimal(0))])

    def test_canceled_and_now_dropped_or_postponed_goes_together(self) -> None:
        for status in ("DROPPED", "POSTPONED"):
            inputs = quarter(CANCELED_IN_MARCH, {"status": status, "status_change_date": "2024-03-10"})
            assert [kind for kind, _ in notices_of(inputs, "2024-04")] == []

    def test_closed_and_now_active_postponed_or_dropped(self) -> None:
        for status in ("ACTIVE", "POSTPONED", "DROPPED"):
            changed = None if status == "ACTIVE" else "2024-04-10"
            inputs = quarter(CLOSED_IN_MARCH, {"status": status, "status_change_date": changed})
            amount, notices = self.held(inputs)
            assert (amount, [kind for kind, _ in notices]) == (0, ["not_congruent_status"])

    def test_closed_and_now_ended_goes_together(self) -> None:
        inputs = quarter(CLOSED_IN_MARCH, {"status": "ENDED", "status_change_date": "2024-03-10"})
        assert self.held(inputs) == (0, [])

    def test_step_six_goes_before_the_drop(self) -> None:
        """1000 more were invoiced in April; a drop would release them."""
        late = {"month": "2024-04-02", "amount": "1000"}
        dropped = {"status": "DROPPED", "status_change_date": "2024-04-10"}
        inputs = quarter(CLOSED_IN_MARCH, dropped, contracts=[INVOICE, late])
        assert recognised(inputs, "2024-04", 2) == amounts(0, 0)
        row = row_of(inputs, "2024-04")
        assert (row["state"], row["contract_status"], row["reason"]) == ("PAUSED", "CLOSED", None)
        assert (row["pending"], row["fraction"]) == (Decimal(1000), None)
        assert [kind for kind, _ in notices_of(inputs, "2024-04")] == ["not_congruent_status", "stalled"]

    def test_what_is_held_back_is_stalled_once_no_period_runs_on(self) -> None:
        late = {"month": "2024-04-02", "amount": "1000"}
        inputs = quarter(CANCELED_IN_MARCH, {}, contracts=[INVOICE, late])
        assert [kind for kind, _ in notices_of(inputs, "2024-04")] == ["not_congruent_status"]
        assert notices_of(inputs, "2024-05") == [
            ("not_congruent_status", Decimal(-1000)),
            ("stalled", Decimal(1000)),
        ]

    def test_a_credit_note_still_takes_back_what_there_is_no_contract_for(self) -> None:
        credit = {"month": "2024-04-02", "amount": "-1000"}
        inputs = quarter(CANCELED_IN_MARCH, {}, contracts=[INVOICE, credit])
        assert recognised(inputs, "2024-04", 2) == amounts(-1000, 0)
        row = row_of(inputs, "2024-04")
        assert (row["state"], row["contract_status"], row["reason"]) == ("CANCELED", "CANCELED", "negative")

    def test_what_was_closed_because_all_was_delivered_may_stay_active_and_gets_late_invoices(self) -> None:
        booked = [
            {"month": f"2024-0{month}", "recognised": amount, "contract_status": status}
            for month, amount, status in (
                (1, "1300", "ACTIVE"),
                (2, "1300", "ACTIVE"),
                (3, "1300", "ACTIVE"),
                (4, "1300", "ACTIVE"),
                (5, "800", "CLOSED"),
            )
        ]
        closed = [f"2024-0{month}" for month in range(1, 6)]
        late = {"month": "2024-07-02", "amount": "500"}
        inputs = quarter(booked, {}, contracts=[INVOICE, late], closed=closed)
        assert recognised(inputs, "2024-06", 3) == amounts(0, 500, 0)
        assert notices_of(inputs, "2024-07") == []

    def test_dropped_after_all_was_delivered_and_closed_takes_nothing_from_a_late_invoice(self) -> None:
        """For that month the rule still says CLOSED, as was booked: nothing that was booked is in doubt."""
        booked = [{"month": "2024-05", "recognised": "6000", "contract_status": "CLOSED"}]
        late = {"month": "2024-07-02", "amount": "500"}
        dropped = {"status": "DROPPED", "status_change_date": "2024-06-10"}
        inputs = quarter(
            booked, dropped, contracts=[INVOICE, late], closed=[f"2024-0{one}" for one in range(1, 6)]
        )
        assert recognised(inputs, "2024-06", 2) == amounts(0, 500)
        assert notices_of(inputs, "2024-07") == []

    def test_closed_too_early_goes_together_again_once_all_is_delivered(self) -> None:
        late = {"month": "2024-05-02", "amount": "1000"}
        inputs = quarter(CLOSED_IN_MARCH, {}, contracts=[INVOICE, late])
        assert recognised(inputs, "2024-04", 3) == amounts(0, 1000, 0)

    def test_resigned_in_a_closed_month_and_enrolled_later(self) -> None:
        booked = [{"month": "2024-01", "recognised": "6000", "contract_status": "CANCELED"}]
        inputs = quarter(booked, {"start_date": "2024-02-05"}, closed=["2024-01"])
        amount, notices = self.held(inputs, "2024-02")
        assert (amount, [kind for kind, _ in notices]) == (0, ["not_congruent_status"])

    def test_a_status_booked_while_the_amount_was_negative_binds_nothing(self) -> None:
        booked = [
            {"month": "2024-01", "contract_amount": "-500", "recognised": "-500", "contract_status": "CLOSED"}
        ]
        contracts = [{**INVOICE, "amount": "-500"}, {"month": "2024-02-01", "amount": "6500"}]
        inputs = quarter(booked, {}, contracts=contracts, closed=["2024-01"])
        assert recognised(inputs, "2024-02", 4) == amounts(3100, 1300, 1300, 800)
        assert notices_of(inputs, "2024-02") == []

    def test_other_contracts_are_not_held(self) -> None:
        other = {**INVOICE, "contact_id": "bob", "service_id": "data"}
        inputs = make_inputs(
            clients=[{}, {"contact_id": "bob", "user_id": 8, "email": "bob@example.com"}],
            contracts=[INVOICE, other],
            periods=[COURSE, {**COURSE, "user_id": 8}],
            booked=[
                *CANCELED_IN_MARCH,
                *(
                    {
                        **row,
                        "contact_id": "bob",
                        "service_id": "data",
                        "contract_status": "ACTIVE",
                        "recognised": "1300",
                    }
                    for row in CANCELED_IN_MARCH
                ),
            ],
            closed=["2024-01", "2024-02", "2024-03"],
        )
        result = accrue(inputs, months("2024-04", 1))
        assert [row["recognised"] for row in accruals_of(result)] == amounts(1300)


class TestWhatWasReleasedStaysReleased:
    """`updated_at` moves whenever attendance is recorded: revenue is never taken back because of it."""

    @pytest.mark.parametrize(
        ("booked", "status"),
        [(CANCELED_IN_MARCH, "DROPPED"), (CANCELED_IN_MARCH, "POSTPONED"), (CLOSED_IN_MARCH, "ENDED")],
    )
    def test_when_the_change_date_moves(self, booked: Any, status: str) -> None:
        inputs = quarter(booked, {"status": status, "status_change_date": "2024-04-25"})
        assert recognised(inputs, "2024-04", 3) == amounts(0, 0, 0)
        assert notices_of(inputs, "2024-04") == []

    def test_and_a_later_invoice_is_recognised_at_once(self) -> None:
        late = {"month": "2024-04-02", "amount": "1000"}
        moved = {"status": "DROPPED", "status_change_date": "2024-05-25"}
        inputs = quarter(CANCELED_IN_MARCH, moved, contracts=[INVOICE, late])
        assert recognised(inputs, "2024-04", 2) == amounts(1000, 0)
        assert row_of(inputs, "2024-04")["reason"] == "dropped"


class TestNewsOfAMembership:
    BOOKED = tuple({"month": f"2024-0{month}", "recognised": "1300"} for month in (1, 2, 3))

    def test_gone_it_counts_as_postponed_and_is_named(self) -> None:
        gone = {"status": "POSTPONED", "status_change_date": "2024-03-31", "is_removed": True}
        inputs = quarter(self.BOOKED, gone)
        assert recognised(inputs, "2024-04", 4) == amounts(0, 0, 0, 2100)
        assert notices_of(inputs, "2024-04") == [("membership_gone", Decimal(2100))]

    def test_moved_to_another_cohort_the_rest_is_planned_there(self) -> None:
        """39 sessions were delivered; 21 are left for 140 days."""
        gone = {"status": "POSTPONED", "status_change_date": "2024-03-31", "is_removed": True}
        inputs = quarter(self.BOOKED, gone, {"start_date": "2024-04-01", "end_date": "2024-08-18"})
        assert recognised(inputs, "2024-04", 1) == amounts(500)

    def test_extended_the_estimate_changes_and_a_notice_says_so(self) -> None:
        inputs = quarter(self.BOOKED, {"end_date": "2024-07-28"})
        assert recognised(inputs, "2024-04", 1) == amounts(-400)
        assert notices_of(inputs, "2024-04") == [("change_of_estimate", Decimal(-400))]


def test_a_contract_whose_period_fits_it_no_more_is_what_it_is_with_open_books() -> None:
    """Ann's course is delivered by November. In January she buys another one, and her period's program is neither's."""
    data = {"id": "data", "name": "ES - Data Science", "total_sessions": 7}
    bought = {"service_id": "data", "amount": "6000"}
    records = {
        "services": [{}, data],
        "contracts": [
            {**bought, "month": "2023-11-01"},
            {"month": "2024-01-10", "amount": "1200.05"},
            {**bought, "month": "2024-02-10", "contract_date": "2023-11-01"},
        ],
        "periods": [{"start_date": "2023-11-06", "end_date": "2023-11-26", "program_name": "Another"}],
    }
    asked = months("2023-11", 5)
    before = accrue(make_inputs(complete=False, **records), asked)
    (last,) = accruals_of(before, service_id="data", month=asked[3])
    assert (last["contract_status"], last["recognised"], last["recognised_to_date"]) == (
        "ACTIVE",
        Decimal(0),
        Decimal(6000),
    )
    booked = booked_rows(before.accruals)
    after = accrue(
        make_inputs(complete=False, closed=["2023-11", "2023-12"], booked=booked, **records), asked
    )
    assert after.accruals.to_pylist() == before.accruals.to_pylist()
