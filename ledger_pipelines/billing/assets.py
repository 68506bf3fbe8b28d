"""Devices: which type each is billed as (rules/billing.md, Assets).

A type is read without regard to case and space, a blank one counts as none. Hardware and device type are
searched together, for a server whose device type says *VM* is a virtual one; a mention is any occurrence,
within a word too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from ledger_pipelines.billing.index import StatementIndex
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.priced import CUSTOM, Priced, PricedCharges, Vocabulary, charge
from ledger_pipelines.columns import (
    Column,
    Int64s,
    codes,
    column,
    int64s,
    named,
    positions,
    present,
    small_units,
    take,
    trimmed,
)

WORKSTATION, SERVER, VM, SWITCH, FIREWALL, NO_CHARGE = (
    "Workstation",
    "Server",
    "VM",
    "Switch",
    "Firewall",
    "No Charge",
)

ASSET_TYPES = Vocabulary(
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
)

_MENTIONS = (("virtual", "vm"), ("server",), ("esxi",), ("switch",), ("firewall",))
_VIRTUAL, _SERVER, _ESXI, _SWITCH, _FIREWALL = (1 << place for place in range(len(_MENTIONS)))


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices that the sources show, as the backup charge needs them: statement, type code, bytes backed
    up.
    """

    rows: Int64s
    types: Int64s
    backup_bytes: Int64s


def charge_assets(inputs: BillingInputs, terms: Terms, currency: str) -> tuple[PricedCharges, Devices]:
    """A line for each device, those added by hand too, and the sources' devices for the backup charge."""
    seen, backup_bytes = _from_sources(inputs, terms.index)
    charges = charge(terms, ASSET_TYPES, [seen, _by_hand(inputs, terms.index)], currency)
    return charges, Devices(seen.rows, seen.types, backup_bytes)


def _from_sources(inputs: BillingInputs, index: StatementIndex) -> tuple[Priced, Int64s]:
    assets, rows = index.billed(inputs.read("assets"))
    overrides = inputs.read("asset_billing_overrides")
    ids = column(assets, "id")
    override = positions(ids, column(overrides, "asset_id"))
    chosen = take(trimmed(column(overrides, "billing_type")), override)
    written = pc.coalesce(chosen, trimmed(column(assets, "billing_type")))
    costs = take(column(overrides, "custom_cost"), override)
    priced = Priced(
        source_type="asset",
        rows=rows,
        ids=ids,
        names=named(column(assets, "hostname"), "Device", ids),
        written=written,
        types=ASSET_TYPES.read(
            written, lambda: derived_types(column(assets, "hardware_type"), column(assets, "device_type"))
        ),
        costs=small_units(costs),
        costed=present(costs),
    )
    return priced, int64s(column(assets, "backup_data_bytes").fill_null(0))


def _by_hand(inputs: BillingInputs, index: StatementIndex) -> Priced:
    manual, rows = index.billed_every_month(inputs.read("manual_assets"))
    ids, written = column(manual, "id"), trimmed(column(manual, "billing_type"))
    return Priced(
        source_type="manual_asset",
        rows=rows,
        ids=ids,
        names=named(column(manual, "hostname"), "Device", ids),
        written=written,
        types=ASSET_TYPES.read(written),
        costs=small_units(column(manual, "custom_cost")),
        costed=present(column(manual, "custom_cost")),
    )


def derived_types(hardware: Column, device: Column) -> Int64s:
    """The type code that hardware and device type speak for.

    A virtual machine together with a server is a VM; a server or an ESXi host a Server; then Switch, then
    Firewall; anything else is a Workstation.
    """
    by_mentions = np.array([_type_of(mentions) for mentions in range(1 << len(_MENTIONS))], dtype=np.int64)
    types: Int64s = by_mentions[_mentions(hardware) | _mentions(device)]
    return types


def _mentions(values: Column) -> Int64s:
    at, distinct = codes(values)
    flags = [
        sum(
            1 << place
            for place, words in enumerate(_MENTIONS)
            if any(word in text.casefold() for word in words)
        )
        for text in (value or "" for value in distinct)
    ]
    return np.array(flags, dtype=np.int64)[at] if distinct else at


def _type_of(mentions: int) -> int:
    if mentions & _VIRTUAL and mentions & _SERVER:
        name = VM
    elif mentions & (_SERVER | _ESXI):
        name = SERVER
    elif mentions & _SWITCH:
        name = SWITCH
    elif mentions & _FIREWALL:
        name = FIREWALL
    else:
        name = WORKSTATION
    return ASSET_TYPES.code(name)
