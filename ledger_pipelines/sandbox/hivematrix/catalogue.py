"""The billing plans and feature options that invented companies are on.

Rates are made in whole cents, because Codex sends them as JSON numbers with at most two decimals.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from ledger_pipelines.sandbox.hivematrix.world import Record

TERMS: tuple[str, ...] = ("Month to Month", "1 Year", "2 Year", "3 Year")
#: The share of the month-to-month rate that remains when a customer commits, in percent.
_COMMITTED = (100, 95, 92, 88)

_DISPLAY_NAMES = {
    "antivirus": "Antivirus",
    "email_security": "Email Security",
    "network_management": "Network Management",
    "password_manager": "Password Manager",
    "sat": "SAT",
    "soc": "SOC",
}
_NOT_INCLUDED = "Not Included"
_OPTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("antivirus", (_NOT_INCLUDED, "SentinelOne", "Windows Defender")),
    ("email_security", (_NOT_INCLUDED, "Avanan", "Proofpoint")),
    ("network_management", (_NOT_INCLUDED, "Auvik")),
    ("password_manager", (_NOT_INCLUDED, "Keeper", "1Password")),
    ("sat", (_NOT_INCLUDED, "KnowBe4")),
    ("soc", (_NOT_INCLUDED, "Arctic Wolf", "Huntress")),
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A plan at its month-to-month rates, in cents; `included_tb` in hundredths of a terabyte."""

    name: str
    support_level: str
    user: int
    workstation: int
    server: int
    vm: int
    switch: int
    firewall: int
    hour: int
    backup_workstation: int
    backup_server: int
    included_tb: int
    per_tb: int
    features: tuple[str, str, str, str, str, str]


_NONE = _NOT_INCLUDED
_PLANS: tuple[_Plan, ...] = (
    _Plan(
        *(
            "Essential Care",
            "Billed Hourly",
            1500,
            3550,
            12500,
            8500,
            1875,
            4500,
            13500,
            1250,
            4995,
            100,
            2990,
        ),
        ("Windows Defender", _NONE, _NONE, _NONE, "KnowBe4", _NONE),
    ),
    _Plan(
        *(
            "Complete & Secure",
            "All Inclusive",
            8990,
            2000,
            19900,
            14900,
            2500,
            7500,
            0,
            500,
            2500,
            200,
            1990,
        ),
        ("SentinelOne", "Proofpoint", "Auvik", "Keeper", "KnowBe4", "Arctic Wolf"),
    ),
    _Plan(
        *("Managed Devices", "Billed Hourly", 0, 5999, 15000, 10000, 0, 6000, 14735, 2500, 5000, 50, 1500),
        ("SentinelOne", "Avanan", _NONE, _NONE, _NONE, "Huntress"),
    ),
    _Plan(
        *("Non-Profit Care", "Billed Hourly", 975, 2485, 9900, 6900, 1250, 3300, 9900, 750, 2995, 100, 1990),
        ("Windows Defender", "Avanan", _NONE, "1Password", "KnowBe4", _NONE),
    ),
    # Withdrawn: still listed, no company is on it.
    _Plan(
        *(
            "Silver Support 2019",
            "Billed Hourly",
            1200,
            2900,
            9900,
            7500,
            1500,
            3900,
            11000,
            1000,
            4500,
            0,
            3490,
        ),
        ("Windows Defender", _NONE, _NONE, _NONE, _NONE, _NONE),
    ),
)
#: The plans that companies are on, by the share of companies, in percent.
PLAN_SHARES: tuple[tuple[str, int], ...] = (
    ("Essential Care", 36),
    ("Complete & Secure", 30),
    ("Managed Devices", 24),
    ("Non-Profit Care", 10),
)
SUPPORT_LEVELS = {plan.name: plan.support_level for plan in _PLANS}


def billing_plans() -> list[Record]:
    """Every plan in every term, as `GET /billing-plans/api/plans` lists them."""
    plans: list[Record] = []
    for plan in _PLANS:
        for term, percent in zip(TERMS, _COMMITTED, strict=True):
            plans.append(_plan(plan, term, percent, number=len(plans) + 1))
    return plans


def _plan(plan: _Plan, term: str, percent: int, *, number: int) -> Record:
    def discounted(cents: int) -> float:
        return (cents * percent // 100) / 100

    return {
        "backup_base_fee_server": plan.backup_server / 100,
        "backup_base_fee_workstation": plan.backup_workstation / 100,
        "backup_included_tb": plan.included_tb / 100,
        "backup_per_tb_fee": plan.per_tb / 100,
        "feature_display_names": dict(_DISPLAY_NAMES),
        "features": dict(zip(_DISPLAY_NAMES, plan.features, strict=True)),
        "id": number,
        "per_firewall_cost": discounted(plan.firewall),
        "per_hour_ticket_cost": discounted(plan.hour),
        "per_server_cost": discounted(plan.server),
        "per_switch_cost": discounted(plan.switch),
        "per_user_cost": discounted(plan.user),
        "per_vm_cost": discounted(plan.vm),
        "per_workstation_cost": discounted(plan.workstation),
        "plan_name": plan.name,
        "support_level": plan.support_level,
        "term_length": term,
    }


def feature_options() -> bytes:
    """The body of `GET /billing-plans/api/feature-options`."""
    features: dict[str, list[Record]] = {}
    number = 0
    for category, values in _OPTIONS:
        for value in values:
            number += 1
            included = value != _NOT_INCLUDED
            option = {
                "category": category,
                "description": f"{value} for every covered device" if included else None,
                "display_name": value,
                "id": number,
                "value": value,
            }
            features.setdefault(category, []).append(option)
    return orjson.dumps({"categories": list(features), "features": features, "status": "success"})
