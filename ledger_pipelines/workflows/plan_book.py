"""The plans that there are, Codex's and ours, who is on each, and what is in use (rules/billing.md, Which plan)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import sqlalchemy as sa

from ledger_pipelines.billing.catalogue import plans_of
from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.billing.inputs import COLUMNS, SCHEMAS
from ledger_pipelines.billing.plans import INACTIVE
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.frames import records_of, to_pandas
from ledger_pipelines.months import month_of
from ledger_pipelines.store.copy import read_months, read_table
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import list_rows, read_rows
from ledger_pipelines.store.edits.engine import driver_of, engine_of, pooled_connection
from ledger_pipelines.store.edits.tables import FEATURES, OVERRIDES, PLANS, Editable
from ledger_pipelines.store.queries.client import plans_named
from ledger_pipelines.store.queries.plan_use import (
    CompanyOnPlan,
    companies_on_plans,
    newest_features,
    newest_plans,
)
from ledger_pipelines.tables.rates import RATES
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.client_settings import texts_by_name

#: How many companies a refusal names.
_NAMED = 5
_TERMS_FIRST = ("Month to Month", "1 Year", "2 Year", "3 Year")


@dataclass(frozen=True, slots=True)
class PlanTerm:
    """A plan in one contract term: what holds in the newest snapshot's month, what Codex has, our rows of it, and the
    companies on it. `in_force` and `codex` are RATES and `support_level`; None where there is none.
    """

    plan: str
    term: str
    in_force: Mapping[str, Any] | None
    codex: Mapping[str, Any] | None
    ours: Sequence[Row]
    companies: Sequence[CompanyOnPlan]

    @property
    def is_inactive(self) -> bool:
        """Whether companies on it are billed nothing, by its name."""
        return self.in_force is None and self.plan.casefold() == INACTIVE

    @property
    def is_ours(self) -> bool:
        """Whether what holds is ours."""
        return self.in_force is not None and any(
            row["from_month"] is None or row["from_month"] <= self.in_force["month"] for row in self.ours
        )


def plan_terms(database: Database, today: date) -> list[PlanTerm]:
    """Every plan in every term that it is in, by name and term; also those that only companies name."""
    with pooled_connection(database) as connection:
        month = newest_plans(connection)
        plans = (
            SCHEMAS["plans"].empty_table()
            if month is None
            else read_months(connection, "plans", [month], COLUMNS["plans"])
        )
        own = read_table(connection, "billing_plans")
    used = companies_by_plan(database)
    present = month or month_of(today)
    codex = _by_key(to_pandas(plans), to_pandas(own.slice(0, 0)), present)
    in_force = _by_key(to_pandas(plans), to_pandas(own), present)
    ours: dict[tuple[str, str], list[Row]] = {}
    for row in list_rows(database, PLANS):
        ours.setdefault(plan_key(row), []).append(row)
    keys = sorted(
        {*in_force, *ours, *used}, key=lambda key: (key[0].casefold(), key[0], place_of_term(key[1]))
    )
    return [
        PlanTerm(*key, in_force.get(key), codex.get(key), ours.get(key, []), used.get(key, []))
        for key in keys
    ]


def companies_by_plan(database: Database) -> dict[tuple[str, str], list[CompanyOnPlan]]:
    """The companies of the newest snapshot by plan and term; one on an override's plan is on that."""
    with pooled_connection(database) as connection:
        return _by_plan(companies_on_plans(connection))


def _by_plan(found: Sequence[CompanyOnPlan]) -> dict[tuple[str, str], list[CompanyOnPlan]]:
    used: dict[tuple[str, str], list[CompanyOnPlan]] = {}
    for one in found:
        used.setdefault((one.plan, normalise_term(one.term)), []).append(one)
    return used


def plan_key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a plan's row is found by: its name and its normalised term."""
    return str(row["billing_plan"]).strip(), normalise_term(row["term_length"])


