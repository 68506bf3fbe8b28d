"""What is accrued: recognised and deferred revenue, and what a person should look at."""

from __future__ import annotations

from ledger_pipelines.money import AMOUNT
from ledger_pipelines.tables.table import BIGINT, DATE, INTEGER, TEXT, Column, Table, numeric

MONTHLY_ACCRUALS = Table(
    "monthly_accruals",
    "A row is a contract in a month: what was invoiced and recognised in it, what is left, and why.",
    key=("contact_id", "service_id", "currency", "contract_number"),
    preview=(
        "client",
        "service",
        "recognised",
        "pending",
        "currency",
        "contract_amount",
        "state",
        "reason",
    ),
    columns=(
        Column("contact_id", TEXT, "the client's id in Holded"),
        Column("service_id", TEXT, "the service's id in Holded: its sales channel"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("contract_number", INTEGER, "1 for the first course of a client and service, 2 for the next"),
        Column("contract_date", DATE, "the date of its first document"),
        Column("contract_amount", AMOUNT, "what its documents come to by the month's end, without tax"),
        Column("invoiced", AMOUNT, "what the month's documents add to it"),
        Column(
            "recognised",
            AMOUNT,
            "the cumulative amount that should be recognised by the month's end, less what was before",
        ),
        Column("recognised_to_date", AMOUNT, "recognised up to the month's end, this month included"),
        Column("pending", AMOUNT, "still to be recognised"),
        Column(
            "fraction",
            numeric(9, 6),
            "the share of the contract delivered by the month's end",
            is_optional=True,
        ),
        Column("state", TEXT, "ACTIVE, PAUSED, COMPLETED or CANCELED, at the month's end"),
        Column("contract_status", TEXT, "ACTIVE, CLOSED or CANCELED, at the month's end"),
        Column(
            "reason",
            TEXT,
            "why the month recognises what it does; empty where it recognises nothing",
            is_optional=True,
        ),
        Column(
            "period_id",
            BIGINT,
            "the service period at which the month is shown: a membership's id in 4Geeks",
            is_optional=True,
        ),
    ),
)

DEFERRED_REVENUE = Table(
    "deferred_revenue",
    "A row is a month's deferred revenue in a currency, from opening to closing.",
    key=("currency",),
    preview=(
        "currency",
        "opening",
        "invoiced",
        "recognised",
        "closing",
    ),
    columns=(
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("opening", AMOUNT, "invoiced and not yet recognised when the month begins"),
        Column("invoiced", AMOUNT, "what the month's documents add"),
        Column("recognised", AMOUNT, "what the month takes to revenue"),
        Column(
            "closing",
            AMOUNT,
            "invoiced and not yet recognised at the month's end: opening + invoiced - recognised",
        ),
    ),
)

ACCRUAL_NOTICES = Table(
    "accrual_notices",
    "A row is something for a person to decide: missing CRM data, stalled money, statuses that clash.",
    key=("contact_id", "service_id", "currency", "contract_number", "kind", "period_id"),
    columns=(
        Column("contact_id", TEXT, "the client's id in Holded"),
        Column("service_id", TEXT, "the service's id in Holded: its sales channel"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("contract_number", INTEGER, "1 for the first course of a client and service, 2 for the next"),
        Column("kind", TEXT, "what it is about"),
        Column(
            "period_id", BIGINT, "the service period at which the month is shown: a membership's id in 4Geeks"
        ),
        Column("amount", AMOUNT, "the money that waits for the decision", is_optional=True),
        Column("message", TEXT, "what is to be decided, and by what"),
    ),
)
