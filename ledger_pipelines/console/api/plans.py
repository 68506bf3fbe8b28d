"""The billing plans: ours, and Codex's that we have not replaced."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from pydantic import create_model

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.console.access import Reader
from ledger_pipelines.console.api.asked import number
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, Number, answer
from ledger_pipelines.console.problems import problems
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.tables import PLANS
from ledger_pipelines.tables.rates import RATES
from ledger_pipelines.workflows.company_pages import codex_plans

router = APIRouter(route_class=ExactRoute, tags=["billing"])
_number: Any = (Number, ...)
Plan = create_model(
    "Plan",
    __doc__="A plan in one contract term; `id` is null where only Codex has it.",
    id=(int | None, ...),
    billing_plan=(str, ...),
    term_length=(str, ...),
    support_level=(str | None, ...),
    **dict.fromkeys(RATES, _number),
)


@router.get("/api/plans", response_model=list[Plan], responses=problems(401, 403, 503))
def list_plans(console: ConsoleDep, _: Reader) -> ExactJSONResponse:
    """Every plan in every term, with its rates as they are today; one of ours stands for Codex's of the same name."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {
        _key(plan): plan for plan in codex_plans(console.database)
    }
    for plan in list_rows(console.database, PLANS):
        if plan["from_month"] is None or plan["from_month"] <= console.today:
            found[_key(plan)] = plan
    return answer([_plan(found[key]) for key in sorted(found)])


def _key(plan: Mapping[str, Any]) -> tuple[str, str]:
    return plan["billing_plan"].strip(), normalise_term(plan["term_length"])


def _plan(row: Mapping[str, Any]) -> dict[str, Any]:
    head = {name: row[name] for name in ("id", "billing_plan", "term_length", "support_level")}
    return head | {name: number(row[name] or Decimal(0)) for name in RATES}
