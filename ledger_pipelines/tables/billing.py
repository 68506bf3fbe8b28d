"""The columns of plans and of what is billed by them."""

from __future__ import annotations

RATES = {
    "per_user_cost": "for each billed person, a month",
    "per_workstation_cost": "for each workstation, a month",
    "per_server_cost": "for each server, a month",
    "per_vm_cost": "for each virtual machine, a month",
    "per_switch_cost": "for each switch, a month",
    "per_firewall_cost": "for each firewall, a month",
    "per_hour_ticket_cost": "for each hour that is not prepaid",
    "backup_base_fee_workstation": "for each workstation that is backed up, a month",
    "backup_base_fee_server": "for each server or virtual machine that is backed up, a month",
    "backup_included_tb": "terabytes that cost nothing beyond the base fees",
    "backup_per_tb_fee": "for each terabyte more, a month",
}
PREPAID = {
    "prepaid_hours_monthly": "hours a month that cost nothing",
    "prepaid_hours_yearly": "hours a calendar year that cost nothing",
}
LINES: dict[str, dict[str, str]] = {
    "plans": RATES
    | {
        "plan_name": "as companies name it",
        "term_length": "the contract term that the rates are for",
        "support_level": "as a statement shows it",
        "features": "what the plan has of each kind of feature, as JSON",
        "feature_display_names": "how its features are called for people, as JSON",
    },
    "ticket_hours": {
        "ticket_number": "the ticket's number within its company",
        "total_hours": "all hours spent on the ticket so far",
        "billed_before": "hours of the ticket on statements of other closed months",
        "hours": "hours that count in this month",
        "ticket_month": "the ticket's own month, where that was closed before these hours were known",
    },
    "billing_statement_lines": {
        "source_type": "what kind of record the line bills",
        "source_id": "that record's id",
        "kind": "what is charged: user, asset, backup, hours or custom",
        "type": "as what it is billed: Workstation, Server, Paid, …",
        "item": "the product or service of an accounting program",
        "description": "as the statement explains it",
        "quantity": "as it is shown, rounded half up to six decimals before it is multiplied",
        "rate": "for one of the quantity",
        "amount": "rounded half up to the currency's least amount, once",
    },
    "billing_statements": RATES
    | PREPAID
    | {
        "company_name": "as the month's snapshot has it",
        "statement_number": "the account and the month",
        "statement_date": "the month's last day",
        "due_date": "30 days later",
        "billing_plan": "the plan that was billed: the company's, or its override's",
        "contract_term": "the contract term whose rates were taken",
        "support_level": "the company's, else the plan's",
        "contract_start_date": "as Codex has it",
        "contract_end_date": "as Codex has it, else by start and term; empty where it runs month to month",
        "contract_expired": "whether it ended before the month's last day",
        "hours_used": "hours of the month's tickets",
        "hours_earlier_in_year": "hours of the calendar year before the month: yearly prepaid hours go to them first",
        "billable_hours": "hours of the month that no prepaid ones cover",
        "workstations": "how many are billed",
        "servers": "how many are billed",
        "vms": "how many virtual machines are billed",
        "switches": "how many are billed",
        "firewalls": "how many are billed",
        "custom_assets": "devices billed at a cost of their own",
        "no_charge_assets": "devices that cost nothing",
        "regular_users": "people who are billed",
        "free_users": "people who cost nothing",
        "backed_up_workstations": "workstations with backed-up data",
        "backed_up_servers": "servers and virtual machines with backed-up data",
        "backup_bytes": "backed-up data of all devices",
        "included_bytes": "of which so many cost nothing beyond the base fees",
        "overage_bytes": "of which so many are charged",
        "total_user_charges": "the sum of the people's lines",
        "total_asset_charges": "the sum of the devices' lines",
        "ticket_charge": "the sum of the hours' lines",
        "backup_charge": "base fees and overage of backups",
        "overage_charge": "of which for data beyond what is included",
        "total_line_item_charges": "the sum of the custom charges",
        "total": "the sum of the lines, each rounded before",
        "late_hours": "billable hours of closed months' tickets, beside billable_hours",
        "incomplete_parts": "what of the company could not be read when its snapshot was taken",
    },
}
