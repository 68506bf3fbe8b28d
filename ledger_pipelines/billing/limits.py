"""Companies whose records break the arithmetic: they stand alone and are named, and all others are billed.

A number that a source may send, such as nine thousand million hours, is no number that a statement can hold once it
was multiplied. Judged are upper bounds, which no real company comes near: the sums of what is charged before any
allowance. Here: which companies get no statement because of it, and why. Not here: what is charged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.inputs import KEY, RATES, BillingInputs
from ledger_pipelines.billing.line_items import FEES
from ledger_pipelines.billing.lines import labels
from ledger_pipelines.billing.outputs import BYTES
from ledger_pipelines.billing.plans import Terms, agree_terms
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.billing.storage import TERABYTE, with_storage
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import constant, dtype, narrowed, records_of, rounded, values_of
from ledger_pipelines.money import CHARGE, RATE
from ledger_pipelines.months import format_month
from ledger_pipelines.tables.table import HOURS

#: Hours, bytes and counts, with room for what they cost.
_WIDE, _WIDE_TERABYTES = pa.decimal256(45, 18), pa.decimal256(40, 6)
_MOST_HOURS = Decimal(10) ** (HOURS.precision - HOURS.scale)
#: A tenth of what a statement can hold, so that sums of sums fit, too.
_MOST_MONEY = Decimal(10) ** (CHARGE.precision - CHARGE.scale - 1)
_MOST_BYTES = Decimal(2**63)
_MOST_INCLUDED = Decimal(10) ** (BYTES.precision - BYTES.scale)
_COSTED = ("asset_billing_overrides", "user_billing_overrides", "manual_assets", "manual_users")
_BY_HAND = ("manual_assets", "manual_users", "custom_line_items")


def billable_terms(inputs: BillingInputs, months: Sequence[date]) -> tuple[Terms, list[Problem]]:
    """The terms of each company that gets a statement in these ascending months, and why others do not."""
    return inputs.once(("billable_terms", *months), lambda: _billable_terms(inputs, months))


def _billable_terms(inputs: BillingInputs, months: Sequence[date]) -> tuple[Terms, list[Problem]]:
    terms, problems = agree_terms(inputs, months)
    if terms.frame.empty or _is_ordinary(inputs, terms):
        return terms, problems
    bounds = _bounds(inputs, terms)
    is_broken = (
        bounds["has_too_many_hours"]
        | bounds["has_too_many_bytes"]
        | (bounds["hours_money"] + bounds["backup_money"] + bounds["other_money"] >= _MOST_MONEY)
    )
    found = [_problem(inputs, one) for one in records_of(bounds[is_broken])]
    return terms.where(~is_broken), [*problems, *found]


def _is_ordinary(inputs: BillingInputs, terms: Terms) -> bool:
    """Whether even one company with all records there are, each as large as the largest, could have a statement.

    So it is in every real month, which then costs no more than a look at the largest numbers.
    """
    tickets, assets = inputs.read("tickets"), inputs.read("assets")
    hours = _largest(tickets["total_hours_spent"]) * len(tickets)
    stored = _largest(assets["backup_data_bytes"]) * len(assets)
    prices = {name: _largest(values_of(terms.frame[name])) for name in RATES}
    records = sum(getattr(inputs, name).num_rows for name in ("assets", "contacts", *_BY_HAND))
    money = (
        hours * prices["per_hour_ticket_cost"]
        + stored * prices["backup_per_tb_fee"] / TERABYTE
        + records * 3 * max(*prices.values(), _largest_own_price(inputs))
    )
    included = len(assets) * prices["backup_included_tb"] * TERABYTE
    return (
        hours < _MOST_HOURS and 2 * stored < _MOST_BYTES and included < _MOST_INCLUDED and money < _MOST_MONEY
    )


def _largest_own_price(inputs: BillingInputs) -> Decimal:
    """The largest of the costs and fees that edited records have of their own."""
    items = inputs.read("custom_line_items")
    prices = [inputs.read(name)["custom_cost"] for name in _COSTED]
    return max(map(_largest, [*prices, *(items[name] for name in FEES)]))


def _largest(values: pa.ChunkedArray[Any]) -> Decimal:
    """The largest number, whatever its sign."""
    ends: Any = pc.min_max(values).as_py()
    return max((abs(Decimal(value)) for value in ends.values() if value is not None), default=Decimal(0))


def _bounds(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    """By statement, none too low: hours, bytes stored and included, what each may cost, and all other money."""
    bounds = terms.frame.merge(_hours(inputs, terms), on=KEY, how="left")
    bounds = bounds.merge(_devices(inputs, terms), on=KEY, how="left")
    others = [inputs.frame("contacts").merge(terms.frame[KEY], on=KEY)]
    others += [inputs.frame(name).merge(terms.frame[KEY], on="account_number") for name in _BY_HAND]
    many = pd.concat([one[KEY] for one in others]).groupby(KEY).size().rename("others").reset_index()
    bounds = bounds.merge(many.astype({"others": dtype(pa.int64())}), on=KEY, how="left")
    numbers = ("hours", "stored", "devices", "others")
    bounds = bounds.assign(**{name: bounds[name].fillna(0).astype(dtype(_WIDE)) for name in numbers})
    terabytes = narrowed(rounded(bounds["stored"] / TERABYTE, 6), _WIDE_TERABYTES)
    own_price = constant(_largest_own_price(inputs), RATE, bounds)
    highest = bounds[list(RATES)].assign(own_price=own_price).max(axis=1)
    base_fees = bounds["backup_base_fee_workstation"] + bounds["backup_base_fee_server"]
    bounds = bounds.assign(
        included=bounds["devices"] * bounds["backup_included_tb"] * TERABYTE,
        hours_money=bounds["hours"] * bounds["per_hour_ticket_cost"],
        backup_money=terabytes * bounds["backup_per_tb_fee"] + bounds["devices"] * base_fees,
        other_money=(bounds["devices"] + bounds["others"]) * highest,
    )
    return bounds.assign(
        has_too_many_hours=(bounds["hours"] >= _MOST_HOURS) | (bounds["hours_money"] >= _MOST_MONEY),
        has_too_many_bytes=(bounds["stored"] >= _MOST_BYTES)
        | (bounds["included"] >= _MOST_INCLUDED)
        | (bounds["backup_money"] >= _MOST_MONEY),
    )


def _hours(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    """All hours of each statement's company in its month and before."""
    tickets = inputs.frame("tickets")
    sums = tickets.groupby(KEY)["total_hours_spent"].sum().rename("hours").reset_index()
    pairs = terms.frame[KEY].merge(sums, on="account_number", suffixes=("", "_of_ticket"))
    so_far = pairs[pairs["month_of_ticket"] <= pairs["month"]]
    return so_far.groupby(KEY)["hours"].sum().reset_index()


