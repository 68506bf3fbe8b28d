"""Ticket hours: what of them is billed, once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ledger_pipelines.billing.statements import bill
from ledger_pipelines_tests.billing.building import (
    MARCH,
    bill_month,
    enabled,
    lines_of,
    make_inputs,
    only_statement,
    statement_of,
)

DECEMBER = date(2024, 12, 1)
JANUARY, FEBRUARY = date(2025, 1, 1), date(2025, 2, 1)


def hours_of(**records: Any) -> tuple[Decimal, Decimal, Decimal]:
    """Used, earlier in the year and billable hours of March's statement."""
    statement = statement_of(**records)
    return statement["hours_used"], statement["hours_earlier_in_year"], statement["billable_hours"]


def test_hours_are_whole_seconds_and_a_lines_quantity_is_rounded_before_it_is_multiplied() -> None:
    """0.9166666666666666 h are 3,300 s: at 150.4321 that is 137.896241741…, and the quantity that is shown gives it."""
    result = bill_month(
        tickets=[{"hours": "0.9166666666666666"}], plans=[{"per_hour_ticket_cost": "150.4321"}]
    )
    (line,) = lines_of(result, "hours")
    assert line["quantity"] == Decimal("0.916667")
    assert line["amount"] == Decimal("137.90")
    assert only_statement(result)["billable_hours"] == Decimal("0.916666666666666667")


def test_three_unrounded_tickets_are_what_their_seconds_are() -> None:
    """Three tickets of 0.9166666666666666 h are 2.75 h, and not 2.7499999999999998."""
    statement = statement_of(tickets=[{"hours": "0.9166666666666666"}] * 3)
    assert (statement["billable_hours"], statement["ticket_charge"]) == (Decimal("2.75"), Decimal("412.50"))


def test_quantity_times_rate_is_the_amount_where_the_hours_themselves_would_give_another() -> None:
    """A second is 0.000277777… h, which at 17.9999 is less than half a cent: but the 0.000278 on paper are 0.005004."""
    second = "0.000277777777777778"
    (line,) = lines_of(
        bill_month(tickets=[{"hours": second}], plans=[{"per_hour_ticket_cost": "17.9999"}]), "hours"
    )
    assert (line["quantity"], line["amount"]) == (Decimal("0.000278"), Decimal("0.01"))


def test_less_than_half_a_second_is_nothing() -> None:
    assert hours_of(tickets=[{"hours": "0.000138"}]) == (0, 0, 0)


def test_half_a_cent_is_a_cent() -> None:
    result = bill_month(tickets=[{"hours": "0.5"}], plans=[{"per_hour_ticket_cost": "0.01"}])
    assert only_statement(result)["ticket_charge"] == Decimal("0.01")


def test_a_month_within_its_allowance_has_no_line_but_states_its_hours() -> None:
    result = bill_month(
        tickets=[{"hours": "4"}], client_billing_overrides=[enabled(prepaid_hours_monthly="4")]
    )
    assert lines_of(result, "hours") == []
    assert only_statement(result)["hours_used"] == 4


def test_hours_at_no_rate_have_a_line_of_nothing() -> None:
    result = bill_month(tickets=[{"hours": "4"}], plans=[{"per_hour_ticket_cost": "0"}])
    assert [line["amount"] for line in lines_of(result, "hours")] == [Decimal("0.00")]


def test_the_yearly_allowance_starts_anew_in_january() -> None:
    tickets = [{"month": DECEMBER, "hours": "40"}, {"month": JANUARY, "hours": "10"}]
    override = enabled(prepaid_hours_yearly="8")
    assert hours_of(month=JANUARY, tickets=tickets, client_billing_overrides=[override]) == (10, 0, 2)


def test_earlier_hours_count_in_full_whether_or_not_the_monthly_allowance_had_covered_them() -> None:
    tickets = [{"month": JANUARY, "hours": "4"}, {"hours": "10"}]
    override = enabled(prepaid_hours_monthly="4", prepaid_hours_yearly="5")
    assert hours_of(tickets=tickets, client_billing_overrides=[override]) == (10, 4, 5)


