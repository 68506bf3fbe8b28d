"""`/search`: one box for accounts, names, statements and invoices; what is meant exactly is shown at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.exact import is_storable
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.months import format_month, month_of
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.queries.found import (
    FoundCompany,
    FoundInvoice,
    FoundStatement,
    find_companies,
    find_invoices,
    find_statements,
)

router = APIRouter()


@router.get("/search")
def search(request: Request, console: ConsoleDep, person: Clerk) -> Any:
    """What the text is found in; the page of what it names, where that is one thing."""
    text = request.query_params.get("q", "").strip()[:200]
    companies: list[FoundCompany] = []
    statements: list[FoundStatement] = []
    invoices: list[FoundInvoice] = []
    if text and is_storable(text):
        with pooled_connection(console.database) as connection:
            companies = find_companies(connection, text)
            statements = find_statements(connection, text)
            invoices = find_invoices(connection, text)
    meant = [
        *(_company(one) for one in companies if text in (one.account_number, one.name)),
        *(_statement(one) for one in statements if text == one.statement_number),
        *(_invoice(one) for one in invoices if text.casefold() == (one.number or "").casefold()),
    ]
    if len(meant) == 1:
        return RedirectResponse(request.scope.get("root_path", "") + meant[0], 303)
    return page(
        request,
        "search.html",
        person,
        text=text,
        companies=[(_company(one), one) for one in companies],
        statements=[(_statement(one), one) for one in statements],
        invoices=[(_invoice(one), one) for one in invoices],
    )


def _company(found: FoundCompany) -> str:
    return f"/client/{quote(found.account_number, safe='')}"


def _statement(found: FoundStatement) -> str:
    return f"/client/{quote(found.account_number, safe='')}?month={format_month(found.month)}"


def _invoice(found: FoundInvoice) -> str:
    """The page on which one sees the result."""
    if found.source == "crypto":
        return "/cfo?" + urlencode({"q": found.number})
    return "/accruals?" + urlencode({"month": format_month(month_of(found.date)), "q": found.customer or ""})
