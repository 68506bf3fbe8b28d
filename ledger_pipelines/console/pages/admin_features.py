"""`/admin/features`: the values that features may have, and who has which."""

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
from ledger_pipelines.console.pages.edit_actions import EditPage, act
from ledger_pipelines.console.pages.edit_forms import EditForm, row_fields
from ledger_pipelines.console.pages.edit_words import describe_changes, edit_label
from ledger_pipelines.console.pages.forms import FormDep, Submitted
from ledger_pipelines.console.pages.previews import Previewed
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.pages.saving import saved_of
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.history import last_edit_id
from ledger_pipelines.store.edits.tables import FEATURES
from ledger_pipelines.workflows.plan_book import FeatureUse, feature_use

router = APIRouter(route_class=ExactRoute)

PATH = "/admin/features"
HEADINGS = (
    Heading("feature_type", "Feature"),
    Heading("display_name", "Called"),
    Heading("value", "Value"),
    Heading("description", "Description", is_sortable=False),
    Heading("companies", "Companies that override it", is_sortable=False),
    Heading("plans", "Codex's plans that have it", is_sortable=False),
    Heading("edit", "Edit", is_sortable=False),
)
_NOBODY = FeatureUse([], [])


@router.get(PATH)
def show_features(request: Request, console: ConsoleDep, person: Admin) -> HTMLResponse:
    """The values of features; `edit` opens a form."""
    query = Submitted(request.query_params)
    return _page(request, console, person, _form(console, query) if query["edit"] else None)


@router.post(PATH)
def edit_feature(
    request: Request, console: ConsoleDep, person: Admin, form: FormDep, dagster: DagsterDep
) -> Response:
    """Saves or removes (`do`) a value of a feature."""
    page_of = EditPage(
        # A feature is on no statement.
        preview=lambda _: Previewed(),
        show=lambda one, status: _page(request, console, person, one, status=status),
        path=PATH,
        query={},
    )
    return act(request, console, dagster, person, form, _form(console, form), page_of)


def _form(console: Console, asked: Submitted) -> EditForm:
    names = {"feature_type": asked["name"], "value": asked["term"]}
    found = list_rows(console.database, FEATURES, **names) if asked["is_row"] == "1" else []
    row = found[0] if found else None
    return EditForm(
        "feature", FEATURES, names, row, row_fields(FEATURES, row), "", last_edit_id(console.database)
    )


def _page(
    request: Request, console: Console, person: Person, form: EditForm | None, *, status: int = 200
) -> HTMLResponse:
    state = read_state(request.query_params, HEADINGS, ("feature",), sort="feature_type")
    rows = _rows(console)
    types = sorted({row["feature_type"] for row in rows})
    wanted, text = state.filters.get("feature"), state.search.casefold()
    matching = [
        row
        for row in rows
        if wanted in (None, row["feature_type"])
        and any(text in str(row[name] or "").casefold() for name in ("feature_type", "display_name", "value"))
    ]
    return page(
        request,
        "admin_features.html",
        person,
        status=status,
        form=form,
        types=types,
        type_pairs=[(one, one) for one in types],
        here=request.scope.get("root_path", "") + PATH,
        currency=console.settings.currency,
        listing=listed(matching, HEADINGS, state),
        saved=saved_of(console.database, request.query_params),
        edit_label=edit_label,
        describe_changes=describe_changes,
    )


def _rows(console: Console) -> list[dict[str, Any]]:
    """The options, and values in use that are not among them."""
    use = feature_use(console.database)
    options = {(row["feature_type"], row["value"]): row for row in list_rows(console.database, FEATURES)}
    return [
        {
            "feature_type": key[0],
            "value": key[1],
            "display_name": row["display_name"] if row else None,
            "description": row["description"] if row else None,
            "is_option": row is not None,
            "use": use.get(key, _NOBODY),
        }
        for key in sorted({*options, *use})
        for row in (options.get(key),)
    ]
