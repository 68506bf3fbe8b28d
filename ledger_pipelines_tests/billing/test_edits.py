"""What people edit holds from a month on: an open month that is run again later is billed as it was agreed then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines_tests.billing.building import NO_RATES, enabled, make_inputs

MONTHS = [date(2025, month, 1) for month in (4, 5, 6, 7)]
MAY, JUNE, JULY = MONTHS[1:]


def _totals(months: Sequence[date] = MONTHS, **records: Any) -> list[Decimal]:
    """The totals of these months of one company, billed as a range; the same as month by month."""
    inputs = make_inputs(
        companies=[{"month": month} for month in months],
        plans=[{"month": month} for month in months],
        **records,
    )
    one_by_one = [_total(bill(inputs, [month], currency="USD")) for month in months]
    assert bill(inputs, months, currency="USD").statements["total"].to_pylist() == one_by_one
    return one_by_one


def _total(result: BillingResult) -> Decimal:
    (total,) = result.statements["total"].to_pylist()
    return Decimal(total)


def test_an_override_holds_from_its_month_and_replaces_the_earlier_one_whole() -> None:
    totals = _totals(
        contacts=[{"month": month} for month in MONTHS],
        assets=[{"month": month} for month in MONTHS],
        client_billing_overrides=[
            enabled(per_user_cost="10", per_workstation_cost="1"),
            {**enabled(per_user_cost="20"), "from_month": JUNE},
            {**enabled(per_user_cost="30"), "from_month": JULY},
        ],
    )
    assert totals == [11, 11, 20 + 50, 30 + 50]


def test_an_override_that_begins_later_leaves_the_months_before_to_the_plan() -> None:
    contacts = [{"month": month} for month in MONTHS]
    override = {"user_id": 1, "payment_type": "Free", "from_month": JUNE}
    records = [{**contact, "id": 1} for contact in contacts]
    assert _totals(contacts=records, user_billing_overrides=[override]) == [15, 15, 0, 0]


def test_a_device_has_another_type_from_a_month_on() -> None:
    assets = [{"month": month, "id": 7} for month in MONTHS]
    overrides = [
        {"asset_id": 7, "billing_type": "Server"},
        {"asset_id": 7, "billing_type": "No Charge", "from_month": JULY},
    ]
    assert _totals(assets=assets, asset_billing_overrides=overrides) == [150, 150, 150, 0]


def test_a_plan_has_other_rates_from_a_month_on() -> None:
    contacts = [{"month": month} for month in MONTHS]
    plans = [
        {**NO_RATES, "per_user_cost": "16", "from_month": MAY},
        {**NO_RATES, "per_user_cost": "17", "from_month": JULY},
    ]
    assert _totals(contacts=contacts, billing_plans=plans) == [15, 16, 16, 17]


def test_a_recurring_charge_rises_and_ends() -> None:
    items = [
        {"name": "Monitoring", "monthly_fee": "49"},
        {"name": "Monitoring", "monthly_fee": "59", "from_month": MAY},
        {"name": "Monitoring", "monthly_fee": "0", "from_month": JULY},
        {"name": "Web hosting", "monthly_fee": "100", "from_month": JUNE},
        {"name": "Web hosting", "one_off_fee": "5", "one_off_year": 2025, "one_off_month": 7},
    ]
    assert _totals(custom_line_items=items) == [49, 59, 159, 105]


def test_a_yearly_charge_is_due_once_it_has_begun() -> None:
    items = [{"yearly_fee": "1200", "yearly_month": 5, "from_month": JUNE}]
    assert _totals(custom_line_items=items) == [0, 0, 0, 0]


def test_what_is_added_by_hand_begins_and_ends_and_two_alike_are_two() -> None:
    devices = [
        {"hostname": "Printer"},
        {"hostname": "Printer"},
        {"hostname": "Printer", "billing_type": "No Charge", "from_month": JULY},
    ]
    people = [{"full_name": "Bob Stone", "from_month": MAY}]
    assert _totals(manual_assets=devices, manual_users=people) == [100, 115, 115, 15]


@pytest.mark.parametrize(
    ("rates", "is_blocking", "told"),
    [
        ({"per_user_cost": "99"}, True, "they differ in per_user_cost, so remove all but one."),
        ({}, False, "their rates are the same."),
    ],
    ids=["other rates", "the same rates"],
)
def test_of_two_plans_with_one_key_the_choice_is_said(
    rates: dict[str, str], is_blocking: bool, told: str
) -> None:
    inputs = make_inputs(contacts=[{}], plans=[{"term_length": "1-Year", **rates}, {}])
    result = bill(inputs, [date(2025, 3, 1)], currency="USD")
    assert _total(result) == 15
    (problem,) = result.problems
    assert (problem.entity_type, problem.external_id, problem.is_blocking) == (
        "plan",
        "Standard/1 Year",
        is_blocking,
    )
    assert problem.message == (
        "The billing plan 'Standard' for 1 Year stands 2 times in Codex, with the terms '1 Year', '1-Year', "
        f"and the first of these is used: {told}"
    )


def test_of_two_local_plans_with_one_key_the_later_one_is_used() -> None:
    plans = [
        {**NO_RATES, "per_user_cost": "1"},
        {**NO_RATES, "term_length": "1-Year", "per_user_cost": "2"},
        {**NO_RATES, "per_user_cost": "3", "from_month": JULY},
    ]
    result = bill(make_inputs(contacts=[{}], billing_plans=plans), [date(2025, 3, 1)], currency="USD")
    assert _total(result) == 2
    assert "stands 2 times in billing_plans, with the terms '1-Year', '1 Year'" in result.problems[0].message


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO client_billing_overrides (account_number, from_month) VALUES ('A1', {})",
        "INSERT INTO asset_billing_overrides (asset_id, from_month) VALUES (1, {})",
        "INSERT INTO user_billing_overrides (user_id, from_month) VALUES (1, {})",
        "INSERT INTO client_feature_overrides (account_number, feature_type, from_month) VALUES ('A1', 'antivirus', {})",
        "INSERT INTO billing_plans (billing_plan, from_month) VALUES ('Gold', {})",
    ],
    ids=lambda insert: str(insert).split()[2],
)
def test_a_thing_has_one_row_from_each_month_and_one_from_ever(
    connection: psycopg.Connection, insert: str
) -> None:
    for begins in ("NULL", "'2025-06-01'", "'2025-07-01'"):
        connection.execute(insert.format(begins))  # type: ignore[arg-type]
    for begins in ("NULL", "'2025-06-01'"):
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert.format(begins))  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(insert.format("'2025-06-02'"))  # type: ignore[arg-type]


def test_a_one_off_has_its_own_month(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO custom_line_items (account_number, name, one_off_fee, one_off_year, one_off_month, from_month) "
            "VALUES ('A1', 'Move', 5, 2025, 6, '2025-06-01')"
        )
