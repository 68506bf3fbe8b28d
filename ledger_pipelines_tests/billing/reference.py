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
    """Bills by month and account; ticket hours, and late ones that nobody pays, by those and ticket; problems as
    (type, id, month).
    """

    bills: dict[tuple[date, str], Bill] = field(default_factory=dict)
    ticket_hours: dict[tuple[date, str, str], tuple[Fraction, Fraction, Fraction]] = field(
        default_factory=dict
    )
    unbilled: set[tuple[date, str, str]] = field(default_factory=set)
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
    used = _regular(inputs, month, month, account, books)
    earlier = sum(
        (_counted(inputs, month, date(month.year, one, 1), account) for one in range(1, month.month)), ZERO
    )
    after_month = max(ZERO, used - rates["prepaid_hours_monthly"])
    yearly_left = max(ZERO, rates["prepaid_hours_yearly"] - earlier)
    billable = max(ZERO, after_month - yearly_left)
    if billable:
        rate, quantity = rates["per_hour_ticket_cost"], rounded(billable, 6)
        bill.lines["tickets", "hours"] = ("hours", quantity, rate, cents(quantity * rate))
    late = _late_hours(inputs, month, account, bill, books)
    stated = {
        "hours_used": used,
        "hours_earlier_in_year": earlier,
        "billable_hours": billable,
        "late_hours": late,
    }
    bill.facts |= {name: rounded(hours, 18) for name, hours in stated.items()}


def seconds(hours: Decimal | None) -> Fraction:
    """Hours, taken for the whole seconds that they were made of."""
    return Fraction(floor(Fraction(hours or 0) * 3600 + Fraction(1, 2)), 3600)


def _own_month(ticket: Row) -> date:
    updated = ticket["last_updated_at"]
    return ticket["month"] if updated is None else date(updated.year, updated.month, 1)


def _bound(inputs: SimpleNamespace, month: date) -> list[Row]:
    """What closed months billed, as far as it binds a month: all but it, and of a closed one those before it."""
    return [
        row
        for row in inputs.booked_ticket_hours
        if row["month"] in inputs.closed_months
        and row["month"] != month
        and (month not in inputs.closed_months or row["month"] < month)
    ]


def _ticket(inputs: SimpleNamespace, month: date, ticket: Row) -> tuple[Fraction, Fraction, Fraction]:
    """A ticket's hours, those that closed months billed, and the others."""
    rows = [
        row
        for row in _bound(inputs, month)
        if (row["account_number"], row["ticket_number"])
        == (ticket["account_number"], ticket["ticket_number"])
        and (ticket["month"] not in inputs.closed_months or row["month"] < ticket["month"])
    ]
    before, last = ZERO, None
    for row in sorted(rows, key=lambda row: row["month"]):
        before = seconds(row["hours"]) + (ZERO if last and _is_another(row, last) else before)
        last = row
    if last and _is_another(ticket, last):
        before = ZERO
    total = seconds(ticket["total_hours_spent"])
    return total, before, max(ZERO, total - before)


def _is_another(ticket: Row, before: Row) -> bool:
    """Another id, and created after the month that billed the number before."""
    if ticket["ticket_id"] is None or before["ticket_id"] is None or ticket["created_at"] is None:
        return False
    month = before["month"]
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return ticket["ticket_id"] != before["ticket_id"] and ticket["created_at"].date() >= after


def _regular(
    inputs: SimpleNamespace, asked: date, month: date, account: str, books: Books | None = None
) -> Fraction:
    """The hours of a month's own tickets."""
    hours = ZERO
    for ticket in inputs.tickets:
        if (ticket["month"], ticket["account_number"], _own_month(ticket)) == (month, account, month):
            reckoned = _ticket(inputs, asked, ticket)
            hours += reckoned[2]
            if books is not None:
                books.ticket_hours[month, account, ticket["ticket_number"]] = _shown(reckoned)
    return hours


def _shown(hours: tuple[Fraction, Fraction, Fraction]) -> tuple[Fraction, Fraction, Fraction]:
    total, before, added = hours
    return rounded(total, 18), rounded(before, 18), rounded(added, 18)