def _devices(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    devices = with_storage(inputs.frame("assets").merge(terms.frame[KEY], on=KEY))
    return devices.groupby(KEY).agg(stored=("stored", "sum"), devices=("id", "count")).reset_index()


def _problem(inputs: BillingInputs, bound: Mapping[str, Any]) -> Problem:
    """Why a company gets no statement, with its largest records by name."""
    account, month = bound["account_number"], bound["month"]
    reasons, details = [], dict[str, Any](account_number=account)
    if bound["has_too_many_hours"]:
        tickets = inputs.frame("tickets")
        tickets = tickets[(tickets["account_number"] == account) & (tickets["month"] <= month)]
        ticket = _first_by(tickets, "total_hours_spent")
        reasons.append(
            f"{bound['hours']:,.2f} ticket hours at {bound['per_hour_ticket_cost']:,.2f} (ticket "
            f"{ticket['ticket_number']} has {ticket['total_hours_spent']:,.2f})"
        )
        details["ticket_number"] = ticket["ticket_number"]
    if bound["has_too_many_bytes"]:
        assets = inputs.frame("assets")
        assets = assets[(assets["account_number"] == account) & (assets["month"] == month)]
        assets = assets.assign(name=labels(assets["hostname"], "Device", assets["id"]))
        device = _first_by(assets, "backup_data_bytes")
        reasons.append(
            f"{bound['stored'] / TERABYTE:,.2f} TB of backup (the device {device['name']!r} ({device['id']}) has "
            f"{device['backup_data_bytes']:,} bytes)"
        )
        details["device"] = device["id"]
    message = (
        f"Company {account} gets no statement for {format_month(month)}, its "
        f"{' and '.join(reasons) or 'prices or charges'} are more than one can hold: correct the record, or the rates "
        "of its plan."
    )
    return billing_problem("company", account, message, details, format_month(month))


def _first_by(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    """The record with the most of something."""
    return records_of(frame.sort_values(name, ascending=False).head(1))[0]
