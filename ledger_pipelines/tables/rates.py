"""Rates and prepaid hours: columns that plans, statements and overrides share (rules/billing.md, Which plan)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger_pipelines.money import RATE
from ledger_pipelines.tables.table import Column

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


def rate_columns(
    names: Mapping[str, str] = RATES, *, is_optional: bool = False, default: str | None = None
) -> Iterator[Column]:
    """A column for each rate, or for each of these."""
    for name, line in names.items():
        yield Column(name, RATE, line, is_optional=is_optional, default=default)