def test_another_companys_hours_do_not_count() -> None:
    tickets = [
        {"account_number": "A2", "hours": "9"},
        {"month": JANUARY, "account_number": "A2", "hours": "9"},
    ]
    assert hours_of(tickets=tickets) == (0, 0, 0)


class TestClosedMonths:
    def test_a_ticket_touched_again_is_billed_only_for_what_was_added(self) -> None:
        result = bill_month(
            tickets=[{"ticket_number": "T9", "hours": "5"}],
            booked_ticket_hours=[
                {"month": JANUARY, "ticket_number": "T9", "hours": "2"},
                {"month": FEBRUARY, "ticket_number": "T9", "hours": "1.5"},
            ],
            closed_months=[JANUARY, FEBRUARY],
        )
        assert result.ticket_hours.to_pylist() == [
            {
                "month": MARCH,
                "account_number": "A1",
                "ticket_number": "T9",
                "ticket_month": None,
                "total_hours": Decimal(5),
                "billed_before": Decimal("3.5"),
                "hours": Decimal("1.5"),
            }
        ]
        assert only_statement(result)["ticket_charge"] == Decimal("225.00")

    def test_a_ticket_whose_hours_were_corrected_downwards_is_billed_nothing_more(self) -> None:
        booked = [{"month": FEBRUARY, "ticket_number": "T1", "hours": "5"}]
        used, _, _ = hours_of(tickets=[{"hours": "3"}], booked_ticket_hours=booked, closed_months=[FEBRUARY])
        assert used == 0

    def test_hours_billed_to_the_company_that_had_the_ticket_before_are_not_billed_again(self) -> None:
        booked = [{"month": FEBRUARY, "account_number": "A2", "ticket_number": "T1", "hours": "2"}]
        moved = {"hours": "5", "moved_from": "A2"}
        used, _, _ = hours_of(tickets=[moved], booked_ticket_hours=booked, closed_months=[FEBRUARY])
        assert used == 3

    def test_a_number_of_another_company_is_another_ticket(self) -> None:
        """Two companies with a PSA each: both have a ticket T1."""
        booked = [{"month": FEBRUARY, "account_number": "A2", "ticket_number": "T1", "hours": "2"}]
        used, _, _ = hours_of(tickets=[{"hours": "5"}], booked_ticket_hours=booked, closed_months=[FEBRUARY])
        assert used == 5

    def test_an_open_months_hours_were_billed_to_nobody(self) -> None:
        booked = [{"month": FEBRUARY, "ticket_number": "T1", "hours": "2"}]
        used, _, _ = hours_of(tickets=[{"hours": "5"}], booked_ticket_hours=booked)
        assert used == 5

    def test_a_closed_year_before_counts_for_the_ticket_but_not_for_the_allowance(self) -> None:
        booked = [{"month": DECEMBER, "ticket_number": "T1", "hours": "2"}]
        hours = hours_of(tickets=[{"hours": "5"}], booked_ticket_hours=booked, closed_months=[DECEMBER])
        assert hours == (3, 0, 3)

    def test_the_allowance_goes_by_what_a_closed_month_billed_and_what_an_open_one_shows(self) -> None:
        hours = hours_of(
            tickets=[
                {"month": JANUARY, "hours": "99"},
                {"month": FEBRUARY, "hours": "7"},
            ],
            booked_ticket_hours=[{"month": JANUARY, "ticket_number": "T1", "hours": "2"}],
            closed_months=[JANUARY],
        )
        assert hours == (0, 9, 0)

    def test_a_reopened_month_leaves_out_what_a_later_closed_one_billed(self) -> None:
        """February is open again: of T1's 7 h March has billed 2."""
        booked = [{"month": MARCH, "ticket_number": "T1", "hours": "2"}]
        hours = hours_of(
            month=FEBRUARY,
            tickets=[{"hours": "7"}],
            booked_ticket_hours=booked,
            closed_months=[JANUARY, MARCH],
        )
        assert hours == (5, 0, 5)

    def test_a_closed_month_is_computed_anew_without_what_it_booked_itself(self) -> None:
        booked = [{"ticket_number": "T1", "hours": "2"}]
        assert hours_of(tickets=[{"hours": "5"}], booked_ticket_hours=booked, closed_months=[MARCH]) == (
            5,
            0,
            5,
        )

    def test_a_range_over_a_closed_month_counts_what_it_booked_against_the_allowance(self) -> None:
        inputs = make_inputs(
            companies=[{"month": FEBRUARY}, {"month": MARCH}],
            plans=[{"month": FEBRUARY}, {"month": MARCH}],
            tickets=[
                {"month": FEBRUARY, "ticket_number": "T1", "hours": "5"},
                {"month": MARCH, "hours": "1"},
            ],
            booked_ticket_hours=[{"month": FEBRUARY, "ticket_number": "T1", "hours": "2"}],
            closed_months=[FEBRUARY],
        )
        february, march = bill(inputs, [FEBRUARY, MARCH], currency="USD").statements.to_pylist()
        assert (february["hours_used"], march["hours_earlier_in_year"]) == (5, 2)


