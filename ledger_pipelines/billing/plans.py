"""Which plan a company is on, and at which rates (rules/billing.md, Which plan, which rates).

Left open by the rule and decided here: names are compared exactly but for space around them; a rate that a
plan does not state is 0; the support level is the override plan's where an override chose the
plan, else the company's, else the plan's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.catalogue import PLAN_KEY, plans_of
from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import KEY, PREPAID, RATES, BillingInputs
from ledger_pipelines.billing.problems import company_problem
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, constant, mapped, place_among, records_of, trimmed
from ledger_pipelines.money import RATE

#: The plan, in any case, of companies that are billed nothing.
INACTIVE = "inactive"
_TERMS = [
    *KEY,
    *("company_name", "billing_plan", "contract_term", "support_level"),
    *("contract_start_date", "contract_end_date"),
    *RATES,
    *PREPAID,
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the statements of these ascending months are billed by.

    `frame` has a row for each statement, by month and account: month, account_number, company_name, billing_plan,
    contract_term (normalised), support_level, contract_start_date and contract_end_date (as sent), RATES and PREPAID.
    """

    months: Sequence[date]
    frame: pd.DataFrame

    def with_statement(self, records: pd.DataFrame) -> pd.DataFrame:
        """The records whose company has a statement in their month, and `statement`: which row of `frame` it is."""
        found = place_among(records, self.frame, KEY)
        return records.assign(statement=found)[found.notna()]

    def where(self, statements: Series) -> Terms:
        """The terms of the statements where the mask holds."""
        return replace(self, frame=self.frame[statements].reset_index(drop=True))


def agree_terms(inputs: BillingInputs, months: Sequence[date]) -> tuple[Terms, list[Problem]]:
    """The terms of each company that gets a statement in these ascending months, and why others do not."""
    plans, choices = plans_of(inputs.frame("plans"), inputs.frame("billing_plans"), months)
    companies = _with_plan_keys(inputs, months).merge(plans, on=PLAN_KEY, how="left", indicator="plan")
    has_account = trimmed(companies["account_number"]).notna()
    is_inactive = (companies["plan_name"].str.casefold() == INACTIVE).fillna(False)
    has_plan = companies["plan"] == "both"
    unbilled = companies[~is_inactive & ~(has_account & has_plan)]
    problems = [
        *choices,
        *(company_problem(company) for company in records_of(unbilled)),
    ]
    billed = companies[~is_inactive & has_account & has_plan]
    terms = billed.assign(
        company_name=billed["name"].fillna(billed["account_number"]),
        billing_plan=billed["plan_name"],
        support_level=_support_levels(billed),
        **_rates(billed),
    )
    return Terms(months, terms[_TERMS].reset_index(drop=True)), problems


def _with_plan_keys(inputs: BillingInputs, months: Sequence[date]) -> pd.DataFrame:
    """The companies of these months with PLAN_KEY, and their overrides in columns that end with `_override`."""
    companies = inputs.frame("companies")
    companies = companies[companies["month"].isin(months)].sort_values(KEY)
    overrides = in_force(inputs.frame("client_billing_overrides"), ["account_number"], months)
    overrides = overrides.set_index(KEY).add_suffix("_override").reset_index()
    companies = companies.merge(overrides, on=KEY, how="left")
    is_enabled = companies["billing_plan_enabled_override"].fillna(False)
    other_plan = trimmed(companies["billing_plan_override"]).where(is_enabled)
    return companies.assign(
        plan_name=other_plan.fillna(trimmed(companies["billing_plan"])),
        contract_term=mapped(companies["contract_term_length"], normalise_term, pa.string()),
        is_plan_overridden=other_plan.notna(),
    )


def _support_levels(companies: pd.DataFrame) -> Series:
    """The override's where it is enabled and not blank; else the company's, then the plan's, an override's plan first."""
    own, plans = trimmed(companies["support_level"]), companies["plan_support_level"]
    found = own.fillna(plans).mask(companies["is_plan_overridden"], plans.fillna(own))
    is_enabled = companies["support_level_enabled_override"].fillna(False)
    return trimmed(companies["support_level_override"]).where(is_enabled).fillna(found)


def _rates(companies: pd.DataFrame) -> dict[str, Series]:
    """The plan's rates, each replaced where the client's override is enabled and not null; zero counts."""
    zero = constant(0, RATE, companies)
    rates = {name: companies.get(name, zero) for name in (*RATES, *PREPAID)}
    for name, rate in rates.items():
        is_enabled = companies[f"{name}_enabled_override"].fillna(False)
        if is_enabled.any():
            rates[name] = companies[f"{name}_override"].where(is_enabled).fillna(rate)
    return rates
