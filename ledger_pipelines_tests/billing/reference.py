"""The billing rules once more, record by record and in fractions: slow, plain, and written from the rule's
text alone.

It shares nothing with the package but the names of rates and columns, so that a mistake would have to be made
twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from types import SimpleNamespace
from typing import Any

from ledger_pipelines.billing.inputs import RATES, SCHEMAS, BillingInputs

Row = dict[str, Any]
ZERO = Fraction(0)
ASSET_RATES = {
    "Workstation": "per_workstation_cost",
    "Server": "per_server_cost",
    "VM": "per_vm_cost",
    "Switch": "per_switch_cost",
    "Firewall": "per_firewall_cost",
}


@dataclass
class Bill:
    """A company's month: lines by source as (type, quantity, rate, amount), and what the statement says."""

    lines: dict[tuple[str, str], tuple[str, Fraction, Fraction, Fraction]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Books:
    """Bills by month and account, ticket hours by those and ticket, problems as (type, id, month)."""

    bills: dict[tuple[date, str], Bill] = field(default_factory=dict)
    ticket_hours: dict[tuple[date, str, str], tuple[Fraction, Fraction, Fraction]] = field(
        default_factory=dict
    )
    problems: set[tuple[str, str, str]] = field(default_factory=set)


def reckon(inputs: BillingInputs, months: Sequence[date]) -> Books:
    """The books of these months."""
    books = Books()
    records = SimpleNamespace(closed_months=inputs.closed_months)
    for name in SCHEMAS:
        setattr(records, name, getattr(inputs, name).to_pylist())
    for month in months:
        for company in records.companies:
            if company["month"] == month:
                _reckon_company(records, month, company, books)
    return books


def _reckon_company(inputs: SimpleNamespace, month: date, company: Row, books: Books) -> None:
    account = company["account_number"]
    agreed = _agree(inputs, month, company)
    if agreed == "no such plan":
        books.problems.add(("company", account, f"{month:%Y-%m}"))
    if isinstance(agreed, str):
        return
    bill = Bill(facts=agreed.facts)
    books.bills[month, account] = bill
    _users(inputs, month, account, agreed.rates, bill, books)
    devices = _assets(inputs, month, account, agreed.rates, bill, books)
    _backup(devices, agreed.rates, bill)
    _hours(inputs, month, account, agreed.rates, bill, books)
    _line_items(inputs, month, account, bill)
    bill.facts["total"] = sum((amount for *_, amount in bill.lines.values()), ZERO)


# Which plan, which rates


@dataclass
class _Agreed:
    rates: dict[str, Fraction]
    facts: dict[str, Any]


def _agree(inputs: SimpleNamespace, month: date, company: Row) -> _Agreed | str:
    override = _in_force(inputs.client_billing_overrides, month, account_number=company["account_number"])
    overridden = override.get("billing_plan") if override.get("billing_plan_enabled") else None
    name = overridden or company["billing_plan"]
    if not name:
        return "no such plan"
    if name.lower() == "inactive":
        return "inactive"
    term = _term(company["contract_term_length"])
    local = [
        plan
        for plan in inputs.billing_plans
        if (plan["billing_plan"], _term(plan["term_length"])) == (name, term) and _has_begun(plan, month)
    ]
    local.sort(key=_begins)
    codex = [
        plan
        for plan in inputs.plans
        if (plan["month"], plan["plan_name"], _term(plan["term_length"])) == (month, name, term)
    ]
    plans = local[-1:] or codex
    if not plans:
        return "no such plan"
    rates = {rate: Fraction(plans[0][rate] or 0) for rate in RATES}
    for rate in (*RATES, "prepaid_hours_monthly", "prepaid_hours_yearly"):
        rates.setdefault(rate, ZERO)
        if override.get(f"{rate}_enabled") and override.get(rate) is not None:
            rates[rate] = Fraction(override[rate])
    facts = {"billing_plan": name, "contract_term": term, "contract_end_date": _contract_end(company, term)}
    return _Agreed(rates, facts)


def _term(text: str | None) -> str:
    if text is None or not text.strip():
        return "Month to Month"
    years = re.fullmatch(r"([123])[- ]year", text.strip().lower())
    return f"{years[1]} Year" if years else text.strip()


def _contract_end(company: Row, term: str) -> date | None:
    start: date | None = company["contract_start_date"]
    if company["contract_end_date"] is not None or start is None or not term.endswith("Year"):
        return company["contract_end_date"]
    year = start.year + int(term[0])
    day = 28 if (start.month, start.day) == (2, 29) and year % 4 else start.day
    return date(year, start.month, day) - timedelta(days=1)


# Assets and users


def _assets(
    inputs: SimpleNamespace,
    month: date,
    account: str,
    rates: Mapping[str, Fraction],
    bill: Bill,
    books: Books,
) -> list[tuple[str, Fraction]]:
    devices = []
    for asset in inputs.assets:
        if (asset["month"], asset["account_number"]) == (month, account):
            override = _in_force(inputs.asset_billing_overrides, month, asset_id=asset["id"])
            written = override.get("billing_type") or asset["billing_type"]
            kind = written or _derived(asset["hardware_type"], asset["device_type"])
            cost = override.get("custom_cost")
            kind = _one_of_a_type(
                bill, books, month, "asset", asset["id"], kind, cost, {**_asset_prices(rates)}
            )
            devices.append((kind, _terabytes(asset)))
            if _contradicts(asset):
                books.problems.add(("asset", str(asset["id"]), f"{month:%Y-%m}"))
    for asset in inputs.manual_assets:
        if asset["account_number"] == account and _counts(inputs.manual_assets, asset, month, ["hostname"]):
            kind, cost = asset["billing_type"], asset["custom_cost"]
            _one_of_a_type(bill, books, month, "manual_asset", asset["id"], kind, cost, _asset_prices(rates))
    return devices


def _terabytes(asset: Row) -> Fraction:
    """Codex's text of TB is exact, and its bytes are cut from a float of it; where the two are at odds, bytes hold."""
    written = asset["backup_usage_tb"]
    if written is None or _contradicts(asset):
        return Fraction(asset["backup_data_bytes"], 2**40)
    return Fraction(written)


def _contradicts(asset: Row) -> bool:
    written = asset["backup_usage_tb"]
    return written is not None and abs(Fraction(written) * 2**40 - asset["backup_data_bytes"]) > 2


def _asset_prices(rates: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {kind: rates[rate] for kind, rate in ASSET_RATES.items()} | {"No Charge": ZERO}


def _derived(hardware: str | None, device: str | None) -> str:
    text = f"{hardware or ''} {device or ''}".lower()
    if ("virtual" in text or "vm" in text) and "server" in text:
        return "VM"
    if "server" in text or "esxi" in text:
        return "Server"
    if "switch" in text:
        return "Switch"
    return "Firewall" if "firewall" in text else "Workstation"


def _users(
    inputs: SimpleNamespace,
    month: date,
    account: str,
    rates: Mapping[str, Fraction],
    bill: Bill,
    books: Books,
) -> None:
    prices = {"Paid": rates["per_user_cost"], "Free": ZERO}
    for contact in inputs.contacts:
        if (contact["month"], contact["account_number"]) == (month, account):
            override = _in_force(inputs.user_billing_overrides, month, user_id=contact["id"])
            kind = override.get("payment_type") or ("Paid" if contact["active"] else "Free")
            cost = override.get("custom_cost")
            _one_of_a_type(bill, books, month, "contact", contact["id"], kind, cost, prices)
    for user in inputs.manual_users:
        if user["account_number"] == account and _counts(inputs.manual_users, user, month, ["full_name"]):
            kind, cost = user["payment_type"], user["custom_cost"]
            _one_of_a_type(bill, books, month, "manual_user", user["id"], kind, cost, prices)


def _one_of_a_type(
    bill: Bill,
    books: Books,
    month: date,
    source: str,
    number: int,
    written: str,
    cost: Decimal | None,
    prices: Mapping[str, Fraction],
) -> str:
    spellings = {kind.lower(): kind for kind in (*prices, "Custom")}
    kind = spellings.get(written.lower(), "Unknown")
    rate = Fraction(cost or 0) if kind == "Custom" else prices.get(kind, ZERO)
    if kind == "Unknown" or (kind == "Custom" and cost is None):
        books.problems.add((source, str(number), f"{month:%Y-%m}"))
    bill.lines[source, str(number)] = (kind, Fraction(1), rate, cents(rate))
    return kind


# Backup


def _backup(devices: Sequence[tuple[str, Fraction]], rates: Mapping[str, Fraction], bill: Bill) -> None:
    backed_up = [kind for kind, stored in devices if stored > 0]
    workstations = backed_up.count("Workstation")
    servers = backed_up.count("Server") + backed_up.count("VM")
    for name, count in (("workstation", workstations), ("server", servers)):
        if count:
            fee = rates[f"backup_base_fee_{name}"]
            bill.lines["backup", f"base_{name}"] = (f"base_{name}", Fraction(count), fee, cents(count * fee))
    stored_tb = sum((stored for _, stored in devices), ZERO)
    overage = max(ZERO, stored_tb - (workstations + servers) * rates["backup_included_tb"])
    if overage:
        fee = rates["backup_per_tb_fee"]
        shown = rounded(overage, 6)
        bill.lines["backup", "overage"] = ("overage", shown, fee, cents(shown * fee))
    bill.facts["overage_bytes"] = overage * 2**40


# Ticket hours


def _hours(
    inputs: SimpleNamespace,
    month: date,
    account: str,
    rates: Mapping[str, Fraction],
    bill: Bill,
    books: Books,
) -> None:
    for ticket in inputs.tickets:
        if (ticket["month"], ticket["account_number"]) == (month, account):
            books.ticket_hours[month, account, ticket["ticket_number"]] = _ticket(inputs, ticket)
    used = _open_hours(inputs, month, account)
    earlier = sum(
        (_counted(inputs, date(month.year, one, 1), account) for one in range(1, month.month)), ZERO
    )
    after_month = max(ZERO, used - rates["prepaid_hours_monthly"])
    yearly_left = max(ZERO, rates["prepaid_hours_yearly"] - earlier)
    billable = max(ZERO, after_month - yearly_left)
    bill.facts |= {"hours_used": used, "hours_earlier_in_year": earlier, "billable_hours": billable}
    if billable:
        rate = rates["per_hour_ticket_cost"]
        shown = rounded(billable, 6)
        bill.lines["tickets", "hours"] = ("hours", shown, rate, cents(shown * rate))


def _ticket(inputs: SimpleNamespace, ticket: Row) -> tuple[Fraction, Fraction, Fraction]:
    total = Fraction(ticket["total_hours_spent"])
    before = sum(
        (
            Fraction(booked["hours"])
            for booked in inputs.booked_ticket_hours
            if booked["ticket_number"] == ticket["ticket_number"]
            and booked["month"] in inputs.closed_months
            and booked["month"] < ticket["month"]
        ),
        ZERO,
    )
    return total, before, max(ZERO, total - before)


def _counted(inputs: SimpleNamespace, month: date, account: str) -> Fraction:
    if month not in inputs.closed_months:
        return _open_hours(inputs, month, account)
    booked = [
        Fraction(row["hours"])
        for row in inputs.booked_ticket_hours
        if (row["month"], row["account_number"]) == (month, account)
    ]
    # Without a statement in the closed month nothing is booked, and the tickets speak for themselves.
    return sum(booked, ZERO) if booked else _open_hours(inputs, month, account)


def _open_hours(inputs: SimpleNamespace, month: date, account: str) -> Fraction:
    tickets = [row for row in inputs.tickets if (row["month"], row["account_number"]) == (month, account)]
    return sum((_ticket(inputs, ticket)[2] for ticket in tickets), ZERO)


# Custom line items


def _line_items(inputs: SimpleNamespace, month: date, account: str, bill: Bill) -> None:
    for item in inputs.custom_line_items:
        if item["account_number"] != account or not _counts(
            [other for other in inputs.custom_line_items if _fee_of(other) == _fee_of(item)],
            item,
            month,
            ["name"],
        ):
            continue
        if item["monthly_fee"] is not None:
            kind, fee = "recurring", item["monthly_fee"]
        elif item["one_off_fee"] is not None and (item["one_off_year"], item["one_off_month"]) == (
            month.year,
            month.month,
        ):
            kind, fee = "one_off", item["one_off_fee"]
        elif item["yearly_fee"] is not None and item["yearly_month"] == month.month:
            kind, fee = "yearly", item["yearly_fee"]
        else:
            continue
        bill.lines["line_item", str(item["id"])] = (kind, Fraction(1), Fraction(fee), cents(Fraction(fee)))


# Numbers and records


def rounded(value: Fraction, places: int) -> Fraction:
    """Half-up, away from zero."""
    scaled = abs(value) * 10**places
    whole = floor(scaled + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, 10**places)


def cents(value: Fraction) -> Fraction:
    """An amount."""
    return rounded(value, 2)


# What people edit


def _begins(row: Row) -> date:
    return row["from_month"] or date.min


def _has_begun(row: Row, month: date) -> bool:
    return _begins(row) <= month


def _in_force(rows: Sequence[Row], month: date, **key: Any) -> Row:
    """The row of one thing that began latest, whole; an empty one where none has begun."""
    begun = [
        row
        for row in rows
        if all(row[name] == value for name, value in key.items()) and _has_begun(row, month)
    ]
    return max(begun, key=_begins, default={})


def _counts(rows: Sequence[Row], one: Row, month: date, names: Sequence[str]) -> bool:
    """Whether a row has begun, and no other of the same company and name began later and has begun, too."""
    same = [row for row in rows if all(row[name] == one[name] for name in ("account_number", *names))]
    latest = max((_begins(row) for row in same if _has_begun(row, month)), default=None)
    return latest is not None and _begins(one) == latest


def _fee_of(item: Row) -> str:
    return next(name for name in ("monthly_fee", "one_off_fee", "yearly_fee") if item[name] is not None)
