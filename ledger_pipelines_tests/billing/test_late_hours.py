"""What closed months lack is billed in the first open one, by the months that the tickets belong to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.billing.credits import credits_owed, hours_vanished
from ledger_pipelines.billing.outputs import BillingResult
from ledger_pipelines.billing.statements import bill
from ledger_pipelines_tests.billing.building import (
    bill_month,
    enabled,
    lines_of,
    make_inputs,
    only_statement,
)

JANUARY, FEBRUARY, MARCH = (date(2025, month, 1) for month in (1, 2, 3))
DECEMBER = date(2024, 12, 1)


def of(month: date, number: str, hours: str, **more: Any) -> dict[str, Any]:
    """A ticket that was last updated on the 20th of a month."""
    updated = datetime(month.year, month.month, 20, tzinfo=UTC)
    return {"ticket_number": number, "hours": hours, "last_updated_at": updated, **more}


def booked(month: date, number: str, hours: str, **more: Any) -> dict[str, Any]:
    return {"month": month, "ticket_number": number, "hours": hours, **more}


def march(
    *tickets: dict[str, Any],
    booked: tuple[dict[str, Any], ...] = (),
    statements: tuple[dict[str, Any], ...] = ({"month": JANUARY}, {"month": FEBRUARY}),
    closed: tuple[date, ...] = (JANUARY, FEBRUARY),
    **prepaid: str,
) -> BillingResult:
    """March, the first open month; January and February are closed and have statements."""
    return bill_month(
        tickets=tickets,
        booked_ticket_hours=booked,
        booked_statements=statements,
        closed_months=closed,
        client_billing_overrides=[enabled(**prepaid)] if prepaid else [],
    )


def late_lines(result: BillingResult) -> list[tuple[str, Decimal, Decimal]]:
    """Description, quantity and amount of the late tickets' lines."""
    lines = [line for line in lines_of(result, "hours") if line["source_type"] == "ticket"]
    return [(line["description"], line["quantity"], line["amount"]) for line in lines]


def test_hours_added_to_a_closed_month_are_a_line_of_the_first_open_one_that_names_the_tickets_own_month() -> (
    None
):
    """T1 of February had 5 h when it was closed; two came later, without a touch. March has 3 h of its own."""
    result = march(of(FEBRUARY, "T1", "7"), of(MARCH, "T2", "3"), booked=(booked(FEBRUARY, "T1", "5"),))

    told = "Ticket T1 of 2025-02, recorded after that month was billed"
    assert late_lines(result) == [(told, Decimal(2), Decimal("300.00"))]
    statement = only_statement(result)
    assert (statement["hours_used"], statement["billable_hours"], statement["late_hours"]) == (3, 3, 2)
    assert statement["hours_earlier_in_year"] == 7
    assert statement["ticket_charge"] == statement["total"] == Decimal("750.00")
    (late,) = [row for row in result.ticket_hours.to_pylist() if row["ticket_number"] == "T1"]
    assert late == {
        "month": MARCH,
        "account_number": "A1",
        "ticket_number": "T1",
        "ticket_month": FEBRUARY,
        "total_hours": 7,
        "billed_before": 5,
        "hours": 2,
    }


@pytest.mark.parametrize(
    ("currency", "amounts"), [("JPY", ["157", "157", "157"]), ("KWD", ["156.646", "156.646", "156.646"])]
)
def test_late_hours_and_what_is_owed_of_them_are_in_the_currencys_minor_unit(
    currency: str, amounts: list[str]
) -> None:
    """1.04167 h are 3,750 s at 150.3801: late for A1, late without a statement now for A2, owed to A3."""
    accounts = ("A1", "A2", "A3")
    rate = {"per_hour_ticket_cost": "150.3801"}
    inputs = make_inputs(
        companies=[{"account_number": account} for account in ("A1", "A3")],
        tickets=[
            of(JANUARY, "T1", "1.04167"),
            of(JANUARY, "T1", "1.04167", account_number="A2"),
            of(JANUARY, "T1", "1", account_number="A3"),
        ],
        booked_ticket_hours=[booked(JANUARY, "T1", "2.04167", account_number="A3")],
        booked_statements=[
            {"month": JANUARY, "account_number": account, "hours_used": "2.04167", **rate}
            for account in accounts
        ],
        closed_months=[JANUARY, FEBRUARY],
    )
    result = bill(inputs, [MARCH], currency=currency)
    (line,) = lines_of(result, "hours")
    found = [*result.unbilled_hours.to_pylist(), *credits_owed(inputs, MARCH, currency).to_pylist()]
    assert [one["amount"] for one in (line, *found)] == [Decimal(amount) for amount in amounts]
    assert {one["currency"] for one in found} == {currency}
    assert hours_vanished(inputs, result.statements, MARCH, currency).num_rows == 0


