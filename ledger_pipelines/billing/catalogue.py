"""The plans of each month: Codex's and our own, by name and contract term (rules/billing.md, Which plan).

Of two local plans with one key the one that began later holds, then the one entered later; of two of Codex's the one
whose term is written in full. Such a choice is a problem, and a mere note where it changes no rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import RATES
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import mapped, trimmed
from ledger_pipelines.months import format_month

#: What a plan is found by; the term is a normalised one.
PLAN_KEY = ["month", "plan_name", "contract_term"]


def plans_of(
    plans: pd.DataFrame, billing_plans: pd.DataFrame, months: Sequence[date]
) -> tuple[pd.DataFrame, list[Problem]]:
    """The plan of each PLAN_KEY in these months, with RATES and `plan_support_level`; and the choices between several."""
    codex = _with_key(plans[plans["month"].isin(months)].assign(sent=plans["plan_name"]))
    written = mapped(codex["term_length"], str, pa.string())
    codex = codex.assign(is_short=codex["contract_term"] != written, written=written)
    codex = codex.sort_values(["is_short", "sent", "written"])
    columns = [*PLAN_KEY, "plan_support_level", *RATES]
    if billing_plans.empty:
        return codex[columns].drop_duplicates(PLAN_KEY), list(_choices(codex, "in Codex"))
    local = _with_key(billing_plans.rename(columns={"billing_plan": "plan_name"}))
    local = in_force(local, ["plan_name", "contract_term"], months).sort_values("id", ascending=False)
    choices = [*_choices(codex, "in Codex"), *_choices(local, "in billing_plans")]
    return pd.concat([local[columns], codex[columns]]).drop_duplicates(PLAN_KEY), choices


def _with_key(plans: pd.DataFrame) -> pd.DataFrame:
    return plans.assign(
        plan_name=plans["plan_name"].str.strip().fillna(""),
        contract_term=mapped(plans["term_length"], normalise_term, pa.string()),
        plan_support_level=trimmed(plans["support_level"]),
        **{rate: plans[rate].fillna(0) for rate in RATES},
    )


def _choices(plans: pd.DataFrame, where: str) -> Iterator[Problem]:
    """Each plan that stands several times, and which of them holds: the first."""
    is_several = plans.duplicated(PLAN_KEY, keep=False)
    if not is_several.any():
        return
    several = plans[is_several]
    group: Any
    for group, rows in several.groupby(PLAN_KEY):
        month, name, term = group
        differing = [rate for rate in RATES if rows[rate].nunique() > 1]
        written = [None if pd.isna(one) else one for one in rows["term_length"]]
        consequence = (
            f"they differ in {', '.join(differing)}, so remove all but one"
            if differing
            else "their rates are the same"
        )
        message = (
            f"The billing plan {name!r} for {term} stands {len(rows)} times {where}, with the terms "
            f"{', '.join(map(repr, written))}, and the first of these is used: {consequence}."
        )
        details = {"plan_name": name, "terms": written, "differing": differing}
        choice = billing_problem("plan", f"{name}/{term}", message, details, format_month(month))
        yield choice if differing else replace(choice, is_blocking=False)
