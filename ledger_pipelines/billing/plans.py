"""Which plan a company is on, and at which rates (rules/billing.md, Which plan, which rates).

Left open by the rule and decided here: names are compared exactly but for space around them; a rate that a
plan does not state is 0; the support level is the override plan's where an override chose the
plan, else the company's, else the plan's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.catalogue import NO_PLAN, NOT_BILLED, Catalogue
from ledger_pipelines.billing.contracts import normalise_term
from ledger_pipelines.billing.edits import Edits
from ledger_pipelines.billing.index import StatementIndex, month_days, month_positions
from ledger_pipelines.billing.inputs import PREPAID, RATES, BillingInputs
from ledger_pipelines.billing.problems import company_problem
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    codes,
    column,
    kept,
    mask,
    picked,
    present,
    small_units,
    take,
    trimmed,
)
from ledger_pipelines.errors import Problem


@dataclass(frozen=True, slots=True)
class Terms:
    """What each statement is billed by, one row for each, by month and account.

    `frame`: month, account_number, company_name, billing_plan, contract_term (normalised), support_level,
    contract_start_date and contract_end_date (as sent). `rates`: by name, RATES and PREPAID in
    ten-thousandths.
    """

    months: Sequence[date]
    index: StatementIndex
    frame: pa.Table
    rates: Mapping[str, Int64s]

    def without(self, statements: Mask) -> Terms:
        """The terms of the other statements."""
        frame = kept(self.frame, ~statements)
        index = StatementIndex.of(
            self.index.months, self.index.month[~statements], column(frame, "account_number")
        )
        return Terms(
            self.months, index, frame, {name: rate[~statements] for name, rate in self.rates.items()}
        )


def agree_terms(inputs: BillingInputs, months: Sequence[date]) -> tuple[Terms, list[Problem]]:
    """The terms of each company that gets a statement in these ascending months, and why others do not."""
    days = month_days(months)
    companies = _in_months(inputs.read("companies"), days)
    companies = companies.sort_by([("month", "ascending"), ("account_number", "ascending")])
    month = month_positions(column(companies, "month"), days)
    edits = Edits.of(inputs.read("client_billing_overrides"), ["account_number"], days)
    overrides = edits.frame
    override = edits.rows("account_number", month, column(companies, "account_number"))
    names, replaced = _plan_names(companies, overrides, override)
    terms = _normalised(column(companies, "contract_term_length"))
    catalogue = Catalogue.of(_in_months(inputs.read("plans"), days), inputs.read("billing_plans"), days)
    plan = _find_plans(catalogue, month, names, terms)
    nameless = ~present(trimmed(column(companies, "account_number")))
    billed = np.flatnonzero((plan >= 0) & ~nameless)
    problems = catalogue.choices + [
        company_problem(
            companies.slice(int(row), 1).to_pylist()[0], names[int(row)].as_py(), terms[int(row)].as_py()
        )
        for row in np.flatnonzero((plan == NO_PLAN) | (nameless & (plan != NOT_BILLED)))
    ]
    billed_companies = picked(companies, billed)
    levels = _support_levels(billed_companies, take(catalogue.support_levels, plan[billed]), replaced[billed])
    frame = pa.table(
        {
            "month": column(billed_companies, "month"),
            "account_number": column(billed_companies, "account_number"),
            "company_name": pc.coalesce(
                column(billed_companies, "name"), column(billed_companies, "account_number")
            ),
            "billing_plan": take(names, billed),
            "contract_term": take(terms, billed),
            "support_level": levels,
            "contract_start_date": column(billed_companies, "contract_start_date"),
            "contract_end_date": column(billed_companies, "contract_end_date"),
        }
    )
    index = StatementIndex.of(days, month[billed], column(frame, "account_number"))
    return Terms(months, index, frame, _rates(catalogue, plan[billed], overrides, override[billed])), problems


def _in_months(frame: pa.Table, days: Int64s) -> pa.Table:
    return kept(frame, month_positions(column(frame, "month"), days) >= 0)


def _normalised(terms: Column) -> Column:
    at, distinct = codes(terms)
    return take(array([normalise_term(term) for term in distinct], pa.string()), at)


def _plan_names(companies: pa.Table, overrides: pa.Table, override: Int64s) -> tuple[Column, Mask]:
    """Each company's plan name, and where an override gave it."""
    own = trimmed(column(companies, "billing_plan"))
    chosen: Any = pc.if_else(
        column(overrides, "billing_plan_enabled").fill_null(False),
        trimmed(column(overrides, "billing_plan")),
        pa.scalar(None, pa.string()),
    )
    others = take(chosen, override)
    return pc.coalesce(others, own), present(others)


def _find_plans(catalogue: Catalogue, month: Int64s, names: Column, terms: Column) -> Int64s:
    """The plan's row in the catalogue for each company, `NO_PLAN`, or `NOT_BILLED` when it is inactive."""
    name_codes, distinct_names = codes(names)
    term_codes, distinct_terms = codes(terms)
    combined = (month * len(distinct_names) + name_codes) * len(distinct_terms) + term_codes
    distinct, inverse = np.unique(combined, return_inverse=True)
    found = np.empty(distinct.size, dtype=np.int64)
    for position, code in enumerate(distinct.tolist()):
        rest, term = divmod(code, len(distinct_terms))
        in_month, name = divmod(rest, len(distinct_names))
        found[position] = catalogue.find(in_month, distinct_names[name], distinct_terms[term])
    return found[inverse]


def _support_levels(companies: pa.Table, plans: Column, replaced: Mask) -> Column:
    own = trimmed(column(companies, "support_level"))
    level: Column = pc.if_else(array(replaced), pc.coalesce(plans, own), pc.coalesce(own, plans))
    return level


def _rates(catalogue: Catalogue, plan: Int64s, overrides: pa.Table, override: Int64s) -> dict[str, Int64s]:
    """The plan's rates, each replaced where the client's override is enabled and not null; zero counts."""
    rates: dict[str, Int64s] = {}
    for name in (*RATES, *PREPAID):
        rate = catalogue.rates[name][plan] if name in catalogue.rates else np.zeros(plan.size, dtype=np.int64)
        if overrides.num_rows:
            values = column(overrides, name)
            holds = mask(column(overrides, f"{name}_enabled")) & present(values)
            rate = np.where((override >= 0) & holds[override], small_units(values)[override], rate)
        rates[name] = rate
    return rates
