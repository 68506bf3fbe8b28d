"""Edits in words: what a row is called, and what each field was and is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.console.pages.rendering import NONE, number
from ledger_pipelines.months import format_month
from ledger_pipelines.store.edits.changes import row_label
from ledger_pipelines.store.edits.history import RecordedEdit
from ledger_pipelines.store.edits.tables import ALL, FEATURES, PLANS, Editable

_EDITABLE = {editable.name: editable for editable in ALL}
#: What only an administrator edits, and puts back.
ADMINS_TABLES = {PLANS.name, FEATURES.name}
TABLE_NAMES = {
    "billing_plans": "Plans",
    "feature_options": "Feature options",
    "client_billing_overrides": "Agreements with companies",
    "asset_billing_overrides": "Devices' types",
    "user_billing_overrides": "People's types",
    "client_feature_overrides": "Companies' features",
    "manual_assets": "Devices by hand",
    "manual_users": "People by hand",
    "custom_line_items": "Charges",
    "cfo_entity_mappings": "CFO's entities",
    "cfo_revenue_categories": "CFO's revenue categories",
    "service_terms": "Service terms",
    "unpaid_cohorts": "Unpaid cohorts",
    "accounts": "Accounts",
    "parties": "Parties",
    "payment_matches": "Matches",
}
LABELS = {
    "billing_plan": "Plan",
    "term_length": "Term",
    "support_level": "Support level",
    "per_user_cost": "User",
    "per_workstation_cost": "Workstation",
    "per_server_cost": "Server",
    "per_vm_cost": "Virtual machine",
    "per_switch_cost": "Switch",
    "per_firewall_cost": "Firewall",
    "per_hour_ticket_cost": "Ticket hour",
    "backup_base_fee_workstation": "Backup, workstation",
    "backup_base_fee_server": "Backup, server",
    "backup_included_tb": "Backup, TB included",
    "backup_per_tb_fee": "Backup, TB beyond",
    "prepaid_hours_monthly": "Prepaid hours a month",
    "prepaid_hours_yearly": "Prepaid hours a year",
    "billing_type": "Billed as",
    "payment_type": "Billed as",
    "custom_cost": "Custom cost",
    "from_month": "From month",
    "yearly_month": "Month of the year",
    "account_number": "Account",
    "asset_id": "Device",
    "user_id": "Person",
    "hostname": "Device's name",
    "full_name": "Person's name",
    "feature_type": "Feature",
}
#: How the form of a table calls what has another name, or another place, in its own.
_IN_FORMS: Mapping[str, Mapping[str, str]] = {
    "billing_plans": {"billing_plan": "Name"},
    "custom_line_items": {
        "name": "Name on the statement",
        **dict.fromkeys(("monthly_fee", "one_off_fee", "yearly_fee"), "Fee"),
        **dict.fromkeys(("one_off_year", "one_off_month"), "Once in month"),
        "yearly_month": "Each year in",
    },
}


@dataclass(frozen=True, slots=True)
class DescribedChange:
    """A field's change in words; None where the row was not, or is not any more."""

    label: str
    before: str | None
    after: str | None


def label(field: str) -> str:
    """A field as people call it."""
    return LABELS.get(field) or field.replace("_", " ").capitalize()


def form_label(editable: Editable, column: str) -> str:
    """What the form of a row calls a column."""
    return _IN_FORMS.get(editable.name, {}).get(column) or label(column)


def with_labels(sentence: str, editable: Editable | None) -> str:
    """A sentence about a row's columns with the labels of its form in place of their names."""
    if editable is None:
        return sentence
    names = sorted((column.name for column in editable.table.columns), key=len, reverse=True)
    # A word such as `name` is a column's only where the sentence is about it; what stands in quotes is somebody's own.
    columns = "|".join(name if "_" in name else rf"^{name}(?= (?:is|has) )" for name in names)
    return re.sub(
        rf"(?<!['\w])(?:{columns})(?!['\w])",
        lambda found: f"“{form_label(editable, found[0])}”",
        sentence,
    )


def editable_of(edit: RecordedEdit) -> Editable | None:
    """The table as it is edited, where billing reads it."""
    return _EDITABLE.get(edit.table_name)


def edit_label(edit: RecordedEdit) -> str:
    """What was edited: `charge Monitoring of 620547 from 2025-07`."""
    editable, row = editable_of(edit), edit.row
    if editable is not None and all(name in row for name in editable.key):
        since = row.get("from_month")
        dated = {**row, "from_month": date.fromisoformat(since) if since else None}
        return row_label(editable, dated)
    values = [str(value) for value in list(row.values())[:2] if value is not None]
    return f"{edit.table_name} {' '.join(values)}"


def describe_changes(edit: RecordedEdit) -> list[DescribedChange]:
    """What each field was and is; a switch beside a value shows as the value's presence or absence."""
    return describe_difference(edit.before, edit.after, editable_of(edit))


def describe_difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, editable: Editable | None = None
) -> list[DescribedChange]:
    """What each field of a row is and will be; of a row that comes or goes what it says, without what names it."""
    was, will = _counting(before), _counting(after)
    names = [name for name in {**was, **will} if was.get(name) != will.get(name)]
    if before is None or after is None:
        keys = () if editable is None else editable.key
        names = [
            name for name in names if name not in keys and (name != "enabled" or not {**was, **will}[name])
        ]
    order = [] if editable is None else [*editable.fields, *editable.beginning]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    return [
        DescribedChange(
            label(name),
            None if before is None else _text(name, was.get(name)),
            None if after is None else _text(name, will.get(name)),
        )
        for name in names
        if not name.endswith("_enabled") and name != "id"
    ]


def _counting(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row's values, without those that do not count."""
    row = row or {}
    return {name: value for name, value in row.items() if row.get(f"{name}_enabled") is not False}


def _text(name: str, value: Any) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return number(value)
    if name.endswith("_month") and isinstance(value, str):
        return format_month(date.fromisoformat(value))
    return str(value)
