"""Which type a device is billed as."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines_tests.billing.building import bill_month, lines_of, only_statement, statement_of

RATE_OF = {
    "Workstation": "50.00",
    "Server": "150.00",
    "VM": "100.00",
    "Switch": "25.00",
    "Firewall": "75.00",
    "No Charge": "0.00",
}


def line_of(asset: dict[str, Any], **override: Any) -> tuple[str, Decimal]:
    """Type and amount of the line of one asset."""
    overrides = [{"asset_id": 1, **override}] if override else []
    (line,) = lines_of(bill_month(assets=[asset], asset_billing_overrides=overrides), "asset")
    return line["type"], line["amount"]


@pytest.mark.parametrize(
    ("hardware", "device", "expected"),
    [
        ("Desktop", None, "Workstation"),
        (None, None, "Workstation"),
        ("Printer", None, "Workstation"),
        ("Network Device", None, "Workstation"),
        ("Server", None, "Server"),
        ("Server", "Physical Server", "Server"),
        ("ESXI Host", None, "Server"),
        ("ESXi Host", "Switch", "Server"),
        ("Server", "Virtual Server", "VM"),
        ("Server", "Server VM", "VM"),
        ("SERVER", "vm", "VM"),
        (None, "Virtual Machine", "Workstation"),
        ("Network Device", "Managed switch", "Switch"),
        ("Network Device", "FIREWALL", "Firewall"),
        ("Firewall", "Switch", "Switch"),
    ],
)
def test_the_type_is_derived_from_hardware_and_device_type(
    hardware: str | None, device: str | None, expected: str
) -> None:
    asset = {"hardware_type": hardware, "device_type": device}
    assert line_of(asset) == (expected, Decimal(RATE_OF[expected]))


@pytest.mark.parametrize("name", RATE_OF)
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_the_records_own_type_comes_before_what_its_hardware_says(name: str, spelling: Any) -> None:
    assert line_of({"billing_type": spelling(name), "hardware_type": "Server"}) == (
        name,
        Decimal(RATE_OF[name]),
    )


def test_the_override_comes_before_the_records_own_type() -> None:
    assert line_of({"billing_type": "Server"}, billing_type="Switch") == ("Switch", Decimal("25.00"))


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_type_is_none(blank: str) -> None:
    asset = {"billing_type": blank, "hardware_type": "Server"}
    assert line_of(asset, billing_type=blank) == ("Server", Decimal("150.00"))


def test_a_custom_asset_costs_what_its_override_says() -> None:
    assert line_of({}, billing_type="Custom", custom_cost="7.125") == ("Custom", Decimal("7.13"))
    assert line_of({"billing_type": "Custom"}, custom_cost="3") == ("Custom", Decimal("3.00"))
    assert line_of({}, billing_type="Switch", custom_cost="3") == ("Switch", Decimal("25.00"))


def test_a_custom_asset_without_a_cost_is_billed_nothing_and_is_a_problem() -> None:
    result = bill_month(assets=[{"id": 17, "hostname": "LAB-1", "billing_type": "Custom"}])
    assert only_statement(result)["total"] == Decimal("0.00")
    assert only_statement(result)["custom_assets"] == 1
    (problem,) = result.problems
    assert (problem.entity_type, problem.external_id, problem.month) == ("asset", "17", "2025-03")
    assert problem.message == (
        "The device 'LAB-1' (17) of company A1 is billed by a custom cost, but none is set, and is billed 0: "
        "set its custom cost."
    )


def test_an_unknown_type_is_billed_nothing_and_is_a_problem_and_the_others_go_on() -> None:
    result = bill_month(assets=[{"id": 17, "billing_type": "Toaster"}, {"id": 18}])
    statement = only_statement(result)
    assert (statement["total"], statement["workstations"]) == (Decimal("50.00"), 1)
    assert [(line["source_id"], line["type"]) for line in lines_of(result, "asset")] == [
        ("17", "Unknown"),
        ("18", "Workstation"),
    ]
    (problem,) = result.problems
    assert (problem.entity_type, problem.external_id) == ("asset", "17")
    assert "'Toaster'" in problem.message
    assert problem.details == {"account_number": "A1", "name": "PC", "billing_type": "Toaster"}


def test_every_device_has_one_line_and_is_counted_by_its_type_those_added_by_hand_too() -> None:
    types = ["Workstation", "Server", "VM", "Switch", "Firewall", "Custom", "No Charge"]
    result = bill_month(
        assets=[{"billing_type": name} for name in types],
        asset_billing_overrides=[{"asset_id": 6, "custom_cost": "1"}],
        manual_assets=[{"billing_type": name, "custom_cost": "2.50"} for name in types],
    )
    statement = only_statement(result)
    counted = ["workstations", "servers", "vms", "switches", "firewalls", "custom_assets", "no_charge_assets"]
    assert [statement[name] for name in counted] == [2] * 7
    assert statement["total_asset_charges"] == Decimal("803.50")
    assert len(lines_of(result, "asset")) == 14


def test_a_line_says_where_it_comes_from() -> None:
    result = bill_month(
        assets=[{"id": 7, "hostname": "SRV-1"}, {"id": 8, "hostname": " "}, {"id": 9, "hostname": None}]
    )
    first, second, third = lines_of(result, "asset")
    assert first["source_type"] == "asset"
    assert (first["source_id"], first["item"], first["description"]) == (
        "7",
        "Managed Services",
        "Workstation: SRV-1",
    )
    assert (first["quantity"], first["rate"], first["currency"]) == (Decimal(1), Decimal(50), "USD")
    assert (second["description"], third["description"]) == ("Workstation: Device 8", "Workstation: Device 9")


def test_a_manual_asset_is_billed_in_every_month_and_only_to_its_company() -> None:
    statement = statement_of(manual_assets=[{"billing_type": "server"}, {"account_number": "A2"}])
    assert statement["total"] == Decimal("150.00")
