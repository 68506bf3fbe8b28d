"""Devices: which type each is billed as (rules/billing.md, Assets).

A type is read without regard to case and space, a blank one counts as none. Hardware and device type are
searched together, for a server whose device type says *VM* is a virtual one; a mention is any occurrence,
within a word too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pyarrow.compute as pc

from ledger_pipelines.billing.index import StatementIndex
from ledger_pipelines.billing.inputs import TERABYTES, BillingInputs
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.priced import CUSTOM, Priced, PricedCharges, Vocabulary, charge
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.billing.storage import Stored, stored_by
from ledger_pipelines.columns import (
    Column,
    Int64s,
    codes,
    column,
    named,
    present,
    small_units,
    take,
    trimmed,
)
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month

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
    described="{type}: {name}",
)

_MENTIONS = (("virtual", "vm"), ("server",), ("esxi",), ("switch",), ("firewall",))
_VIRTUAL, _SERVER, _ESXI, _SWITCH, _FIREWALL = (1 << place for place in range(len(_MENTIONS)))


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices that the sources show, as the backup charge needs them: statement, type code, what is backed up."""

    rows: Int64s
    types: Int64s
    stored: Stored


def charge_assets(inputs: BillingInputs, terms: Terms, currency: str) -> tuple[PricedCharges, Devices]:
    """A line for each device, those added by hand too, and the sources' devices for the backup charge."""
    seen, stored = _from_sources(inputs, terms.index)
    charges = charge(terms, ASSET_TYPES, [seen, _by_hand(inputs, terms.index)], currency)
    contradicting = [
        _contradicting(terms, seen, stored, row) for row in np.flatnonzero(stored.contradicts).tolist()
    ]
    charges = replace(charges, problems=[*charges.problems, *contradicting])
    return charges, Devices(seen.rows, seen.types, stored)


def _contradicting(terms: Terms, devices: Priced, stored: Stored, row: int) -> Problem:
    """A device whose TB are not those of its bytes."""
    statement = terms.frame.slice(int(devices.rows[row]), 1).to_pylist()[0]
    account, number, name = (
        statement["account_number"],
        str(devices.ids[row].as_py()),
        devices.names[row].as_py(),
    )
    terabytes, in_bytes = Decimal(int(stored.terabytes[row])).scaleb(-TERABYTES.scale), int(stored.bytes[row])
    return billing_problem(
        "asset",
        number,
        f"The device {name!r} ({number}) of company {account} has {terabytes} TB of backup, which are not its "
        f"{in_bytes:,} bytes, and is billed by the bytes: correct its backup in Codex.",
        {"account_number": account, "name": name, "terabytes": str(terabytes), "bytes": in_bytes},
        format_month(statement["month"]),
    )


def _from_sources(inputs: BillingInputs, index: StatementIndex) -> tuple[Priced, Stored]:
    assets, rows = index.billed(inputs.read("assets"))
    edits = index.edits(inputs.read("asset_billing_overrides"), "asset_id")
    overrides, ids = edits.frame, column(assets, "id")
    override = edits.rows("asset_id", index.month[rows], ids)
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
    return priced, stored_by(assets)


def _by_hand(inputs: BillingInputs, index: StatementIndex) -> Priced:
    manual, rows = index.billed_in_force(
        index.edits(inputs.read("manual_assets"), "account_number", "hostname")
    )
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
