"""Base fees and the company's pool of backup storage."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

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


@pytest.mark.parametrize(
    ("millionths", "quantity", "charge"),
    [("499.4", "0.000499", "0.00"), ("499.5", "0.000500", "0.01"), ("500", "0.000500", "0.01")],
)
def test_overage_is_charged_by_the_terabytes_that_the_line_shows(
    millionths: str, quantity: str, charge: str
) -> None:
    """At 10 for a TB half a cent is a two-thousandth of a TB, and a line shows millionths."""
    stored = math.ceil(Decimal(millionths) * TERABYTE / 10**6)
    result = bill_month(
        assets=[{"backup_data_bytes": stored}], client_billing_overrides=[enabled(backup_included_tb="0")]
    )
    (overage,) = (line for line in lines_of(result, "backup") if line["type"] == "overage")
    assert (overage["quantity"], overage["amount"]) == (Decimal(quantity), Decimal(charge))


def test_terabytes_as_codex_writes_them_are_exact_and_its_bytes_are_cut_from_them() -> None:
    """Three times 0.1 TB, of which each lacks a part of a byte: 0.3 TB over a quota of 0, at 33.35 for a TB."""
    assets = [{"backup_usage_tb": "0.10", "backup_data_bytes": int(0.1 * TERABYTE)}] * 3
    records = [{**asset, "id": number} for number, asset in enumerate(assets)]
    result = bill_month(
        assets=records,
        client_billing_overrides=[enabled(backup_included_tb="0", backup_per_tb_fee="33.35")],
    )
    (overage,) = (line for line in lines_of(result, "backup") if line["type"] == "overage")
    assert (overage["quantity"], overage["amount"]) == (Decimal("0.3"), Decimal("10.01"))
    statement = only_statement(result)
    assert statement["overage_bytes"] == Decimal("0.3") * TERABYTE
    assert statement["backup_bytes"] == 329_853_488_333
    assert result.problems == []


def test_terabytes_that_are_not_those_of_the_bytes_are_named_and_the_bytes_count() -> None:
    result = bill_month(
        assets=[{"id": 17, "hostname": "NAS", "backup_usage_tb": "3.00", "backup_data_bytes": 2 * TERABYTE}]
    )
    assert only_statement(result)["overage_charge"] == Decimal("10.00")
    (problem,) = result.problems
    assert (problem.entity_type, problem.external_id, problem.is_blocking) == ("asset", "17", True)
    assert problem.message == (
        "The device 'NAS' (17) of company A1 has 3.00 TB of backup, which are not its 2,199,023,255,552 bytes, and is "
        "billed by the bytes: correct its backup in Codex."
    )


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