def _counted(inputs: SimpleNamespace, asked: date, month: date, account: str) -> Fraction:
    """The hours of an earlier month of the year, and those that it lacked and open months have since found."""
    booked = [row for row in _bound(inputs, asked) if row["account_number"] == account]
    if any(row["month"] == month for row in booked):
        own = (seconds(row["hours"]) for row in booked if (row["ticket_month"] or row["month"]) == month)
        hours = sum(own, ZERO)
    else:
        # Without a statement in a closed month nothing is booked, and the tickets speak for themselves.
        hours = _regular(inputs, asked, month, account)
    for ticket in inputs.tickets:
        found_in = ticket["month"]
        if (
            (ticket["account_number"], _own_month(ticket)) == (account, month)
            and month < found_in <= asked
            and (found_in == asked or found_in not in inputs.closed_months)
            and _statement(inputs, asked, month, account) is not None
        ):
            hours += _ticket(inputs, asked, ticket)[2]
    return hours


def _statement(inputs: SimpleNamespace, asked: date, month: date, account: str) -> Row | None:
    """A closed month's statement, of months before the one asked for."""
    for row in inputs.booked_statements:
        if (row["month"], row["account_number"]) == (month, account):
            return row if month in inputs.closed_months and month < asked else None
    return None


def _late_hours(inputs: SimpleNamespace, asked: date, account: str, bill: Bill, books: Books) -> Fraction:
    """Lines for what closed months lack: what all of a year's would bill more had they known, less what is covered."""
    late: dict[int, list[tuple[date, str, Fraction]]] = {}
    for ticket in inputs.tickets:
        own = _own_month(ticket)
        if (ticket["month"], ticket["account_number"]) != (asked, account) or own == asked:
            continue
        reckoned = _ticket(inputs, asked, ticket)
        if _statement(inputs, asked, own, account) is None:
            if reckoned[2]:
                books.unbilled.add((asked, account, ticket["ticket_number"]))
            continue
        books.ticket_hours[asked, account, ticket["ticket_number"]] = _shown(reckoned)
        late.setdefault(own.year, []).append((own, ticket["ticket_number"], reckoned[2]))
    billed = ZERO
    for year, tickets in late.items():
        before = _billed_in_year(inputs, asked, account, year, [])
        lacking = _billed_in_year(inputs, asked, account, year, tickets) - before
        covered = max(ZERO, sum((hours for *_, hours in tickets), ZERO) - lacking)
        for own, number, hours in sorted(tickets):
            free = min(covered, hours)
            covered -= free
            if hours > free:
                statement = _statement(inputs, asked, own, account)
                assert statement is not None
                rate, quantity = Fraction(statement["per_hour_ticket_cost"]), rounded(hours - free, 6)
                bill.lines["ticket", number] = ("late hours", quantity, rate, cents(quantity * rate))
                billed += hours - free
    return billed


def _billed_in_year(
    inputs: SimpleNamespace,
    asked: date,
    account: str,
    year: int,
    late: Sequence[tuple[date, str, Fraction]],
) -> Fraction:
    """The billable hours of a year's closed months, with these hours that came late and those billed before."""
    found = [
        (row["ticket_month"], row["month"], seconds(row["hours"]))
        for row in _bound(inputs, asked)
        if row["account_number"] == account
        and row["ticket_month"] is not None
        and row["ticket_month"].year == year
        and _statement(inputs, asked, row["ticket_month"], account) is not None
    ] + [(own, asked, hours) for own, _, hours in late]
    billed = ZERO
    for month in [date(year, number, 1) for number in range(1, 13)]:
        statement = _statement(inputs, asked, month, account)
        if statement is None:
            continue
        used = seconds(statement["hours_used"]) + sum(
            (hours for own, _, hours in found if own == month), ZERO
        )
        # Those that were found up to the month are among its statement's earlier hours already.
        earlier = seconds(statement["hours_earlier_in_year"]) + sum(
            (hours for own, found_in, hours in found if own < month < found_in), ZERO
        )
        after_month = max(ZERO, used - Fraction(statement["prepaid_hours_monthly"]))
        billed += max(ZERO, after_month - max(ZERO, Fraction(statement["prepaid_hours_yearly"]) - earlier))
    return billed


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