def test_a_ticket_that_came_late_is_billed_whole() -> None:
    result = march(of(JANUARY, "195836", "1.5"))
    told = "Ticket 195836 of 2025-01, recorded after that month was billed"
    assert late_lines(result) == [(told, Decimal("1.5"), Decimal("225.00"))]


def test_what_an_earlier_month_found_late_is_not_billed_again() -> None:
    """February found 2 h of T1 of January; now it has one more."""
    before = (booked(JANUARY, "T1", "5"), booked(FEBRUARY, "T1", "2", ticket_month=JANUARY))
    result = march(of(JANUARY, "T1", "8"), booked=before)
    assert [line[1:] for line in late_lines(result)] == [(1, Decimal("150.00"))]


def test_hours_that_were_lowered_have_no_line() -> None:
    result = march(of(JANUARY, "T1", "3"), booked=(booked(JANUARY, "T1", "5"),))
    assert late_lines(result) == []
    assert only_statement(result)["total"] == 0


def test_they_are_billed_at_the_rate_of_their_own_month() -> None:
    """January was agreed at 120 an hour, March is at 150."""
    result = march(
        of(JANUARY, "T1", "1"),
        of(MARCH, "T2", "1"),
        statements=({"month": JANUARY, "per_hour_ticket_cost": "120"},),
    )
    assert only_statement(result)["ticket_charge"] == Decimal("270.00")


