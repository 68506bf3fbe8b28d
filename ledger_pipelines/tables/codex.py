"""What Codex showed: companies with their devices, people and tickets, and billing plans."""

from __future__ import annotations

from ledger_pipelines.tables.rates import rate_columns
from ledger_pipelines.tables.table import BIGINT, BOOLEAN, DATE, HOURS, INSTANT, TEXT, Column, Table, numeric

COMPANIES = Table(
    "companies",
    "A row is a company as Codex knew it when the month's snapshot was taken.",
    key=("account_number",),
    preview=(
        "name",
        "account_number",
        "billing_plan",
        "contract_term_length",
        "contract_end_date",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("name", TEXT, "the company's name"),
        Column(
            "billing_plan",
            TEXT,
            "the plan by which it is billed, unless an override names another",
            is_optional=True,
        ),
        Column(
            "contract_term_length",
            TEXT,
            "the contract's term, such as Month to Month or 1 Year",
            is_optional=True,
        ),
        Column("contract_start_date", DATE, "when the contract began", is_optional=True),
        Column(
            "contract_end_date", DATE, "when it ends; empty where it runs month to month", is_optional=True
        ),
        Column("support_level", TEXT, "what was agreed on support", is_optional=True),
        Column("compliance_level", TEXT, "what the company must comply with", is_optional=True),
        Column("profit_or_non_profit", TEXT, "which of the two it is", is_optional=True),
        Column("company_main_number", TEXT, "its telephone number", is_optional=True),
        Column("company_start_date", DATE, "since when it is a customer", is_optional=True),
        Column("domains", TEXT, "its domains on the Internet", is_optional=True),
        Column("phone_system", TEXT, "what it telephones with", is_optional=True),
        Column("email_system", TEXT, "what it mails with", is_optional=True),
    ),
)

PLANS = Table(
    "plans",
    "A row is a billing plan of Codex in one contract term, as the month found it.",
    key=("plan_name", "term_length"),
    preview=(
        "plan_name",
        "term_length",
        "per_user_cost",
        "per_workstation_cost",
        "per_server_cost",
    ),
    columns=(
        Column("plan_name", TEXT, "as companies name it"),
        Column("term_length", TEXT, "the contract term that the rates are for"),
        Column("support_level", TEXT, "as a statement shows it", is_optional=True),
        *rate_columns(is_optional=True),
        Column("features", TEXT, "what the plan has of each kind of feature, as JSON", is_optional=True),
        Column(
            "feature_display_names", TEXT, "how its features are called for people, as JSON", is_optional=True
        ),
    ),
)

ASSETS = Table(
    "assets",
    "A row is a device of a company, with its backed-up bytes, when the month's snapshot was taken.",
    key=("account_number", "id"),
    preview=(
        "hostname",
        "account_number",
        "hardware_type",
        "device_type",
        "backup_data_bytes",
        "id",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("id", BIGINT, "the device's id in Codex"),
        Column("hostname", TEXT, "the device's name", is_optional=True),
        Column(
            "hardware_type", TEXT, "the monitoring's category: Laptop, Desktop, Server, …", is_optional=True
        ),
        Column("device_type", TEXT, "another word for what it is; usually empty", is_optional=True),
        Column("billing_type", TEXT, "as what it is billed, where Codex says so", is_optional=True),
        Column("operating_system", TEXT, "with its version", is_optional=True),
        Column("online", BOOLEAN, "whether it was when the snapshot was taken", is_optional=True),
        Column("last_seen", INSTANT, "when the monitoring saw it last", is_optional=True),
        Column(
            "backup_data_bytes", BIGINT, "backed-up data in bytes, as Codex derives it from the terabytes"
        ),
        Column(
            "backup_usage_tb",
            numeric(14, 2),
            "backed-up data in terabytes, with two decimals",
            is_optional=True,
        ),
    ),
)

CONTACTS = Table(
    "contacts",
    "A row is a person at a company; one person may stand under several companies.",
    key=("account_number", "id"),
    preview=(
        "name",
        "account_number",
        "employment_type",
        "active",
        "id",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("id", BIGINT, "the person's id in Codex"),
        Column("name", TEXT, "the person's name", is_optional=True),
        Column("email", TEXT, "the person's address", is_optional=True),
        Column("title", TEXT, "what they are in the company", is_optional=True),
        Column("employment_type", TEXT, "Full Time, Part Time, …", is_optional=True),
        Column("active", BOOLEAN, "whether they still belong to the company"),
    ),
)

TICKETS = Table(
    "tickets",
    "A row is a ticket in the UTC month of its last update (or, where that is closed and has other hours of it, in the "
    "first open one after it), with all hours spent on it so far.",
    key=("account_number", "ticket_number"),
    preview=(
        "subject",
        "total_hours_spent",
        "status",
        "account_number",
        "ticket_number",
        "last_updated_at",
    ),
    columns=(
        Column("account_number", TEXT, "the company's number in Codex"),
        Column("ticket_number", TEXT, "the ticket's number; within its company it is the ticket"),
        Column(
            "ticket_id",
            BIGINT,
            "Codex's own id of it; on older servers the ticket system's",
            is_optional=True,
        ),
        Column("subject", TEXT, "what it is about", is_optional=True),
        Column("status", TEXT, "where the ticket stands", is_optional=True),
        Column("priority", TEXT, "how urgent it is", is_optional=True),
        Column("requester_email", TEXT, "who asked", is_optional=True),
        Column("requester_name", TEXT, "who asked", is_optional=True),
        Column("created_at", INSTANT, "when it was made", is_optional=True),
        Column("last_updated_at", INSTANT, "its last update, whose UTC month it belongs to"),
        Column("closed_at", INSTANT, "when it was closed, if it was", is_optional=True),
        Column("total_hours_spent", HOURS, "all hours spent on it so far"),
        Column("hours_before", HOURS, "hours that it last had, where it shows none now", is_optional=True),
        Column("is_gone", BOOLEAN, "closed months billed it, and Codex does not have it any more"),
        Column("moved_from", TEXT, "the company to which closed months billed it", is_optional=True),
    ),
)
