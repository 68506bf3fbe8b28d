"""Who is paid for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines_tests.billing.building import bill_month, lines_of, only_statement, statement_of


def line_of(contact: dict[str, Any], **override: Any) -> tuple[str, Decimal]:
    """Type and amount of the line of one contact."""
    overrides = [{"user_id": 1, **override}] if override else []
    (line,) = lines_of(bill_month(contacts=[contact], user_billing_overrides=overrides), "user")
    return line["type"], line["amount"]


def test_a_contact_is_paid_for_at_the_rate_for_each_user() -> None:
    assert line_of({}) == ("Paid", Decimal("15.00"))


def test_an_inactive_contact_is_free_unless_overridden() -> None:
    assert line_of({"active": False}) == ("Free", Decimal("0.00"))
    assert line_of({"active": False}, payment_type="Paid") == ("Paid", Decimal("15.00"))
    assert line_of({"active": False}, payment_type="custom", custom_cost="4") == ("Custom", Decimal("4.00"))
    assert line_of({"active": False}, payment_type=" ") == ("Free", Decimal("0.00"))


def test_a_contact_that_is_not_known_to_be_inactive_is_active() -> None:
    assert line_of({"active": None}) == ("Paid", Decimal("15.00"))


def test_a_contact_of_two_companies_is_a_user_of_each() -> None:
    result = bill_month(
        companies=[{}, {"account_number": "A2"}],
        contacts=[{"id": 5}, {"id": 5, "account_number": "A2"}],
        user_billing_overrides=[{"user_id": 5, "payment_type": "Custom", "custom_cost": "3.50"}],
    )
    assert result.statements["total"].to_pylist() == [Decimal("3.50"), Decimal("3.50")]


@pytest.mark.parametrize(
    ("payment_type", "amount", "regular", "free"),
    [("Paid", "15.00", 1, 0), ("Custom", "8.00", 1, 0), ("Free", "0.00", 0, 1), ("PAID", "15.00", 1, 0)],
)
def test_a_manual_user_is_billed_by_its_own_type(
    payment_type: str, amount: str, regular: int, free: int
) -> None:
    statement = statement_of(manual_users=[{"payment_type": payment_type, "custom_cost": "8"}])
    assert statement["total"] == Decimal(amount)
    assert (statement["regular_users"], statement["free_users"]) == (regular, free)


def test_an_unknown_type_is_billed_nothing_and_is_a_problem() -> None:
    result = bill_month(
        contacts=[{"id": 3}], user_billing_overrides=[{"user_id": 3, "payment_type": "Barter"}]
    )
    assert only_statement(result)["total"] == Decimal("0.00")
    (problem,) = result.problems
    assert (problem.entity_type, problem.external_id, problem.month) == ("contact", "3", "2025-03")
    assert "choose one of Paid, Free, Custom" in problem.message


def test_a_custom_user_without_a_cost_is_billed_nothing_and_is_a_problem() -> None:
    result = bill_month(manual_users=[{"payment_type": "Custom"}])
    assert only_statement(result)["total"] == Decimal("0.00")
    assert [(problem.entity_type, problem.external_id) for problem in result.problems] == [
        ("manual_user", "1")
    ]


def test_a_line_names_the_person() -> None:
    result = bill_month(contacts=[{"id": 2, "name": "Zoë Smith"}, {"id": 3, "name": None}])
    lines = lines_of(result, "user")
    assert [(line["source_id"], line["description"]) for line in lines] == [
        ("2", "Zoë Smith (Paid)"),
        ("3", "Contact 3 (Paid)"),
    ]
    assert {line["item"] for line in lines} == {"Managed Services"}
