"""`/client/{account}`: a company's statement of a month, and why each line is on it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.charts import stacked
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.exact import is_storable
from ledger_pipelines.console.pages.edit_words import describe_changes, edit_label
from ledger_pipelines.console.pages.rendering import is_partial, page
from ledger_pipelines.console.pages.saving import back_to, saved_of
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, parse_month
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import Editor
from ledger_pipelines.store.edits.history import last_edit_id
from ledger_pipelines.store.queries.dashboard import LedgerMonth
from ledger_pipelines.workflows.client import (
    ChargeExistsError,
    ClientStatement,
    UnknownClientError,
    add_one_off,
    background,
    charged_series,
    client_statement,
)
from ledger_pipelines.workflows.dashboard import UnknownMonthError, months_of_ledger, selected_month
from ledger_pipelines.workflows.explain import explain
from ledger_pipelines.workflows.statement_changes import statement_changes

router = APIRouter()

#: How templates describe edits.
WORDS: dict[str, Any] = {"edit_label": edit_label, "describe_changes": describe_changes}
_KINDS = {
    "user": "People",
    "asset": "Devices",
    "hours": "Hours",
    "backup": "Backup",
    "custom": "Other charges",
}


@router.get("/client/{account}")
def show_client(request: Request, account: str, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """A company in a month, the latest with statements where none is asked for."""
    months, selected = _months(request, console)
    client = _client(console, account, selected)
    return _page(request, console, person, months, selected, client)


@router.get("/client/{account}/why")
def show_why(request: Request, account: str, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """What is behind a line of the statement."""
    _, selected = _months(request, console)
    client = _client(console, account, selected)
    source = tuple(request.query_params.get(name, "") for name in ("source_type", "source_id"))
    line = next((one for one in client.lines if (one["source_type"], one["source_id"]) == source), None)
    if client.statement is None or line is None:
        raise Refused(404, f"The statement of {account} for {format_month(selected.month)} has no such line.")
    why = explain(console.database, client.statement, line)
    template = "why_part.html" if is_partial(request) else "why.html"
    return page(request, template, person, client=client, month=selected.month, why=why, **WORDS)


@router.get("/client/{account}/changes")
def show_changes(request: Request, account: str, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """Why the total is another than in the month before."""
    _, selected = _months(request, console)
    client = _client(console, account, selected)
    changes = statement_changes(console.database, account, selected.month, client.lines)
    template = "changes_part.html" if is_partial(request) else "changes.html"
    return page(request, template, person, client=client, month=selected.month, changes=changes)


@router.post("/client/{account}/one-offs")
def save_one_off(
    request: Request,
    account: str,
    console: ConsoleDep,
    dagster: DagsterDep,
    person: Clerk,
    name: Annotated[str, Form()] = "",
    amount: Annotated[str, Form()] = "",
    month: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Any:
    """Charges something once in an open month, and shows it there; what cannot be is said beside the form."""
    months = months_of_ledger(console.database)
    given = {"name": name.strip(), "amount": amount.strip(), "month": month, "reason": reason.strip()}
    selected = selected_month(months, None)
    try:
        selected = selected_month(months, month)
        asked = _open_month(months, month)
        client = _client(console, account, selected)
        if not all(map(is_storable, given.values())):
            raise LedgerError("A text has signs that no record can have: leave them out.")
        if not given["name"] or not given["amount"]:
            raise LedgerError("Say what is charged, and how much.")
        before = last_edit_id(console.database)
        by = Editor(person.name, given["reason"] or None)
        add_one_off(console.database, account, asked, given["name"], given["amount"], by=by)
    except Refused:
        raise
    except LedgerError as error:
        existing = error.row if isinstance(error, ChargeExistsError) else None
        if selected is None:
            raise Refused(422, str(error)) from None
        client = _client(console, account, selected)
        # The form calls the column so.
        refusal = str(error).replace("one_off_fee", "The amount")
        return _page(
            request,
            console,
            person,
            months,
            selected,
            client,
            given=given,
            refusal=refusal,
            existing=existing,
        )
    path = f"/client/{quote(account, safe='')}"
    return back_to(request, console, dagster, person, path, before, month=format_month(asked))


def _page(
    request: Request,
    console: Console,
    person: Clerk,
    months: list[LedgerMonth],
    selected: LedgerMonth,
    client: ClientStatement,
    *,
    given: dict[str, str] | None = None,
    refusal: str = "",
    existing: Row | None = None,
) -> HTMLResponse:
    lines = sorted(client.lines, key=lambda line: list(_KINDS).index(line["kind"]))
    parts = [(_KINDS[kind], list(some)) for kind, some in groupby(lines, key=lambda line: line["kind"])]
    beside = background(console.database, client, selected.month)
    charted, series = charged_series(beside.charged, selected.month)
    chart = None
    if len(charted) > 1:
        title = f"What {client.name} was charged"
        currency = beside.charged[-1].currency
        chart = stacked(title, [format_month(one) for one in charted], series, currency)
    return page(
        request,
        "client.html",
        person,
        status=422 if refusal else 200,
        client=client,
        beside=beside,
        is_closed=selected.is_closed,
        month=selected.month,
        months=[one for one in months if one.month in client.months or one is selected],
        open_months=[one.month for one in months if not one.is_closed],
        parts=parts,
        chart=chart,
        saved=saved_of(console.database, request.query_params),
        given=given or {},
        refusal=refusal,
        existing=existing,
        **WORDS,
    )


def _months(request: Request, console: Console) -> tuple[list[LedgerMonth], LedgerMonth]:
    months = months_of_ledger(console.database)
    try:
        selected = selected_month(months, request.query_params.get("month"))
    except UnknownMonthError as error:
        raise Refused(404, str(error)) from None
    if selected is None:
        raise Refused(404, "No month has statements yet: run one on /periods.")
    return months, selected


def _client(console: Console, account: str, selected: LedgerMonth | None) -> ClientStatement:
    if selected is None:
        raise Refused(404, "No month has statements yet: run one on /periods.")
    if not is_storable(account):
        raise Refused(404, "The ledger knows no such company.")
    try:
        return client_statement(console.database, console.settings, account, selected.month)
    except UnknownClientError as error:
        raise Refused(404, str(error)) from None


def _open_month(months: list[LedgerMonth], text: str) -> date:
    """The open month that a form names. Raises LedgerError for any other."""
    asked = parse_month(text)
    if any(one.month == asked and not one.is_closed for one in months):
        return asked
    raise LedgerError(f"{format_month(asked)} is not open: a charge is added to an open month of the ledger.")
