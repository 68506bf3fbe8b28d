"""Companies whose records break the arithmetic: they stand alone and are named, and all others are billed.

A number that a source may send, such as nine thousand million hours, is no number that a statement can hold once it
was multiplied. Judged are upper bounds, which no real company comes near: the sums of what is charged before any
allowance. Here: which companies get no statement because of it, and why. Not here: what is charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.inputs import HOURS, RATES, BillingInputs
from ledger_pipelines.billing.line_items import FEES
from ledger_pipelines.billing.lines import RATE_UNIT
from ledger_pipelines.billing.outputs import BYTES
from ledger_pipelines.billing.plans import Terms, agree_terms
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.billing.storage import BYTE_UNIT, TERABYTE, stored_by
from ledger_pipelines.columns import (
    Column,
    Exact,
    Mask,
    array,
    column,
    exact,
    exact_units,
    int64s,
    kept,
    named,
    positions,
)
from ledger_pipelines.errors import Problem
from ledger_pipelines.money import CHARGE
from ledger_pipelines.months import format_month

_HOUR = 10**HOURS.scale
_MOST_HOURS = 10**HOURS.precision
#: In the smallest unit of a rate. A tenth of what a statement can hold, so that sums of sums fit, too.
_MOST_MONEY = 10 ** (CHARGE.precision - CHARGE.scale - 1) * RATE_UNIT
_MOST_BYTES = (1 << 63) * BYTE_UNIT
_MOST_INCLUDED = 10**BYTES.precision
_COSTED = ("asset_billing_overrides", "user_billing_overrides", "manual_assets", "manual_users")
_RECORDS = ("assets", "contacts")
_BY_HAND = ("manual_assets", "manual_users", "custom_line_items")


def billable_terms(inputs: BillingInputs, months: Sequence[date]) -> tuple[Terms, list[Problem]]:
    """The terms of each company that gets a statement in these ascending months, and why others do not."""
    terms, problems = agree_terms(inputs, months)
    if not terms.index.count or _is_ordinary(inputs, terms):
        return terms, problems
    bounds = _Bounds.of(inputs, terms)
    broken = np.flatnonzero(bounds.broken)
    if not broken.size:
        return terms, problems
    found = [_problem(inputs, terms, bounds, int(row)) for row in broken]
    return terms.without(bounds.broken), [*problems, *found]


def _is_ordinary(inputs: BillingInputs, terms: Terms) -> bool:
    """Whether even one company with all records there are, each as large as the largest, could have a statement.

    So it is in every real month, which then costs no more than a look at the largest numbers.
    """
    tickets, assets = inputs.read("tickets"), inputs.read("assets")
    hours = _largest_of([column(tickets, "total_hours_spent")]) * tickets.num_rows
    stored = max(int(pc.max(assets["backup_data_bytes"]).as_py() or 0), 0) * assets.num_rows * BYTE_UNIT
    prices = {name: int(terms.rates[name].max()) for name in RATES}
    records = sum(getattr(inputs, name).num_rows for name in (*_RECORDS, *_BY_HAND))
    money = (
        hours * prices["per_hour_ticket_cost"] // _HOUR
        + stored * prices["backup_per_tb_fee"] // (TERABYTE * BYTE_UNIT)
        + records * 3 * max(*prices.values(), _largest_of(_own_prices(inputs)))
    )
    included = assets.num_rows * prices["backup_included_tb"] * TERABYTE
    return bool(
        hours < _MOST_HOURS and 2 * stored < _MOST_BYTES and included < _MOST_INCLUDED and money < _MOST_MONEY
    )


def _own_prices(inputs: BillingInputs) -> list[Column]:
    """The costs and fees that edited records have of their own."""
    costs = [column(inputs.read(name), "custom_cost") for name in _COSTED]
    return costs + [column(inputs.read("custom_line_items"), name) for name in FEES]


def _largest_of(columns: Sequence[Column]) -> int:
    """The largest number of decimal columns of one type, whatever its sign, in their smallest unit."""
    ends: list[Any] = [pc.min_max(one).as_py() for one in columns]
    scale = columns[0].type.scale
    numbers = [abs(value) for end in ends for value in end.values() if value is not None]
    return int(max(numbers, default=Decimal(0)).scaleb(scale))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """By statement: ticket hours and bytes in their smallest units, money in that of a rate, none too low."""

    hours: Exact
    hours_money: Exact
    stored: Exact
    included: Exact
    backup_money: Exact
    other_money: Exact

    @classmethod
    def of(cls, inputs: BillingInputs, terms: Terms) -> _Bounds:
        rates = {name: exact(terms.rates[name]) for name in RATES}
        hours = _hours(inputs, terms)
        assets, rows = terms.index.billed(inputs.read("assets"))
        many = exact(np.bincount(rows, minlength=terms.index.count))
        stored = stored_by(assets).summed(rows, terms.index.count)
        bases = rates["backup_base_fee_workstation"] + rates["backup_base_fee_server"]
        return cls(
            hours=hours,
            hours_money=hours * rates["per_hour_ticket_cost"] // _HOUR,
            stored=stored,
            included=many * rates["backup_included_tb"] * TERABYTE,
            backup_money=stored * rates["backup_per_tb_fee"] // (TERABYTE * BYTE_UNIT) + many * bases,
            other_money=_other_money(inputs, terms, many),
        )

    @property
    def broken(self) -> Mask:
        """Whose numbers no statement can hold."""
        found: Mask = (
            self.too_many_hours
            | self.too_many_bytes
            | (self.hours_money + self.backup_money + self.other_money >= _MOST_MONEY)
        ).astype(np.bool_)
        return found

    @property
    def too_many_hours(self) -> Mask:
        """Where there are more ticket hours than can be counted, or they cost more than can be."""
        found: Mask = (self.hours >= _MOST_HOURS) | (self.hours_money >= _MOST_MONEY)
        return found

    @property
    def too_many_bytes(self) -> Mask:
        """The same of backups."""
        found: Mask = (
            (self.stored >= _MOST_BYTES)
            | (self.included >= _MOST_INCLUDED)
            | (self.backup_money >= _MOST_MONEY)
        )
        return found


def _hours(inputs: BillingInputs, terms: Terms) -> Exact:
    """All hours of each statement's company in its month and before."""
    tickets = inputs.read("tickets")
    index, sums = terms.index, np.zeros(terms.index.count, dtype=object)
    account, days = (
        positions(column(tickets, "account_number"), index.accounts),
        int64s(column(tickets, "month")),
    )
    hours = column(tickets, "total_hours_spent")
    for place, month in enumerate(index.months):
        cells = np.where(days <= month, account, -1)
        grouped = (
            pa.table({"cell": array(cells), "hours": hours}).group_by("cell").aggregate([("hours", "sum")])
        )
        by_account = np.zeros(len(index.accounts), dtype=object)
        at = int64s(column(grouped, "cell"))
        by_account[at[at >= 0]] = exact_units(column(grouped, "hours_sum"))[at >= 0]
        rows = index.grid[place]
        sums[rows[rows >= 0]] = by_account[rows >= 0]
    return sums


