"""What the billing rule reads: the frames, their columns and their types.

A frame's columns are those of the table of its name; `booked_ticket_hours` is `ticket_hours` of closed months, with
what `tickets` says of each, and `booked_statements` is `billing_statements` of closed months.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import pandas as pd
import pyarrow as pa

from ledger_pipelines.columns import fitted
from ledger_pipelines.frames import to_pandas
from ledger_pipelines.money import RATE

#: What a statement is of: a company in a month.
KEY = ["month", "account_number"]
#: The prices of a plan; each may be overridden for a client. `backup_included_tb` is a quota, not money.
RATES = (
    "per_user_cost",
    "per_workstation_cost",
    "per_server_cost",
    "per_vm_cost",
    "per_switch_cost",
    "per_firewall_cost",
    "per_hour_ticket_cost",
    "backup_base_fee_workstation",
    "backup_base_fee_server",
    "backup_included_tb",
    "backup_per_tb_fee",
)
#: What only an override gives: hours.
PREPAID = ("prepaid_hours_monthly", "prepaid_hours_yearly")
#: Hours as the sources send them: unrounded, so with all digits of the number.
HOURS = pa.decimal128(28, 18)
#: TB as Codex writes them: a text with two decimals.
TERABYTES = pa.decimal128(14, 2)

_MONTH: pa.Field[pa.DataType] = pa.field("month", pa.date32())
#: From when on what people edited holds; null: from ever.
_FROM_MONTH: pa.Field[pa.DataType] = pa.field("from_month", pa.date32())
_ACCOUNT: pa.Field[pa.DataType] = pa.field("account_number", pa.string())
_RATE_FIELDS: list[pa.Field[pa.DataType]] = [pa.field(name, RATE) for name in RATES]
_INSTANT = pa.timestamp("us", "UTC")


def _texts(*names: str) -> list[pa.Field[pa.DataType]]:
    return [pa.field(name, pa.string()) for name in names]


COMPANIES = pa.schema(
    [
        _MONTH,
        _ACCOUNT,
        *_texts("name", "billing_plan", "contract_term_length"),
        pa.field("contract_start_date", pa.date32()),
        pa.field("contract_end_date", pa.date32()),
        *_texts("support_level", "compliance_level", "profit_or_non_profit", "company_main_number"),
        pa.field("company_start_date", pa.date32()),
        *_texts("domains", "phone_system", "email_system"),
    ]
)
ASSETS = pa.schema(
    [
        _MONTH,
        _ACCOUNT,
        pa.field("id", pa.int64()),
        *_texts("hostname", "hardware_type", "device_type", "billing_type", "operating_system"),
        pa.field("online", pa.bool_()),
        pa.field("last_seen", _INSTANT),
        pa.field("backup_data_bytes", pa.int64()),
        pa.field("backup_usage_tb", TERABYTES),
    ]
)
CONTACTS = pa.schema(
    [
        _MONTH,
        _ACCOUNT,
        pa.field("id", pa.int64()),
        *_texts("name", "email", "title", "employment_type"),
        pa.field("active", pa.bool_()),
    ]
)
TICKETS = pa.schema(
    [
        _MONTH,
        _ACCOUNT,
        *_texts("ticket_number"),
        pa.field("ticket_id", pa.int64()),
        *_texts("subject", "status", "priority", "requester_email", "requester_name"),
        pa.field("created_at", _INSTANT),
        pa.field("last_updated_at", _INSTANT),
        pa.field("closed_at", _INSTANT),
        pa.field("total_hours_spent", HOURS),
        pa.field("hours_before", HOURS),
        pa.field("is_gone", pa.bool_()),
        *_texts("moved_from"),
    ]
)
PLANS = pa.schema(
    [
        _MONTH,
        *_texts("plan_name", "term_length", "support_level"),
        *_RATE_FIELDS,
        *_texts("features", "feature_display_names"),
    ]
)
BILLING_PLANS = pa.schema(
    [
        pa.field("id", pa.int64()),
        *_texts("billing_plan", "term_length", "support_level"),
        *_RATE_FIELDS,
        _FROM_MONTH,
    ]
)
CLIENT_BILLING_OVERRIDES = pa.schema(
    [
        _ACCOUNT,
        *_texts("billing_plan"),
        pa.field("billing_plan_enabled", pa.bool_()),
        *(
            field
            for name in (*RATES, *PREPAID)
            for field in (pa.field(name, RATE), pa.field(f"{name}_enabled", pa.bool_()))
        ),
        _FROM_MONTH,
    ]
)
ASSET_BILLING_OVERRIDES = pa.schema(
    [pa.field("asset_id", pa.int64()), *_texts("billing_type"), pa.field("custom_cost", RATE), _FROM_MONTH]
)
USER_BILLING_OVERRIDES = pa.schema(
    [pa.field("user_id", pa.int64()), *_texts("payment_type"), pa.field("custom_cost", RATE), _FROM_MONTH]
)
MANUAL_ASSETS = pa.schema(
    [
        pa.field("id", pa.int64()),
        _ACCOUNT,
        *_texts("hostname", "billing_type"),
        pa.field("custom_cost", RATE),
        _FROM_MONTH,
    ]
)
MANUAL_USERS = pa.schema(
    [
        pa.field("id", pa.int64()),
        _ACCOUNT,
        *_texts("full_name", "payment_type"),
        pa.field("custom_cost", RATE),
        _FROM_MONTH,
    ]
)
CUSTOM_LINE_ITEMS = pa.schema(
    [
        pa.field("id", pa.int64()),
        _ACCOUNT,
        *_texts("name", "description"),
        pa.field("monthly_fee", RATE),
        pa.field("one_off_fee", RATE),
        pa.field("one_off_year", pa.int32()),
        pa.field("one_off_month", pa.int32()),
        pa.field("yearly_fee", RATE),
        pa.field("yearly_month", pa.int32()),
        _FROM_MONTH,
    ]
)
BOOKED_TICKET_HOURS = pa.schema(
    [
        _MONTH,
        _ACCOUNT,
        *_texts("ticket_number"),
        pa.field("ticket_month", pa.date32()),
        pa.field("total_hours", HOURS),
        pa.field("hours", HOURS),
        pa.field("ticket_id", pa.int64()),
        pa.field("created_at", _INSTANT),
    ]
)
BOOKED_STATEMENTS = pa.schema(
    [
        _MONTH,
        _ACCOUNT,
        pa.field("hours_used", HOURS),
        pa.field("hours_earlier_in_year", HOURS),
        pa.field("billable_hours", HOURS),
        *(pa.field(name, RATE) for name in ("per_hour_ticket_cost", *PREPAID)),
    ]
)

SNAPSHOT_GAPS = pa.schema([_MONTH, *_texts("table_name"), _ACCOUNT])

#: Every input by its name, with all columns of its table.
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "companies": COMPANIES,
        "assets": ASSETS,
        "contacts": CONTACTS,
        "tickets": TICKETS,
        "plans": PLANS,
        "billing_plans": BILLING_PLANS,
        "client_billing_overrides": CLIENT_BILLING_OVERRIDES,
        "asset_billing_overrides": ASSET_BILLING_OVERRIDES,
        "user_billing_overrides": USER_BILLING_OVERRIDES,
        "manual_assets": MANUAL_ASSETS,
        "manual_users": MANUAL_USERS,
        "custom_line_items": CUSTOM_LINE_ITEMS,
        "booked_ticket_hours": BOOKED_TICKET_HOURS,
        "booked_statements": BOOKED_STATEMENTS,
        "snapshot_gaps": SNAPSHOT_GAPS,
    }
)

#: The columns of each input that the rule reads; a reader need fetch no others.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(schema.names) for name, schema in SCHEMAS.items()}
    | {
        "companies": tuple(COMPANIES.names[: COMPANIES.names.index("compliance_level")]),
        "assets": (
            *KEY,
            *("id", "hostname", "hardware_type", "device_type", "billing_type"),
            *("backup_data_bytes", "backup_usage_tb"),
        ),
        "contacts": (*KEY, "id", "name", "active"),
        "tickets": (
            *KEY,
            *("ticket_number", "ticket_id", "created_at", "last_updated_at", "total_hours_spent"),
            *("hours_before", "is_gone", "moved_from"),
        ),
        "plans": ("month", "plan_name", "term_length", "support_level", *RATES),
        "custom_line_items": tuple(name for name in CUSTOM_LINE_ITEMS.names if name != "description"),
    }
)


@dataclass(frozen=True, slots=True)
class BillingInputs:
    """Everything that the statements of some months depend on.

    Each frame has at least its `COLUMNS`; more columns and other months do no harm. Keys are unique, as the
    tables' primary keys promise. `companies`, `assets`, `contacts` and `plans` hold the months' snapshots;
    `tickets` holds, besides, the earlier months of the same calendar years. `booked_ticket_hours` are the
    hours on the statements of closed months; rows of a month that is not in `closed_months` are ignored, for
    a reopened month binds nobody. `booked_statements` are those of closed months of the companies that have
    tickets of closed months among a later month's, or that had more hours billed than a ticket has.
    `snapshot_gaps` are the companies' parts that a month's snapshot could not read anew.
    """

    companies: pa.Table
    assets: pa.Table
    contacts: pa.Table
    tickets: pa.Table
    plans: pa.Table
    billing_plans: pa.Table
    client_billing_overrides: pa.Table
    asset_billing_overrides: pa.Table
    user_billing_overrides: pa.Table
    manual_assets: pa.Table
    manual_users: pa.Table
    custom_line_items: pa.Table
    booked_ticket_hours: pa.Table
    booked_statements: pa.Table
    snapshot_gaps: pa.Table
    closed_months: frozenset[date] = frozenset()

    def read(self, name: str) -> pa.Table:
        """An input with exactly the columns that the rule reads, in their types.

        Raises FrameError when a column is missing or does not fit its type without loss.
        """
        wanted = pa.schema([SCHEMAS[name].field(column) for column in COLUMNS[name]])
        return fitted(f"billing input {name}", getattr(self, name), wanted)

    def frame(self, name: str) -> pd.DataFrame:
        """An input as `read` gives it, in pandas."""
        return to_pandas(self.read(name))
