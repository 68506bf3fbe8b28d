"""The worked numbers of rules/billing.md, each as the accountant states it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ledger_pipelines_tests.billing.building import (
    MARCH,
    TERABYTE,
    bill_month,
    enabled,
    lines_of,
    only_statement,
    statement_of,
)


def test_three_users_and_two_workstations_of_which_one_backs_up_one_and_a_half_terabytes() -> None:
    statement = statement_of(contacts=[{}, {}, {}], assets=[{"backup_data_bytes": 3 * TERABYTE // 2}, {}])

    assert statement["total_user_charges"] == Decimal("45.00")
    assert statement["total_asset_charges"] == Decimal("100.00")
    assert statement["backup_charge"] == Decimal("10.00")  # 5.00 base and 5.00 for half a TB over
    assert statement["overage_charge"] == Decimal("5.00")
    assert statement["total"] == Decimal("155.00")


def test_a_workstation_and_a_server_share_a_pool_of_two_terabytes() -> None:
    """0.2 and 1.9 TB, as Codex sends them: whole bytes."""
    result = bill_month(
        assets=[
            {"billing_type": "Workstation", "backup_data_bytes": int(TERABYTE * 2 / 10)},
            {"billing_type": "Server", "backup_data_bytes": int(TERABYTE * 19 / 10)},
        ]
    )
    statement = only_statement(result)

    assert statement["total_asset_charges"] == Decimal("200.00")
    assert statement["included_bytes"] == 2 * TERABYTE
    assert statement["overage_charge"] == Decimal("1.00")
    assert statement["backup_charge"] == Decimal("26.00")
    assert statement["total"] == Decimal("226.00")
    charged = {line["type"]: (line["quantity"], line["amount"]) for line in lines_of(result, "backup")}
    assert charged == {
        "base_workstation": (Decimal(1), Decimal("5.00")),
        "base_server": (Decimal(1), Decimal("20.00")),
        "overage": (Decimal("0.1"), Decimal("1.00")),
    }


class TestTicketsOfTheFirstQuarter:
    """January 6 h, February 6 h, in March 10 h up to its last second, 99 h on the first of April."""

    tickets = (
        {"month": date(2025, 1, 1), "hours": "6"},
        {"month": date(2025, 2, 1), "hours": "6"},
        {"month": MARCH, "hours": "10"},
        {"month": date(2025, 4, 1), "hours": "99"},
    )

    def march(self, **prepaid: str) -> Decimal:
        """The ticket charge of March's statement."""
        overrides = [enabled(**prepaid)] if prepaid else []
        statement = statement_of(tickets=self.tickets, client_billing_overrides=overrides)
        assert statement["total"] == statement["ticket_charge"]
        return Decimal(statement["ticket_charge"])

    def test_without_prepaid_hours_all_ten_are_billed(self) -> None:
        assert self.march() == Decimal("1500.00")

    def test_four_hours_prepaid_monthly_leave_six(self) -> None:
        assert self.march(prepaid_hours_monthly="4") == Decimal("900.00")

    def test_fifteen_hours_prepaid_yearly_are_three_after_february(self) -> None:
        assert self.march(prepaid_hours_yearly="15") == Decimal("1050.00")

    def test_both_allowances_leave_three_hours(self) -> None:
        assert self.march(prepaid_hours_monthly="4", prepaid_hours_yearly="15") == Decimal("450.00")


def test_custom_charges_of_march() -> None:
    statement = statement_of(
        custom_line_items=[
            {"name": "Web hosting", "monthly_fee": "100"},
            {"name": "Office move", "one_off_fee": "250", "one_off_year": 2025, "one_off_month": 3},
            {"name": "New cabling", "one_off_fee": "999", "one_off_year": 2025, "one_off_month": 4},
            {"name": "Yearly audit", "yearly_fee": "1200", "yearly_month": 3},
        ]
    )

    assert statement["total_line_item_charges"] == Decimal("1550.00")
    assert statement["total"] == Decimal("1550.00")


def test_a_free_a_custom_and_a_paid_user() -> None:
    statement = statement_of(
        contacts=[{"id": 1}, {"id": 2}, {"id": 3}],
        user_billing_overrides=[
            {"user_id": 1, "payment_type": "Free"},
            {"user_id": 2, "payment_type": "Custom", "custom_cost": "7.50"},
        ],
    )

    assert statement["total_user_charges"] == Decimal("22.50")
    assert (statement["regular_users"], statement["free_users"]) == (2, 1)


def test_a_contract_of_one_year_from_the_first_of_june_ends_on_the_last_of_may() -> None:
    statement = statement_of(
        companies=[{"contract_term_length": "1-Year", "contract_start_date": date(2024, 6, 1)}]
    )

    assert statement["contract_term"] == "1 Year"
    assert statement["contract_end_date"] == date(2025, 5, 31)
    assert not statement["contract_expired"]
