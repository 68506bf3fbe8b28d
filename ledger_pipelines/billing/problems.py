"""Records that cannot be billed as they stand, each as one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month


def billing_problem(
    entity_type: str, external_id: str, message: str, details: Mapping[str, Any], month: str
) -> Problem:
    """A problem of the statement run; `month` is `YYYY-MM`."""
    return Problem("billing", "statements", entity_type, external_id, message, details, month)


def company_problem(company: Mapping[str, Any]) -> Problem:
    """Why a company gets no statement: it has no account number, no plan, or one that does not exist.

    `plan_name` and `contract_term` are what its plan was looked for by.
    """
    plan, term = company["plan_name"], company["contract_term"]
    account = (company["account_number"] or "").strip()
    month = format_month(company["month"])
    details = {
        name: company[name] for name in ("account_number", "name", "billing_plan", "contract_term_length")
    }
    if not account:
        message = (
            f"Company {company['name']!r} has no account number: give it one in Codex, or it is not billed."
        )
        return billing_problem("company", company["name"] or "", message, details, month)
    if plan is None:
        message = f"Company {account} has no billing plan: give it one in Codex or in its billing override."
    else:
        message = (
            f"Company {account} is on the plan {plan!r} with the term {term!r}, which does not exist: "
            "add that plan, or correct the company's plan or term."
        )
    return billing_problem("company", account, message, details, month)
