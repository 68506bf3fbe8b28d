"""Small billing inputs: a record is a dict of what the case is about, the rest is filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.inputs import RATES, SCHEMAS, BillingInputs
from ledger_pipelines.billing.statements import BillingResult, bill

MARCH = date(2025, 3, 1)
TERABYTE = 2**40

#: The plan of the worked numbers in rules/billing.md.
WORKED_RATES = {
    "per_user_cost": "15",
    "per_workstation_cost": "50",
    "per_server_cost": "150",
    "per_vm_cost": "100",
    "per_switch_cost": "25",
    "per_firewall_cost": "75",
    "per_hour_ticket_cost": "150",
    "backup_base_fee_workstation": "5",
    "backup_base_fee_server": "20",
    "backup_included_tb": "1",
    "backup_per_tb_fee": "10",
}
NO_RATES = dict.fromkeys(RATES, "0")

_NUMBERED = {"assets", "contacts", "billing_plans", "manual_assets", "manual_users", "custom_line_items"}
_ACCOUNT = {"account_number": "A1"}
_FILLED: Mapping[str, Mapping[str, Any]] = {
    "companies": {
        **_ACCOUNT,
        "name": "Acme Dental Group",
        "billing_plan": "Standard",
        "contract_term_length": "1 Year",
    },
    "assets": {**_ACCOUNT, "hostname": "PC", "backup_data_bytes": 0},
    "contacts": {**_ACCOUNT, "name": "Ann Lee", "active": True},
    "tickets": _ACCOUNT,
    "plans": {"plan_name": "Standard", "term_length": "1 Year", **WORKED_RATES},
    "billing_plans": {"billing_plan": "Standard", "term_length": "1 Year", **NO_RATES},
    "client_billing_overrides": _ACCOUNT,
    "manual_assets": {**_ACCOUNT, "hostname": "Printer", "billing_type": "Workstation"},
    "manual_users": {**_ACCOUNT, "full_name": "Bob Stone", "payment_type": "Paid"},
    "custom_line_items": {**_ACCOUNT, "name": "Web hosting"},
    "booked_ticket_hours": _ACCOUNT,
    "booked_statements": {
        **_ACCOUNT,
        "hours_used": "0",
        "hours_earlier_in_year": "0",
        "billable_hours": "0",
        "per_hour_ticket_cost": "150",
        "prepaid_hours_monthly": "0",
        "prepaid_hours_yearly": "0",
    },
}

Record = Mapping[str, Any]


def make_frame(name: str, records: Iterable[Record], *, month: date = MARCH) -> pa.Table:
    """An input of this name with these records; decimals may be given as text or whole numbers."""
    schema = SCHEMAS[name]
    rows = []
    for number, record in enumerate(records, start=1):
        filled = {
            "month": month,
            **({"id": number} if name in _NUMBERED else {}),
            **_FILLED.get(name, {}),
            **record,
        }
        unknown = set(record) - set(schema.names)
        assert not unknown, f"{name} has no column {unknown}"
        rows.append({field.name: _value(field, filled.get(field.name)) for field in schema})
    return pa.Table.from_pylist(rows, schema=schema)


def _value(field: pa.Field[Any], value: Any) -> Any:
    if value is None and pa.types.is_boolean(field.type) and field.name.endswith("_enabled"):
        return False
    if value is not None and pa.types.is_decimal(field.type):
        return Decimal(value)
    return value


def make_inputs(
    *,
    month: date = MARCH,
    closed_months: Iterable[date] = (),
    companies: Sequence[Record] | None = None,
    plans: Sequence[Record] | None = None,
    **others: Sequence[Record],
) -> BillingInputs:
    """The inputs of a month: company A1 on the worked plan unless others are given, and nothing else by
    default.

    A record without a month is of `month`. Tickets take `hours` for `total_hours_spent` and are numbered.
    """
    records: dict[str, Sequence[Record]] = {
        **others,
        "companies": [{}] if companies is None else companies,
        "plans": [{}] if plans is None else plans,
    }
    records["tickets"] = [
        {"ticket_number": f"T{number}", "total_hours_spent": "0", **_with_hours(ticket)}
        for number, ticket in enumerate(records.get("tickets", ()), start=1)
    ]
    return BillingInputs(
        **{name: make_frame(name, records.get(name, ()), month=month) for name in SCHEMAS},
        closed_months=frozenset(closed_months),
    )


def _with_hours(ticket: Record) -> dict[str, Any]:
    given = dict(ticket)
    if "hours" in given:
        given["total_hours_spent"] = given.pop("hours")
    return given


def enabled(**rates: Any) -> dict[str, Any]:
    """A client override's record in which these rates are enabled."""
    return {**rates, **{f"{name}_enabled": True for name in rates}}


def bill_month(month: date = MARCH, **records: Any) -> BillingResult:
    """What a month of `make_inputs` is billed."""
    return bill(make_inputs(month=month, **records), [month], currency="USD")


def only_statement(result: BillingResult) -> dict[str, Any]:
    """The one statement there is."""
    (statement,) = result.statements.to_pylist()
    return dict(statement)


def statement_of(month: date = MARCH, **records: Any) -> dict[str, Any]:
    """The one statement of a month of `make_inputs`."""
    return only_statement(bill_month(month, **records))


def lines_of(result: BillingResult, kind: str) -> list[dict[str, Any]]:
    """The lines of this kind, by source and id."""
    lines = [line for line in result.lines.to_pylist() if line["kind"] == kind]
    return sorted(
        lines,
        key=lambda line: (line["month"], line["account_number"], line["source_type"], line["source_id"]),
    )
