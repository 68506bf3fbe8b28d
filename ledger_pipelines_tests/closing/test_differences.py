"""What a closed month would be billed today against what it was billed."""

from __future__ import annotations

from decimal import Decimal

from ledger_pipelines.closing.differences import difference
from ledger_pipelines_tests.billing.building import MARCH, bill_month

KEY = ("month", "account_number", "source_type", "source_id")


def test_the_same_again_differs_in_nothing_whatever_the_order() -> None:
    booked = bill_month(contacts=[{}, {}], assets=[{}]).lines
    found = difference(booked.take([2, 0, 1]), booked, KEY)
    assert not found
    assert found.amount == Decimal("0.00")


def test_added_removed_and_changed_lines_with_their_amounts() -> None:
    booked = bill_month(contacts=[{"id": 1}, {"id": 2}, {"id": 3}]).lines
    computed = bill_month(
        contacts=[{"id": 2}, {"id": 3, "name": "Ann Lee-Stone"}, {"id": 4}],
        user_billing_overrides=[{"user_id": 3, "payment_type": "Custom", "custom_cost": "20"}],
    ).lines
    found = difference(computed, booked, KEY)

    shown = [
        (row["source_id"], row["change"], row["booked"], row["computed"]) for row in found.rows.to_pylist()
    ]
    assert shown == [
        ("1", "removed", Decimal("15.00"), None),
        ("3", "changed", Decimal("15.00"), Decimal("20.00")),
        ("4", "added", None, Decimal("15.00")),
    ]
    assert found.rows["columns"].to_pylist() == [None, "type, description, rate, amount", None]
    assert [found.count(change) for change in ("added", "removed", "changed")] == [1, 1, 1]
    assert found.amount == Decimal("5.00")
    assert found


def test_statements_are_compared_by_their_total_and_an_emptied_field_is_a_change() -> None:
    booked = bill_month(companies=[{"support_level": "All Inclusive"}]).statements
    computed = bill_month().statements
    found = difference(computed, booked, ("month", "account_number"), amount="total")
    assert found.rows.to_pylist() == [
        {
            "month": MARCH,
            "account_number": "A1",
            "change": "changed",
            "booked": Decimal("0.00"),
            "computed": Decimal("0.00"),
            "columns": "support_level",
        }
    ]


def test_a_month_that_was_never_booked_is_all_added_and_one_without_records_all_removed() -> None:
    lines = bill_month(contacts=[{}, {}]).lines
    assert difference(lines, lines.slice(0, 0), KEY).count("added") == 2
    assert difference(lines.slice(0, 0), lines, KEY).count("removed") == 2


def test_a_frame_without_amounts_shows_none() -> None:
    hours = bill_month(tickets=[{"hours": "1"}]).ticket_hours
    more = bill_month(tickets=[{"hours": "2"}]).ticket_hours
    found = difference(more, hours, ("month", "account_number", "ticket_number"))
    assert found.rows["computed"].to_pylist() == [None]
    assert found.rows["columns"].to_pylist() == ["total_hours, hours"]
    assert found.amount == Decimal(0)
