"""Ticket hours: what of them is billed, once."""

from __future__ import annotations

from datetime import date
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


def test_hours_are_billed_unrounded_and_only_the_charge_is_rounded() -> None:
    """Three tickets of 0.9166666666666666 h at 150 are 412.49999999999997 and so 412.50."""
    result = bill_month(tickets=[{"hours": "0.9166666666666666"}] * 3)
    (line,) = lines_of(result, "hours")
    assert line["quantity"] == Decimal("2.75")
    assert line["amount"] == Decimal("412.50")
    assert only_statement(result)["billable_hours"] == Decimal("2.7499999999999998")


def test_the_charge_goes_by_the_quantity_that_the_line_shows() -> None:
    """0.0000334 h at 150 would be 0.00501 and so a cent; by the quantity that the line shows it is 0.00495."""
    (line,) = lines_of(bill_month(tickets=[{"hours": "0.0000334"}]), "hours")
    assert (line["quantity"], line["amount"]) == (Decimal("0.000033"), Decimal("0.00"))


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
        used, _, _ = hours_of(tickets=[{"hours": "5"}], booked_ticket_hours=booked, closed_months=[FEBRUARY])
        assert used == 3

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