def place_of_term(term: str) -> tuple[int, str]:
    """Where a term stands among others."""
    return (_TERMS_FIRST.index(term) if term in _TERMS_FIRST else len(_TERMS_FIRST), term)


def refuse_removal_in_use(connection: sa.Connection, editable: Editable, removed: Mapping[str, Any]) -> None:
    """Raises LedgerError, naming who uses it, where a plan's row or a feature option that was just removed is in use.

    A plan's row is not where another of ours, or Codex's, holds in its months.
    """
    if editable is PLANS:
        _refuse_plan(connection, removed)
    elif editable is FEATURES:
        _refuse_feature(connection, removed)


def _refuse_plan(connection: sa.Connection, removed: Mapping[str, Any]) -> None:
    key = plan_key(removed)
    ours = [one for one in read_rows(connection, PLANS) if plan_key(one) == key]
    users = _by_plan(companies_on_plans(driver_of(connection))).get(key, [])
    if users and not (ours and _is_covered(connection, ours, removed)):
        who = _named([f"{one.name or one.account_number} ({one.account_number})" for one in users])
        raise LedgerError(
            f"The plan {key[0]} ({key[1]}) is in use by {counted(len(users), 'company', 'companies')}: {who}. "
            "Put them on another plan first."
        )


def _is_covered(connection: sa.Connection, ours: Sequence[Row], removed: Mapping[str, Any]) -> bool:
    """Whether the plan has rates without this row in the months in which it holds: by a row of ours that began earlier,
    or by Codex's.
    """
    since = removed["from_month"]
    if since is not None and any(one["from_month"] is None or one["from_month"] < since for one in ours):
        return True
    month = newest_plans(driver_of(connection))
    codex = [] if month is None else plans_named(driver_of(connection), plan_key(removed)[0], month)[1]
    return any(normalise_term(one["term_length"]) == plan_key(removed)[1] for one in codex)


def _refuse_feature(connection: sa.Connection, removed: Mapping[str, Any]) -> None:
    use = _feature_use(connection).get((removed["feature_type"], removed["value"]))
    if use is not None:
        who = _named([*use.companies, *(f"plan {plan}" for plan in use.plans)])
        raise LedgerError(
            f"{removed['value']} ({removed['feature_type']}) is in use by {who}: give them another value first."
        )


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """Who has a value of a feature: companies by an override (account numbers), and plans of Codex."""

    companies: Sequence[str]
    plans: Sequence[str]


def feature_use(database: Database) -> dict[tuple[str, str], FeatureUse]:
    """Who uses each value of each feature."""
    with engine_of(database).connect() as connection:
        return _feature_use(connection)


def _feature_use(connection: sa.Connection) -> dict[tuple[str, str], FeatureUse]:
    companies: dict[tuple[str, str], list[str]] = {}
    for row in read_rows(connection, OVERRIDES["feature"]):
        if row["value"] is not None:
            companies.setdefault((row["feature_type"], row["value"]), []).append(row["account_number"])
    plans: dict[tuple[str, str], list[str]] = {}
    rows = newest_features(driver_of(connection))
    for name, features in rows:
        for feature in texts_by_name(features).items():
            plans.setdefault(feature, []).append(name)
    return {
        key: FeatureUse(list(dict.fromkeys(companies.get(key, []))), list(dict.fromkeys(plans.get(key, []))))
        for key in {**companies, **plans}
    }


def _by_key(plans: pd.DataFrame, own: pd.DataFrame, month: date) -> dict[tuple[str, str], Mapping[str, Any]]:
    frame, _ = plans_of(plans, own, [month])
    return {
        (row["plan_name"], row["contract_term"]): {
            **{name: row[name] for name in RATES},
            "support_level": None if pd.isna(row["plan_support_level"]) else row["plan_support_level"],
            "month": month,
        }
        for row in records_of(frame)
    }


def _named(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_NAMED])
    return listed if len(names) <= _NAMED else f"{listed} and {len(names) - _NAMED:,} more"
