"""`/admin/plans`: Codex's plans and ours, who is on each, and editing ours with what it changes over all companies."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Admin
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.listing import Heading, listed, read_state
from ledger_pipelines.console.pages import previews
from ledger_pipelines.console.pages.edit_actions import EditPage, act
from ledger_pipelines.console.pages.edit_forms import EditForm, month_text, parsed_month, row_fields
from ledger_pipelines.console.pages.edit_words import describe_changes, edit_label, label
from ledger_pipelines.console.pages.forms import FormDep, Submitted
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.pages.saving import saved_of
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.history import EditFilter, last_edit_id, list_edits
from ledger_pipelines.store.edits.tables import PLANS
from ledger_pipelines.tables.rates import RATES
from ledger_pipelines.workflows.plan_book import PlanTerm, place_of_term, plan_terms

router = APIRouter(route_class=ExactRoute)

PATH = "/admin/plans"
_RECENT, _COMPANIES = 10, 100


@router.get(PATH)
def show_plans(request: Request, console: ConsoleDep, person: Admin) -> HTMLResponse:
    """All plans, or the one that the address names; `edit` and `copy` open a form."""
    query = Submitted(request.query_params)
    form = None
    if query["edit"] or query["copy"]:
        try:
            form = _copied(console, query) if query["copy"] else _form(console, query)
        except LedgerError as error:
            raise Refused(422, str(error)) from None
    return _page(request, console, person, form, query["plan"])


@router.post(PATH)
def edit_plan(
    request: Request, console: ConsoleDep, person: Admin, form: FormDep, dagster: DagsterDep
) -> Response:
    """Saves, removes or previews (`do`) a plan of ours. A preview writes nothing."""
    try:
        edit_form = _form(console, form)
    except LedgerError as error:
        raise Refused(422, str(error)) from None
    name = form["name"]
    page_of = EditPage(
        preview=lambda proposals: previews.of_plans(console, [name], proposals),
        show=lambda one, status: _page(request, console, person, one, form["plan"], status=status),
        path=PATH,
        query={"plan": name},
    )
    return act(request, console, dagster, person, form, edit_form, page_of)


def _form(console: Console, asked: Submitted) -> EditForm:
    """The form of a row of ours, or of a new one. Raises LedgerError where its month is invalid."""
    names = {"billing_plan": asked["name"], "term_length": asked["term"]}
    since, row_id = parsed_month(asked["was_from"]), asked.number("row_id")
    found = [row for row in _ours(console, names) if row["id"] == row_id and row["from_month"] == since]
    row = found[0] if found and asked["is_row"] == "1" else None
    return EditForm(
        "plan", PLANS, names, row, row_fields(PLANS, row), month_text(row), last_edit_id(console.database)
    )


def _copied(console: Console, asked: Submitted) -> EditForm:
    """The form of a new plan of ours that has what this one has. Raises LedgerError where there is none."""
    found = [
        one
        for one in plan_terms(console.database, console.today)
        if (one.plan, one.term) == (asked["name"], asked["term"]) and one.in_force is not None
    ]
    if not found:
        raise LedgerError(f"There is no plan {asked['name']!r} with the term {asked['term']!r} to copy.")
    rates = found[0].in_force
    # As a new row's form: what the copied one has counts as typed.
    fields = row_fields(PLANS, {**dict.fromkeys(PLANS.fields), **(rates or {})})
    names = {"billing_plan": "" if asked["copy"] == "new" else asked["name"], "term_length": asked["term"]}
    return EditForm("plan", PLANS, names, None, fields, "", last_edit_id(console.database))


def _ours(console: Console, names: dict[str, str]) -> list[Row]:
    return list_rows(console.database, PLANS, billing_plan=names["billing_plan"])


def _page(
    request: Request, console: Console, person: Person, form: EditForm | None, plan: str, *, status: int = 200
) -> HTMLResponse:
    terms = plan_terms(console.database, console.today)
    context: dict[str, Any] = {
        "form": form,
        "plan": plan,
        "here": request.scope.get("root_path", "") + PATH,
        "currency": console.settings.currency,
        "saved": saved_of(console.database, request.query_params),
        "edit_label": edit_label,
        "describe_changes": describe_changes,
    }
    of_plan = [one for one in terms if one.plan == plan]
    if of_plan:
        recent = list_edits(
            console.database,
            EditFilter(tables=(PLANS.name,), row={"billing_plan": plan}),
            limit=_RECENT,
        )
        context |= {
            "terms": of_plan,
            "rates": [(name, label(name), line) for name, line in RATES.items()],
            "companies": [one for term in of_plan for one in term.companies][:_COMPANIES],
            "users": sum(len(term.companies) for term in of_plan),
            "recent": recent,
        }
        return page(request, "admin_plan.html", person, status=status, **context)
    names = sorted({one.term for one in terms if one.term}, key=place_of_term)
    headings = (
        Heading("plan", "Plan"),
        *(Heading(name, name, is_sortable=False) for name in names),
        Heading("companies", "Companies", is_number=True),
    )
    state = read_state(request.query_params, headings, sort="plan")
    rows = [row for row in _rows(terms) if state.search.casefold() in row["plan"].casefold()]
    context |= {"listing": listed(rows, headings, state), "term_names": names}
    return page(request, "admin_plans.html", person, status=status, **context)


def _rows(terms: list[PlanTerm]) -> list[dict[str, Any]]:
    """A row for each plan: its terms by name, and how many companies are on it."""
    rows: dict[str, dict[str, Any]] = {}
    for one in terms:
        row = rows.setdefault(one.plan, {"plan": one.plan, "terms": {}, "companies": 0})
        row["terms"][one.term] = one
        row["companies"] += len(one.companies)
    return list(rows.values())