def _other_money(inputs: BillingInputs, terms: Terms, devices: Exact) -> Exact:
    """Every record of a statement at the highest price of all."""
    _, people = terms.index.billed(inputs.read("contacts"))
    many = devices + exact(np.bincount(people, minlength=terms.index.count))
    for name in _BY_HAND:
        account = positions(column(inputs.read(name), "account_number"), terms.index.accounts)
        by_account = np.bincount(account[account >= 0], minlength=len(terms.index.accounts))
        many = many + exact(by_account[terms.index.account])
    highest = _largest_of(_own_prices(inputs))
    prices = np.maximum.reduce([exact(terms.rates[name]) for name in RATES])
    money: Exact = many * np.maximum(prices, highest)
    return money


def _problem(inputs: BillingInputs, terms: Terms, bounds: _Bounds, row: int) -> Problem:
    """Why a company gets no statement, with its largest records by name."""
    statement = terms.frame.slice(row, 1).to_pylist()[0]
    account, month = statement["account_number"], statement["month"]
    told, details = [], dict[str, Any](account_number=account)
    if bounds.too_many_hours[row]:
        tickets = _of(inputs.read("tickets"), account)
        ticket = _largest(
            tickets.filter(pc.less_equal(tickets["month"], pa.scalar(month, pa.date32()))),
            "total_hours_spent",
        )
        rate = _decimal(terms.rates["per_hour_ticket_cost"][row])
        told.append(
            f"{_decimal(bounds.hours[row], HOURS.scale):,.2f} ticket hours at {rate:,.2f} (ticket "
            f"{ticket['ticket_number']} has {ticket['total_hours_spent']:,.2f})"
        )
        details["ticket_number"] = ticket["ticket_number"]
    if bounds.too_many_bytes[row]:
        assets = _of(inputs.read("assets"), account)
        in_month = assets.filter(pc.equal(assets["month"], pa.scalar(month, pa.date32())))
        device = _largest(in_month, "backup_data_bytes")
        name = named(array([device["hostname"]], pa.string()), "Device", array([device["id"]]))[0].as_py()
        told.append(
            f"{_decimal(bounds.stored[row] // TERABYTE):,.2f} TB of backup (the device {name!r} ({device['id']}) has "
            f"{device['backup_data_bytes']:,} bytes)"
        )
        details["device"] = device["id"]
    if not told:
        told.append("prices or charges")
    message = (
        f"Company {account} gets no statement for {format_month(month)}, its {' and '.join(told)} are more than one can "
        "hold: correct the record, or the rates of its plan."
    )
    return billing_problem("company", account, message, details, format_month(month))


def _of(frame: pa.Table, account: str) -> pa.Table:
    return kept(frame, positions(column(frame, "account_number"), array([account])) >= 0)


def _largest(frame: pa.Table, name: str) -> dict[str, Any]:
    """The record with the most of something."""
    found: dict[str, Any] = frame.sort_by([(name, "descending")]).slice(0, 1).to_pylist()[0]
    return found


def _decimal(units: int, scale: int = 4) -> Decimal:
    return Decimal(int(units)).scaleb(-scale)