def test_tickets_of_a_company_without_a_statement_bill_no_hours() -> None:
    result = bill_month(tickets=[{"account_number": "A2", "hours": "5"}])
    assert result.ticket_hours.num_rows == 0


def test_ticket_hours_are_only_those_of_the_months_asked() -> None:
    result = bill_month(tickets=[{"month": FEBRUARY, "hours": "1"}, {"hours": "2"}, {"hours": "0"}])
    assert sorted(result.ticket_hours["ticket_number"].to_pylist()) == ["T2", "T3"]


class TestNumbersThatStartAgain:
    """T1 was billed with 5 h in January, which is closed; in March its number comes with 8 h."""

    before = ({"month": JANUARY, "ticket_number": "T1", "hours": "5", "ticket_id": 12},)

    def used(self, **now: Any) -> Decimal:
        ticket = {"hours": "8", "ticket_id": 12, "created_at": datetime(2025, 1, 7, tzinfo=UTC), **now}
        used, _, _ = hours_of(tickets=[ticket], booked_ticket_hours=self.before, closed_months=[JANUARY])
        return used

    def test_the_same_ticket_is_billed_for_what_was_added(self) -> None:
        assert self.used() == 3

    def test_with_another_id_and_created_after_january_it_is_another_ticket(self) -> None:
        assert self.used(ticket_id=99, created_at=datetime(2025, 2, 1, tzinfo=UTC)) == 8

    def test_another_id_alone_is_not_enough(self) -> None:
        """A rebuilt Codex gives new ids."""
        assert self.used(ticket_id=99, created_at=datetime(2025, 1, 31, 23, 59, 59, tzinfo=UTC)) == 3

    def test_a_later_creation_alone_is_not_enough(self) -> None:
        """A webhook sets it anew for a while."""
        assert self.used(created_at=datetime(2025, 3, 1, tzinfo=UTC)) == 3

    def test_what_is_not_known_is_no_sign(self) -> None:
        assert self.used(ticket_id=None, created_at=datetime(2025, 3, 1, tzinfo=UTC)) == 3
        assert self.used(ticket_id=99, created_at=None) == 3

    def test_the_second_ticket_goes_on_from_what_it_was_billed_itself(self) -> None:
        second = {
            "month": FEBRUARY,
            "ticket_number": "T1",
            "hours": "1",
            "ticket_id": 99,
            "created_at": datetime(2025, 2, 3, tzinfo=UTC),
        }
        used, _, _ = hours_of(
            tickets=[{"hours": "4", "ticket_id": 99, "created_at": datetime(2025, 2, 3, tzinfo=UTC)}],
            booked_ticket_hours=[*self.before, second],
            closed_months=[JANUARY, FEBRUARY],
        )
        assert used == 3
