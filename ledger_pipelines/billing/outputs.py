"""What the billing rule gives: the frames' columns and types, and the result that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ledger_pipelines.billing.inputs import HOURS, PREPAID, RATES
from ledger_pipelines.errors import Problem
from ledger_pipelines.money import CHARGE, RATE

QUANTITY = pa.decimal128(18, 6)
#: Bytes with a fraction: the included quota is a decimal number of TB.
BYTES = pa.decimal128(28, 4)

#: What a statement counts, each an int32.
COUNTS = (
    "workstations",
    "servers",
    "vms",
    "switches",
    "firewalls",
    "custom_assets",
    "no_charge_assets",
    "regular_users",
    "free_users",
    "backed_up_workstations",
    "backed_up_servers",
)
#: What a statement charges. `backup_charge` includes `overage_charge`; `total` is the sum of all the others.
CHARGES = (
    "total_user_charges",
    "total_asset_charges",
    "ticket_charge",
    "backup_charge",
    "overage_charge",
    "total_line_item_charges",
    "total",
)


def _required(*fields: pa.Field[pa.DataType]) -> list[pa.Field[pa.DataType]]:
    return [field.with_nullable(False) for field in fields]


STATEMENT_LINES = pa.schema(
    _required(
        pa.field("month", pa.date32()),
        pa.field("account_number", pa.string()),
        pa.field("source_type", pa.string()),
        pa.field("source_id", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("type", pa.string()),
        pa.field("item", pa.string()),
        pa.field("description", pa.string()),
        pa.field("quantity", QUANTITY),
        pa.field("rate", RATE),
        pa.field("amount", CHARGE),
        pa.field("currency", pa.string()),
    )
)
STATEMENTS = pa.schema(
    [
        *_required(
            pa.field("month", pa.date32()),
            pa.field("account_number", pa.string()),
            pa.field("company_name", pa.string()),
            pa.field("statement_number", pa.string()),
            pa.field("statement_date", pa.date32()),
            pa.field("due_date", pa.date32()),
            pa.field("billing_plan", pa.string()),
            pa.field("contract_term", pa.string()),
        ),
        pa.field("support_level", pa.string()),
        *_required(pa.field("currency", pa.string())),
        pa.field("contract_start_date", pa.date32()),
        pa.field("contract_end_date", pa.date32()),
        *_required(
            pa.field("contract_expired", pa.bool_()),
            *(pa.field(name, RATE) for name in (*RATES, *PREPAID)),
            *(pa.field(name, HOURS) for name in ("hours_used", "hours_earlier_in_year", "billable_hours")),
            *(pa.field(name, pa.int32()) for name in COUNTS),
            pa.field("backup_bytes", pa.int64()),
            pa.field("included_bytes", BYTES),
            pa.field("overage_bytes", BYTES),
            *(pa.field(name, CHARGE) for name in CHARGES),
            pa.field("late_hours", HOURS),
        ),
        pa.field("incomplete_parts", pa.string()),
    ]
)
TICKET_HOURS = pa.schema(
    [
        *_required(
            pa.field("month", pa.date32()),
            pa.field("account_number", pa.string()),
            pa.field("ticket_number", pa.string()),
            pa.field("total_hours", HOURS),
            pa.field("billed_before", HOURS),
            pa.field("hours", HOURS),
        ),
        pa.field("ticket_month", pa.date32()),
    ]
)
#: Late hours that no line bills: rate and amount are null where the company had no statement then.
UNBILLED_HOURS = pa.schema(
    [
        *_required(
            pa.field("month", pa.date32()),
            pa.field("account_number", pa.string()),
            pa.field("ticket_number", pa.string()),
            pa.field("ticket_month", pa.date32()),
            pa.field("hours", HOURS),
        ),
        pa.field("rate", RATE),
        pa.field("amount", CHARGE),
        pa.field("currency", pa.string()),
        pa.field("reason", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class BillingResult:
    """The statements of some months.

    `lines` (STATEMENT_LINES), `ticket_hours` (TICKET_HOURS) and `unbilled_hours` (UNBILLED_HOURS) come in no promised
    order, `statements` (STATEMENTS) by month and account. `problems` are the records that could not be billed as they
    stand, in a fixed order.
    """

    lines: pa.Table
    statements: pa.Table
    ticket_hours: pa.Table
    unbilled_hours: pa.Table
    problems: Sequence[Problem]