class TestAllowances:
    """Late hours are hours of their own month: its allowances cover them, and no other's."""

    def test_what_was_left_of_the_months_allowance_covers_them(self) -> None:
        """4 h a month are prepaid. January used 3, so that of 2 h that came late one is billed; March used its own 4."""
        january = {"month": JANUARY, "prepaid_hours_monthly": "4", "hours_used": "3"}
        result = march(
            of(JANUARY, "T1", "5"),
            of(MARCH, "T2", "4"),
            booked=(booked(JANUARY, "T1", "3"),),
            statements=(january,),
            prepaid_hours_monthly="4",
        )
        assert [line[1:] for line in late_lines(result)] == [(1, Decimal("150.00"))]
        assert only_statement(result)["billable_hours"] == 0

    def test_they_use_up_nothing_of_the_month_that_bills_them(self) -> None:
        """January had used its 4 h: 2 h more are billed, though March has used none of its own."""
        january = {"month": JANUARY, "prepaid_hours_monthly": "4", "hours_used": "4"}
        before = (booked(JANUARY, "T1", "4"),)
        result = march(
            of(JANUARY, "T1", "6"), booked=before, statements=(january,), prepaid_hours_monthly="4"
        )
        assert [line[1] for line in late_lines(result)] == [2]

    def test_a_yearly_allowance_that_was_left_is_used_up_by_them(self) -> None:
        """Of 10 h a year January used 6. 3 h that came late are free, and leave one for March's 4."""
        january = {"month": JANUARY, "prepaid_hours_yearly": "10", "hours_used": "6"}
        result = march(
            of(JANUARY, "T1", "9"),
            of(MARCH, "T2", "4"),
            booked=(booked(JANUARY, "T1", "6"),),
            statements=(january,),
            prepaid_hours_yearly="10",
        )
        assert late_lines(result) == []
        assert only_statement(result)["hours_earlier_in_year"] == 9
        assert only_statement(result)["billable_hours"] == 3

    def test_a_yearly_allowance_that_later_months_used_up_is_not_given_twice(self) -> None:
        """10 h a year: January 6, February 6 and so 2 billed. Had 3 h more of January been known, February's would have
        been 5: the 3 are billed.
        """
        january = {"month": JANUARY, "prepaid_hours_yearly": "10", "hours_used": "6"}
        february = january | {"month": FEBRUARY, "hours_earlier_in_year": "6"}
        result = march(
            of(JANUARY, "T1", "9"),
            booked=(booked(JANUARY, "T1", "6"), booked(FEBRUARY, "T2", "6")),
            statements=(january, february),
            prepaid_hours_yearly="10",
        )
        assert [line[1] for line in late_lines(result)] == [3]

    def test_what_a_closed_month_found_late_is_among_the_hours_that_it_counted(self) -> None:
        """10 h a year: January 2. February found 4 more of it, and with them counted 6 before its own 3, which were free.
        Now January has 2 more: 8 before February's 3, of which one is billed.
        """
        january = {"month": JANUARY, "prepaid_hours_yearly": "10", "hours_used": "2"}
        february = january | {"month": FEBRUARY, "hours_used": "3", "hours_earlier_in_year": "6"}
        before = (
            booked(JANUARY, "T1", "2"),
            booked(FEBRUARY, "T1", "4", ticket_month=JANUARY),
            booked(FEBRUARY, "T2", "3"),
        )
        result = march(of(JANUARY, "T1", "8"), booked=before, statements=(january, february))
        assert [line[1] for line in late_lines(result)] == [1]

    def test_hours_of_december_use_up_nothing_of_the_new_year(self) -> None:
        december = {
            "month": DECEMBER,
            "prepaid_hours_yearly": "10",
            "hours_used": "4",
            "hours_earlier_in_year": "5",
        }
        result = march(
            of(DECEMBER, "T1", "7"),
            of(MARCH, "T2", "10"),
            booked=(booked(DECEMBER, "T1", "4"),),
            statements=(december,),
            closed=(DECEMBER,),
            prepaid_hours_yearly="10",
        )
        assert [line[1] for line in late_lines(result)] == [2]
        statement = only_statement(result)
        assert (statement["hours_earlier_in_year"], statement["billable_hours"]) == (0, 0)

    def test_the_first_tickets_are_covered_first(self) -> None:
        january = {"month": JANUARY, "prepaid_hours_monthly": "3"}
        result = march(of(JANUARY, "T2", "2"), of(JANUARY, "T1", "2"), statements=(january,))
        told = "Ticket T2 of 2025-01, recorded after that month was billed"
        assert late_lines(result) == [(told, Decimal(1), Decimal("150.00"))]


class TestNobodysHours:
    def test_a_closed_month_without_a_statement_lacks_nothing_but_the_hours_are_named(self) -> None:
        """The company came in March, with tickets of two years from another PSA."""
        result = march(of(JANUARY, "T1", "40"), statements=())
        assert late_lines(result) == []
        assert only_statement(result)["hours_earlier_in_year"] == 0
        (row,) = result.unbilled_hours.to_pylist()
        assert row == {
            "month": MARCH,
            "account_number": "A1",
            "ticket_number": "T1",
            "ticket_month": JANUARY,
            "hours": 40,
            "rate": None,
            "amount": None,
            "currency": "USD",
            "reason": "no statement then",
        }

    def test_a_company_that_has_left_is_named_with_the_money(self) -> None:
        result = march(
            of(JANUARY, "T1", "2", account_number="A2"),
            statements=({"month": JANUARY, "account_number": "A2"},),
        )
        (row,) = result.unbilled_hours.to_pylist()
        assert (row["account_number"], row["amount"], row["reason"]) == (
            "A2",
            Decimal("300.00"),
            "no statement now",
        )


def test_a_closed_month_computed_anew_finds_the_late_hours_that_it_billed() -> None:
    """March is closed, too, and has billed 2 h of T1; what April billed since does not concern it."""
    before = (
        booked(FEBRUARY, "T1", "5"),
        booked(MARCH, "T1", "2", ticket_month=FEBRUARY),
        booked(date(2025, 4, 1), "T1", "1", ticket_month=FEBRUARY),
    )
    closed = (JANUARY, FEBRUARY, MARCH, date(2025, 4, 1))
    result = march(of(FEBRUARY, "T1", "7"), booked=before, closed=closed)
    assert [line[1] for line in late_lines(result)] == [2]
