"""What is agreed with a company, as its newest snapshot and what people edit make it: plan, rates, features, charges.

The terms are those that billing would take (`billing.plans`), once with the overrides and once with the plan alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import SCHEMAS, BillingInputs
from ledger_pipelines.billing.line_items import ITEM, is_due, with_kind
from ledger_pipelines.billing.plans import agree_terms
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.frames import records_of, to_pandas
from ledger_pipelines.months import add_months, month_range
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.edits.tables import ITEMS, OVERRIDES
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.client_records import (
    SnapshotCompany,
    codex_features,
    newest_company,
    used_hours,
)
from ledger_pipelines.tables.rates import PREPAID, RATES
from ledger_pipelines.workflows.billing import Hours, read_inputs

#: How far ahead the months are named in which a charge will be billed.
_AHEAD = 12
#: Hours bear on no terms.
_NO_HOURS = Hours(
    *(SCHEMAS[name].empty_table() for name in ("tickets", "booked_ticket_hours", "booked_statements"))
)


class UnknownAccountError(LedgerError):
    """No snapshot has a company with this account number."""


@dataclass(frozen=True, slots=True)
class RateSetting:
    """A rate or prepaid hours: the plan's, the override's (None: none; 0 counts), and what is billed.

    The plan's and what is billed are None where the company has no existing plan.
    """

    name: str
    line: str
    plan: Decimal | None
    override: Decimal | None
    effective: Decimal | None


@dataclass(frozen=True, slots=True)
class FeatureSetting:
    """A feature: the plan's value, the company's in place of it, and what it has."""

    feature_type: str
    display_name: str
    plan: str | None
    override: Row | None
    effective: str | None


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What holds for a company in the month of its newest snapshot.

    `plan` and `term` are None where no plan is in force, and `problems` say why. `agreement` is the override that
    holds, of `agreements`. `support_level` is (the plan's and company's, the override's, what is shown).
    """

    company: SnapshotCompany
    plan: str | None
    term: str | None
    agreement: Row | None
    agreements: Sequence[Row]
    rates: Sequence[RateSetting]
    support_level: tuple[str | None, str | None, str | None]
    features: Sequence[FeatureSetting]
    hours_in_year: Decimal
    problems: Sequence[str]


def client_settings(database: Database, account: str) -> ClientSettings:
    """What is agreed with a company. Raises UnknownAccountError where no snapshot has it."""
    with pooled_connection(database) as connection:
        company = newest_company(connection, account)
        if company is None:
            raise UnknownAccountError(f"There is no company {account!r} in any snapshot.")
        months = [company.month]
        closed = closed_months(connection)
        inputs = read_inputs(connection, months, closed, _NO_HOURS, [account])
        used = used_hours(connection, account, company.month)
    effective, problems = _terms(inputs, company)
    plans, _ = _terms(_by_plan_alone(inputs), company)
    agreements = list_rows(database, OVERRIDES["client"], account_number=account)
    agreement = holding(agreements, company.month)
    plan, term = effective.get("billing_plan"), effective.get("contract_term")
    features, names = features_of_plan(database, company.month, plan, term)
    return ClientSettings(
        company,
        plan,
        term,
        agreement,
        agreements,
        [
            RateSetting(name, line, plans.get(name), counting(agreement, name), effective.get(name))
            for name, line in {**RATES, **PREPAID}.items()
        ],
        (
            plans.get("support_level"),
            counting(agreement, "support_level"),
            effective.get("support_level"),
        ),
        _features(database, company, features, names),
        used,
        problems,
    )


def holding(rows: Sequence[Row], month: date) -> Row | None:
    """Of the rows of one thing, in the order of their months, the one that holds in this month."""
    begun = [row for row in rows if row["from_month"] is None or row["from_month"] <= month]
    return begun[-1] if begun else None


def counting(row: Row | None, name: str) -> Any:
    """An override's value where it counts, else None."""
    return row[name] if row is not None and row[f"{name}_enabled"] else None


def billed_months(items: Sequence[Row], open_months: Sequence[date], newest: date) -> dict[int, list[date]]:
    """The open and the coming months in which each charge is billed, by its id."""
    ahead = month_range(add_months(newest, 1), add_months(newest, 1 + _AHEAD))
    months = sorted({*open_months, *ahead})
    if not items or not months:
        return {}
    frame = to_pandas(pa.Table.from_pylist([dict(row) for row in items], SCHEMAS["custom_line_items"]))
    of_months = in_force(with_kind(frame), ITEM, months)
    billed: dict[int, list[date]] = {}
    for record in records_of(of_months[is_due(of_months)]):
        billed.setdefault(int(record["id"]), []).append(record["month"])
    return {number: sorted(found) for number, found in billed.items()}


def charges_of(database: Database, account: str) -> list[Row]:
    """A company's charges."""
    return list(list_rows(database, ITEMS["charge"], account_number=account))


def _terms(inputs: BillingInputs, company: SnapshotCompany) -> tuple[Mapping[str, Any], list[str]]:
    terms, problems = agree_terms(inputs, [company.month])
    is_its = terms.frame["account_number"] == company.account_number
    found = [dict(row) for row in records_of(terms.frame[is_its])]
    # The plans of all companies are read: only messages about this one are returned.
    messages = [
        one.message for one in problems if one.details.get("account_number") == company.account_number
    ]
    return (found[0] if found else {}), messages


def _by_plan_alone(inputs: BillingInputs) -> BillingInputs:
    """The inputs, with overrides that choose a plan and change nothing else of it."""
    overrides = inputs.client_billing_overrides
    switches = [f"{name}_enabled" for name in (*RATES, *PREPAID, "support_level")]
    rows: list[dict[str, Any]] = [row | dict.fromkeys(switches, False) for row in overrides.to_pylist()]
    return replace(inputs, client_billing_overrides=pa.Table.from_pylist(rows, overrides.schema))


def _features(
    database: Database, company: SnapshotCompany, plan: Mapping[str, str], names: Mapping[str, str]
) -> list[FeatureSetting]:
    rows = list_rows(database, OVERRIDES["feature"], account_number=company.account_number)
    by_type: dict[str, list[Row]] = {}
    for row in rows:
        by_type.setdefault(row["feature_type"], []).append(row)
    found = []
    for name in sorted({*plan, *by_type}):
        own = holding(by_type.get(name, []), company.month)
        counts = own is not None and own["enabled"]
        effective = own["value"] if counts and own is not None else plan.get(name)
        found.append(FeatureSetting(name, names.get(name, name), plan.get(name), own, effective))
    return found


def features_of_plan(
    database: Database, month: date, plan: str | None, term: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """What Codex's plan of this name has of each feature in this term, and how its features are called."""
    if plan is None:
        return {}, {}
    with pooled_connection(database) as connection:
        terms = codex_features(connection, month, plan)
    of_term = [one for one in terms if normalise_term(one[0]) == term] or terms
    return (texts_by_name(of_term[0][1]), texts_by_name(of_term[0][2])) if of_term else ({}, {})


def texts_by_name(text: str | None) -> dict[str, str]:
    """Texts by name from Codex's JSON; none where it is no object."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items() if v is not None} if isinstance(found, dict) else {}
