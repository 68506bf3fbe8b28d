"""What the billing rule reads: the frames, their columns and their types.

A frame's columns are those of the table of its name; `booked_ticket_hours` is `ticket_hours` of closed months, with
what `tickets` says of each, and `booked_statements` is `billing_statements` of closed months.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import fitted, to_pandas
from ledger_pipelines.tables import TABLES, rates
from ledger_pipelines.tables.table import DATE, TEXT

T = TypeVar("T")

#: What a statement is of: a company in a month.
KEY = ["month", "account_number"]
#: The prices of a plan; each may be overridden for a client. `backup_included_tb` is a quota, not money.
RATES = tuple(rates.RATES)
#: What only an override gives: hours.
PREPAID = tuple(rates.PREPAID)
TICKETS = TABLES["tickets"].part(TABLES["tickets"].by_name)
#: What closed months billed of tickets, with what `tickets` says of each.
BOOKED_TICKET_HOURS = pa.schema(
    [
        *TABLES["ticket_hours"].part(
            ("month", "account_number", "ticket_number", "ticket_month", "total_hours", "hours")
        ),
        *TABLES["tickets"].part(("ticket_id", "created_at")),
    ]
)
BOOKED_STATEMENTS = TABLES["billing_statements"].part(
    (
        *(*KEY, "hours_used", "hours_earlier_in_year", "billable_hours"),
        *("per_hour_ticket_cost", *PREPAID),
    )
)
_GAP: dict[str, pa.DataType] = {"month": DATE, "table_name": TEXT, "account_number": TEXT}

#: Every input by its name, with all columns of its table.
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        **{
            name: TABLES[name].part(TABLES[name].by_name)
            for name in (
                *("companies", "assets", "contacts", "tickets", "plans", "billing_plans"),
                *("client_billing_overrides", "asset_billing_overrides", "user_billing_overrides"),
                *("manual_assets", "manual_users", "custom_line_items"),
            )
        },
        "booked_ticket_hours": BOOKED_TICKET_HOURS,
        "booked_statements": BOOKED_STATEMENTS,
        "snapshot_gaps": pa.schema(_GAP),
    }
)

#: The columns of each input that the rule reads; a reader need fetch no others.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(schema.names) for name, schema in SCHEMAS.items()}
    | {
        "companies": (
            *(*KEY, "name", "billing_plan", "contract_term_length"),
            *("contract_start_date", "contract_end_date", "support_level"),
        ),
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
        **{
            name: tuple(column for column in SCHEMAS[name].names if column not in ("description", "notes"))
            for name in ("manual_assets", "manual_users", "custom_line_items")
        },
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
    _computed: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def read(self, name: str) -> pa.Table:
        """An input with exactly the columns that the rule reads, in their types.

        Raises FrameError when a column is missing or does not fit its type without loss.
        """
        wanted = pa.schema([SCHEMAS[name].field(column) for column in COLUMNS[name]])
        return fitted(f"billing input {name}", getattr(self, name), wanted)

    def frame(self, name: str) -> pd.DataFrame:
        """An input as `read` gives it, in pandas: the same frame each time, which nobody changes."""
        return self.once(name, lambda: to_pandas(self.read(name)))

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` gives, computed once of these inputs: rules and the checks after them need the same."""
        if key not in self._computed:
            self._computed[key] = compute()
        found: T = self._computed[key]
        return found
