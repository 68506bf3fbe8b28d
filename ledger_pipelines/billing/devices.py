"""Devices: which type each is billed as (rules/billing.md, Assets).

A type is read without regard to case and space, a blank one counts as none. Hardware and device type are
searched together, for a server whose device type says *VM* is a virtual one; a mention is any occurrence,
within a word too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.lines import labels
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.priced import (
    CUSTOM,
    UNKNOWN,
    PricedCharges,
    Vocabulary,
    added_by_hand,
    charge,
    from_source,
)
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.billing.storage import with_storage
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, joined, mapped, records_of, trimmed
from ledger_pipelines.months import format_month

WORKSTATION, SERVER, VM = "Workstation", "Server", "VM"
SWITCH, FIREWALL, NO_CHARGE = "Switch", "Firewall", "No Charge"

DEVICE_TYPES = Vocabulary(
    kind="asset",
    noun="device",
    type_field="billing_type",
    rates={
        WORKSTATION: "per_workstation_cost",
        SERVER: "per_server_cost",
        VM: "per_vm_cost",
        SWITCH: "per_switch_cost",
        FIREWALL: "per_firewall_cost",
        CUSTOM: None,
        NO_CHARGE: None,
    },
    describe=lambda names, types: joined(types, ": ", names),
)


def charge_devices(inputs: BillingInputs, terms: Terms, currency: str) -> tuple[PricedCharges, pd.DataFrame]:
    """A line for each device, those added by hand too; and the sources' devices for the backup charge.

    Those have month, account_number, type and `stored` (what is backed up, in bytes).
    """
    seen = _from_sources(inputs, terms)
    sources = {"asset": seen}
    if inputs.manual_assets.num_rows:
        sources["manual_asset"] = _by_hand(inputs, terms)
    charges = charge(DEVICE_TYPES, terms, sources, currency)
    contradicting = [_contradicting(device) for device in records_of(seen[seen["contradicts"]])]
    return replace(charges, problems=[*charges.problems, *contradicting]), seen[[*KEY, "type", "stored"]]


def _from_sources(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    devices = from_source(inputs, terms, "assets", "asset_billing_overrides")
    written = trimmed(devices["billing_type_override"]).fillna(trimmed(devices["billing_type"]))
    return with_storage(
        devices.assign(
            name=labels(devices["hostname"], "Device", devices["id"]),
            written=written,
            type=device_types(devices, written),
        )
    )


def device_types(devices: pd.DataFrame, written: Series) -> Series:
    """The type of each device (hardware_type, device_type): the written one, else what its hardware speaks for."""
    described = joined(devices["hardware_type"].fillna(""), " ", devices["device_type"].fillna(""))
    return DEVICE_TYPES.read(written).fillna(mapped(described, derived_type, pa.string()))


def _by_hand(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    manual = added_by_hand(inputs, terms, "manual_assets", "hostname")
    written = trimmed(manual["billing_type"])
    return manual.assign(
        name=labels(manual["hostname"], "Device", manual["id"]),
        written=written,
        type=DEVICE_TYPES.read(written).fillna(UNKNOWN),
    )


def derived_type(description: str) -> str:
    """The type that hardware and device type speak for.

    A virtual machine together with a server is a VM; a server or an ESXi host a Server; then Switch, then
    Firewall; anything else is a Workstation.
    """
    text = description.casefold()
    if ("virtual" in text or "vm" in text) and "server" in text:
        return VM
    if "server" in text or "esxi" in text:
        return SERVER
    if "switch" in text:
        return SWITCH
    return FIREWALL if "firewall" in text else WORKSTATION


def _contradicting(device: Mapping[str, Any]) -> Problem:
    """A device whose TB are not those of its bytes."""
    account, number = device["account_number"], str(device["id"])
    name, terabytes = device["name"], device["backup_usage_tb"]
    in_bytes = int(device["stored"])
    return billing_problem(
        "asset",
        number,
        f"The device {name!r} ({number}) of company {account} has {terabytes} TB of backup, which are not its "
        f"{in_bytes:,} bytes, and is billed by the bytes: correct its backup in Codex.",
        {"account_number": account, "name": name, "terabytes": str(terabytes), "bytes": in_bytes},
        format_month(device["month"]),
    )
