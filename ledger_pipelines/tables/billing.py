"""What is billed: ticket hours, statement lines and statements."""

from __future__ import annotations

from ledger_pipelines.money import CHARGE, RATE
from ledger_pipelines.tables.rates import PREPAID, rate_columns
from ledger_pipelines.tables.table import BIGINT, BOOLEAN, DATE, HOURS, INTEGER, TEXT, Column, Table, numeric

TICKET_HOURS = Table(
    "ticket_hours",
    "A row is a ticket's hours that count in the month: its total less what closed months billed of it.",
    key=("account_number", "ticket_number"),
    preview=(
        "ticket_number",
        "company_name",
        "hours",
        "billed_before",
        "ticket_month",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("ticket_number", TEXT, "the ticket's number within its company"),
        Column("total_hours", HOURS, "all hours spent on the ticket so far"),
        Column("billed_before", HOURS, "hours of the ticket on statements of other closed months"),
        Column("hours", HOURS, "hours that count in this month"),
        Column(
            "ticket_month",
            DATE,
            "the ticket's own month, where that was closed before these hours were known",
            is_optional=True,
        ),
    ),
)

BILLING_STATEMENT_LINES = Table(
    "billing_statement_lines",
    "A row is one charge on a company's statement, with the record that it comes from.",
    key=("account_number", "source_type", "source_id"),
    preview=(
        "company_name",
        "amount",
        "kind",
        "description",
        "quantity",
        "rate",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("source_type", TEXT, "what kind of record the line bills"),
        Column("source_id", TEXT, "that record's id"),
        Column("kind", TEXT, "what is charged: user, asset, backup, hours or custom"),
        Column("type", TEXT, "as what it is billed: Workstation, Server, Paid, …"),
        Column("item", TEXT, "the product or service of an accounting program"),
        Column("description", TEXT, "as the statement explains it"),
        Column(
            "quantity",
            numeric(18, 6),
            "as it is shown, rounded half up to six decimals before it is multiplied",
        ),
        Column("rate", RATE, "for one of the quantity"),
        Column("amount", CHARGE, "rounded half up to the currency's least amount, once"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
    ),
)

BILLING_STATEMENTS = Table(
    "billing_statements",
    "A row is a company's statement of the month: what was counted, at which rates, and the total.",
    key=("account_number",),
    preview=(
        "company_name",
        "total",
        "currency",
        "total_user_charges",
        "total_asset_charges",
        "backup_charge",
        "ticket_charge",
        "billing_plan",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("company_name", TEXT, "as the month's snapshot has it"),
        Column("statement_number", TEXT, "the account and the month"),
        Column("statement_date", DATE, "the month's last day"),
        Column("due_date", DATE, "30 days later"),
        Column("billing_plan", TEXT, "the plan that was billed: the company's, or its override's"),
        Column("contract_term", TEXT, "the contract term whose rates were taken"),
        Column("support_level", TEXT, "the company's, else the plan's", is_optional=True),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("contract_start_date", DATE, "as Codex has it", is_optional=True),
        Column(
            "contract_end_date",
            DATE,
            "as Codex has it, else by start and term; empty where it runs month to month",
            is_optional=True,
        ),
        Column("contract_expired", BOOLEAN, "whether it ended before the month's last day"),
        *rate_columns(),
        *rate_columns(PREPAID),
        Column("hours_used", HOURS, "hours of the month's tickets"),
        Column(
            "hours_earlier_in_year",
            HOURS,
            "hours of the calendar year before the month: yearly prepaid hours go to them first",
        ),
        Column("billable_hours", HOURS, "hours of the month that no prepaid ones cover"),
        Column("workstations", INTEGER, "how many are billed"),
        Column("servers", INTEGER, "how many are billed"),
        Column("vms", INTEGER, "how many virtual machines are billed"),
        Column("switches", INTEGER, "how many are billed"),
        Column("firewalls", INTEGER, "how many are billed"),
        Column("custom_assets", INTEGER, "devices billed at a cost of their own"),
        Column("no_charge_assets", INTEGER, "devices that cost nothing"),
        Column("regular_users", INTEGER, "people who are billed"),
        Column("free_users", INTEGER, "people who cost nothing"),
        Column("backed_up_workstations", INTEGER, "workstations with backed-up data"),
        Column("backed_up_servers", INTEGER, "servers and virtual machines with backed-up data"),
        Column("backup_bytes", BIGINT, "backed-up data of all devices"),
        Column("included_bytes", numeric(28, 4), "of which so many cost nothing beyond the base fees"),
        Column("overage_bytes", numeric(28, 4), "of which so many are charged"),
        Column("total_user_charges", CHARGE, "the sum of the people's lines"),
        Column("total_asset_charges", CHARGE, "the sum of the devices' lines"),
        Column("ticket_charge", CHARGE, "the sum of the hours' lines"),
        Column("backup_charge", CHARGE, "base fees and overage of backups"),
        Column("overage_charge", CHARGE, "of which for data beyond what is included"),
        Column("total_line_item_charges", CHARGE, "the sum of the custom charges"),
        Column("total", CHARGE, "the sum of the lines, each rounded before"),
        Column("late_hours", HOURS, "billable hours of closed months' tickets, beside billable_hours"),
        Column(
            "incomplete_parts",
            TEXT,
            "what of the company could not be read when its snapshot was taken",
            is_optional=True,
        ),
    ),
)
