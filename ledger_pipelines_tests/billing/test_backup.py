"""Base fees and the company's pool of backup storage."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines_tests.billing.building import (
    TERABYTE,
    bill_month,
    enabled,
    lines_of,
    only_statement,
    statement_of,
)


def test_base_fees_go_by_the_type_that_a_device_is_billed_as() -> None:
    statement = statement_of(
        assets=[{"hardware_type": "Server", "backup_data_bytes": 1}, {"backup_data_bytes": 1}],
        asset_billing_overrides=[
            {"asset_id": 1, "billing_type": "Workstation"},
            {"asset_id": 2, "billing_type": "VM"},
        ],
    )
    assert (statement["backed_up_workstations"], statement["backed_up_servers"]) == (1, 1)
    assert statement["backup_charge"] == Decimal("25.00")


def test_servers_and_virtual_machines_share_one_line() -> None:
    result = bill_month(
        assets=[{"billing_type": name, "backup_data_bytes": 1} for name in ("Server", "VM", "Server")]
    )
    (line,) = lines_of(result, "backup")
    assert (line["source_type"], line["source_id"], line["type"]) == ("backup", "base_server", "base_server")
    assert (line["quantity"], line["rate"], line["amount"]) == (Decimal(3), Decimal(20), Decimal("60.00"))
    assert line["item"] == "Backup Services"


def test_devices_without_backup_pay_no_fee_and_bring_no_quota() -> None:
    result = bill_month(assets=[{}, {"backup_data_bytes": 0}, {"backup_data_bytes": None}])
    assert lines_of(result, "backup") == []
    assert only_statement(result)["included_bytes"] == 0


@pytest.mark.parametrize("name", ["Switch", "Firewall", "Custom", "No Charge", "Toaster"])
def test_devices_of_other_types_pay_no_fee_and_bring_no_quota_but_fill_the_pool(name: str) -> None:
    assets = [{"billing_type": name, "backup_data_bytes": 3 * TERABYTE}, {"backup_data_bytes": TERABYTE // 2}]
    statement = statement_of(assets=assets)
    assert statement["included_bytes"] == TERABYTE
    assert statement["overage_charge"] == Decimal("25.00")
    assert statement["backup_charge"] == Decimal("30.00")


def test_devices_added_by_hand_do_not_count() -> None:
    statement = statement_of(manual_assets=[{"billing_type": "Server"}])
    assert (statement["backed_up_servers"], statement["backup_charge"]) == (0, Decimal("0.00"))


def test_a_pool_that_is_just_full_has_no_overage_and_one_byte_more_has() -> None:
    full = bill_month(assets=[{"backup_data_bytes": TERABYTE}])
    assert [line["type"] for line in lines_of(full, "backup")] == ["base_workstation"]
    over = bill_month(assets=[{"backup_data_bytes": TERABYTE + 1}])
    base, overage = lines_of(over, "backup")
    assert (base["type"], overage["type"], overage["amount"]) == (
        "base_workstation",
        "overage",
        Decimal("0.00"),
    )
    assert only_statement(over)["overage_bytes"] == 1


def test_an_included_quota_of_zero_is_zero() -> None:
    statement = statement_of(
        assets=[{"backup_data_bytes": TERABYTE // 4}],
        client_billing_overrides=[enabled(backup_included_tb="0")],
    )
    assert statement["overage_charge"] == Decimal("2.50")


def test_overage_is_billed_by_the_byte_half_a_cent_upwards() -> None:
    """At 10 for a TB half a cent is a two-thousandth of a TB: 549755813.888 bytes."""
    bytes_of_half_a_cent = 549_755_814
    for stored, charge in ((bytes_of_half_a_cent - 1, "0.00"), (bytes_of_half_a_cent, "0.01")):
        statement = statement_of(
            assets=[{"backup_data_bytes": stored}], client_billing_overrides=[enabled(backup_included_tb="0")]
        )
        assert statement["overage_charge"] == Decimal(charge)


def test_a_fraction_of_a_terabyte_may_be_included() -> None:
    statement = statement_of(
        assets=[{"backup_data_bytes": TERABYTE}],
        client_billing_overrides=[enabled(backup_included_tb="0.0001")],
    )
    assert statement["included_bytes"] == Decimal("109951162.7776")
    assert statement["overage_bytes"] == TERABYTE - Decimal("109951162.7776")


def test_bytes_are_added_exactly_beyond_what_a_float_holds() -> None:
    statement = statement_of(assets=[{"backup_data_bytes": 2**60 + 1}, {"backup_data_bytes": 2**60 + 1}])
    assert statement["backup_bytes"] == 2**61 + 2


def test_more_bytes_than_can_be_counted_name_the_company() -> None:
    with pytest.raises(LedgerError, match="company A1"):
        bill_month(assets=[{"backup_data_bytes": 2**62}, {"backup_data_bytes": 2**62}])
