"""Documents to download: statements as CSV, PDF and for QuickBooks, all of a month, and what customers owe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from starlette.responses import StreamingResponse

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.downloads import disposition
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.problems import Refused, problems
from ledger_pipelines.workflows.documents import (
    Document,
    NoStatementError,
    Part,
    overdue_book,
    party_document,
    present_statements,
    statement_archive,
    statement_book,
    statement_document,
)

_CSV, _PDF, _ZIP = "text/csv", "application/pdf", "application/zip"

router = APIRouter(route_class=ExactRoute, tags=["documents"])


def _month(
    year: Annotated[int | None, Query(ge=1900, le=2999, description="With `month`.")] = None,
    month: Annotated[int | None, Query(ge=1, le=12, description="With `year`.")] = None,
) -> date | None:
    """The month that is asked for; None for the latest that has statements."""
    if (year is None) != (month is None):
        raise Refused(422, "Say year and month, or neither for the latest month that has statements.")
    return None if year is None or month is None else date(year, month, 1)


_Month = Annotated[date | None, Depends(_month)]
_AsOf = Annotated[date | None, Query(description="The day, YYYY-MM-DD; today if not set.")]
_PartNumber = Annotated[
    int, Query(ge=1, le=1_000_000, description="Which part; `X-Parts` says how many there are.")
]


def _answers(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """What a route with a file says of its answers in the OpenAPI document."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {200: {"description": "The file.", "content": content}, **problems(401, 403, 404, 422, 500, 503)}


@router.get("/invoice/{account}/download", response_class=Response, responses=_answers(_CSV))
def download_statement(account: str, month: _Month, console: ConsoleDep, _: Clerk) -> Response:
    """A company's statement as CSV."""
    return _of_statement(lambda: _statement(console, account, month, "csv"), _CSV)


@router.get("/client/{account}/export/quickbooks", response_class=Response, responses=_answers(_CSV))
def export_quickbooks(account: str, month: _Month, console: ConsoleDep, _: Clerk) -> Response:
    """A company's statement as QuickBooks imports it: the same numbers and dates."""
    return _of_statement(lambda: _statement(console, account, month, "quickbooks"), _CSV)


@router.get("/client/{account}/statement.pdf", response_class=Response, responses=_answers(_PDF))
def show_statement(account: str, month: _Month, console: ConsoleDep, _: Clerk) -> Response:
    """A company's statement as PDF."""
    return _of_statement(lambda: _statement(console, account, month, "pdf"), _PDF)


@router.get("/invoices/bulk/download", response_class=StreamingResponse, responses=_answers(_ZIP))
def download_statements(
    month: _Month,
    console: ConsoleDep,
    _: Clerk,
    kind: Annotated[Literal["csv", "pdf"], Query(alias="format")] = "csv",
) -> Response:
    """All statements of a month, a file each, in a ZIP that is made while it is sent."""
    with _found():
        made = statement_archive(console.database, month, kind, present_statements(console.settings))
    return StreamingResponse(made.content, media_type=_ZIP, headers=disposition(made.name))


@router.get("/invoices/bulk/statements.pdf", response_class=Response, responses=_answers(_PDF))
def show_statements(month: _Month, console: ConsoleDep, _: Clerk, part: _PartNumber = 1) -> Response:
    """All statements of a month in one PDF; where they are many, a part of them."""
    return _of_part(
        lambda: statement_book(console.database, month, part, present_statements(console.settings))
    )


@router.get("/ledgers/statement.pdf", response_class=Response, responses=_answers(_PDF))
def show_account(
    party: Annotated[str, Query(min_length=1, description="The customer's id.")],
    console: ConsoleDep,
    _: Clerk,
    as_of: _AsOf = None,
) -> Response:
    """What of a customer is open on a day, with a running balance, as PDF."""
    day = as_of or console.today
    return _of_statement(lambda: party_document(console.database, party, day), _PDF)


@router.get("/ledgers/overdue.pdf", response_class=Response, responses=_answers(_PDF))
def show_overdue(console: ConsoleDep, _: Clerk, as_of: _AsOf = None, part: _PartNumber = 1) -> Response:
    """What is open of all customers with something overdue on a day, in one PDF, or a part of them."""
    day = as_of or console.today
    return _of_part(lambda: overdue_book(console.database, day, part))


def _statement(
    console: Console, account: str, month: date | None, kind: Literal["csv", "pdf", "quickbooks"]
) -> Document:
    return statement_document(console.database, account, month, kind, present_statements(console.settings))


@contextmanager
def _found() -> Iterator[None]:
    try:
        yield
    except NoStatementError as error:
        raise Refused(404, str(error)) from None


def _of_statement(make: Callable[[], Document], kind: str) -> Response:
    with _found():
        document = make()
    return Response(document.content, media_type=kind, headers=disposition(document.name))


def _of_part(make: Callable[[], Part]) -> Response:
    with _found():
        part = make()
    headers = disposition(part.document.name) | {"X-Part": str(part.number), "X-Parts": str(part.parts)}
    return Response(part.document.content, media_type=_PDF, headers=headers)
