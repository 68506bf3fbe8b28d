"""What the billing rule gives: the frames' columns and types, and the result that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ledger_pipelines.errors import Problem
from ledger_pipelines.money import CHARGE, RATE
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.table import TEXT

QUANTITY = pa.decimal128(18, 6)
#: Bytes with a fraction: the included quota is a decimal number of TB.
BYTES = pa.decimal128(28, 4)

#: What a statement counts.
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


STATEMENT_LINES = TABLES["billing_statement_lines"].schema
STATEMENTS = TABLES["billing_statements"].schema
TICKET_HOURS = TABLES["ticket_hours"].schema
#: Late hours that no line bills: rate and amount are null where the company had no statement then.
UNBILLED_HOURS = pa.schema(
    [
        *(
            TICKET_HOURS.field(name).with_nullable(False)
            for name in ("month", "account_number", "ticket_number", "ticket_month", "hours")
        ),
        pa.field("rate", RATE),
        pa.field("amount", CHARGE),
        pa.field("currency", TEXT),
        pa.field("reason", TEXT),
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
