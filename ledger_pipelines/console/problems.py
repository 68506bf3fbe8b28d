"""Errors as the console answers them: `application/problem+json` (RFC 9457), or a page where a page was asked for.

`error` stands beside `detail`, for HiveMatrix's clients read that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from ledger_pipelines.console.identity.errors import CoreUnavailableError, NotSignedInError
from ledger_pipelines.errors import (
    ConfigurationError,
    ConflictError,
    DatabaseUnavailableError,
    LedgerError,
)
from ledger_pipelines.printable import one_line

PROBLEM = "application/problem+json"
_LOG = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong: `detail` is one sentence, and `error` is the same."""

    type: str = Field(
        "about:blank", description="Always about:blank: the status says what kind of problem it is."
    )
    title: str = Field(description="The status in words.")
    status: int = Field(description="The status in digits.")
    detail: str = Field(description="What was wrong, with which record, and what to do.")
    error: str = Field(description="The same as `detail`.")
    instance: str = Field(description="The path that was asked for.")


class Refused(LedgerError):  # noqa: N818 - nothing of ours went wrong
    """A request that is answered with this status and sentence, with these headers beside them."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route says of these statuses in the OpenAPI document."""
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase, "content": {PROBLEM: {}}}
        for status in statuses
    }


def problem(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that failed: a page for a person in front of one, problem+json for a program."""
    if wants_page(request):
        from ledger_pipelines.console.pages.rendering import error_page

        return error_page(request, status, message, headers)
    content = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=message,
        error=message,
        instance=request.url.path,
    )
    return JSONResponse(content.model_dump(), status, headers=dict(headers or {}), media_type=PROBLEM)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page, and not a program for data."""
    is_api = request.url.path.removeprefix(request.scope.get("root_path", "")).startswith(
        ("/api/", "/openapi")
    )
    return not is_api and "text/html" in request.headers.get("accept", "")


def handle_problems(app: FastAPI) -> None:
    """Makes the application answer every failure as a problem."""
    app.add_exception_handler(NotSignedInError, _not_signed_in)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LedgerError, _refused)
    app.add_exception_handler(OperationalError, _database_gone)
    app.add_exception_handler(psycopg.OperationalError, _database_gone)
    app.add_exception_handler(PoolExhausted, _busy)
    app.add_exception_handler(Exception, _defect)


async def _not_signed_in(request: Request, error: Exception) -> Response:
    challenge = {"WWW-Authenticate": "Bearer"}
    if not wants_page(request):
        return problem(request, 401, str(error), challenge)
    root, query = request.scope.get("root_path", ""), request.url.query
    path = request.url.path.removeprefix(root) or "/"
    asked = f"{path}?{query}" if query else path
    if request.method == "GET":
        return RedirectResponse(
            f"{root}/login?next={quote(asked, safe='')}", 303, headers={"Cache-Control": "no-store"}
        )
    from ledger_pipelines.console.pages.rendering import error_page

    message = "Nobody is signed in any more, so nothing was saved."
    sent = await _sent(request)
    return error_page(request, 401, message, challenge, sent=sent, again=f"{root}{asked}")


async def _sent(request: Request) -> list[tuple[str, str]]:
    """The fields of the form that the request brings; none where it brings none that can be read."""
    try:
        form = getattr(request.state, "form", None) or await request.form(max_files=0)
    except HTTPException:
        return []
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def _invalid(request: Request, error: Exception) -> Response:
    details: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    return problem(request, 422, " ".join(dict.fromkeys(map(_sentence, details[:3]))) or "It cannot be read.")


#: What to write instead, by pydantic's kind of error; in braces what it says of the limits.
_ADVICE = {
    "missing": "it is missing: say it",
    "int_parsing": "write a whole number",
    "int_parsing_size": "write a smaller whole number",
    "int_from_float": "write a whole number",
    "int_type": "write a whole number",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "decimal_parsing": "write a number, with a point for decimals",
    "decimal_type": "write a number",
    "uuid_parsing": "it is no such id: take the address from the page that names it",
    "string_type": "write a text",
    "string_too_short": "write at least {min_length} signs",
    "string_too_long": "write {max_length} signs at most",
    "list_type": "write a list",
    "dict_type": "write an object with members by name",
    "model_attributes_type": "write an object with members by name",
    "too_short": "give at least {min_length}",
    "too_long": "give {max_length} at most",
    "greater_than": "write more than {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than": "write less than {lt}",
    "less_than_equal": "write {le} or less",
    "literal_error": "choose {expected}",
    **dict.fromkeys(
        ("date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact", "date_type"),
        "write a day as YYYY-MM-DD",
    ),
    **dict.fromkeys(
        ("datetime_parsing", "datetime_from_date_parsing", "datetime_type"),
        "write an instant as YYYY-MM-DDTHH:MM:SSZ, or a day",
    ),
}
_OF_MONTHS = "write year and month in digits, as ?year=2026&month=10"
#: What pydantic adds to a place where a value may be of several types.
_TYPES = {"decimal", "str", "int", "float", "bool", "date", "datetime"}


def _sentence(detail: Mapping[str, Any]) -> str:
    """One of pydantic's findings as a sentence: where, what was given, and what to write."""
    kind, context = str(detail.get("type")), detail.get("ctx", {})
    if kind == "json_invalid":
        reason = context.get("error", "it cannot be read")
        return f"The body is no JSON that can be used: {one_line(str(reason))}."
    source, *parts = (str(part) for part in detail.get("loc", ("body",)))
    if len(parts) > 1 and parts[-1] in _TYPES:
        parts.pop()
    place = one_line(".".join(parts))[:200] or "The body"
    if kind == "extra_forbidden":
        return (
            f"{place[:60]!r} is not known here, so nothing was done: leave it out, or see /docs for what is."
        )
    given = detail.get("input")
    field = (
        ""
        if given is None or isinstance(given, (dict, list, bytes))
        else f" is {one_line(str(given))[:60]!r}"
    )
    if kind == "int_parsing" and source == "query" and place in {"year", "month"}:
        return f"{place}{field}: {_OF_MONTHS}."
    if kind in _ADVICE:
        advice = _ADVICE[kind].format_map(context)
    else:
        advice = str(detail.get("msg", "it cannot be used")).removeprefix("Value error, ").rstrip(".")
    return one_line(f"{place}{field}: {advice}.")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    path = one_line(request.url.path)[:200]
    words = {
        404: f"There is nothing at {path}.",
        405: f"{request.method[:20]} is not for {path}: see /docs for what is.",
        413: "The body is too large.",
    }
    message = (
        words.get(error.status_code) if error.status_code != 404 or error.detail == "Not Found" else None
    )
    return problem(request, error.status_code, message or str(error.detail), error.headers)


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        return problem(request, error.status, str(error), error.headers)
    if isinstance(error, (DatabaseUnavailableError, CoreUnavailableError)):
        return problem(request, 503, str(error), {"Retry-After": "5"})
    if isinstance(error, ConfigurationError):
        return problem(request, 503, str(error))
    if isinstance(error, ConflictError):
        return problem(request, 409, str(error))
    return problem(request, 422, str(error))


def _database_gone(request: Request, error: Exception) -> Response:
    return problem(
        request, 503, "The ledger's database does not answer: try again soon.", {"Retry-After": "5"}
    )


def _busy(request: Request, error: Exception) -> Response:
    return problem(request, 503, "The console has too much to do: try again soon.", {"Retry-After": "5"})


def _defect(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s failed", request.method, one_line(request.url.path), exc_info=error)
    # This answer is made outside of what adds these headers to all others.
    headers = {"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff"}
    message = "That is a defect of the console, and its log says more: nothing was changed."
    return problem(request, 500, message, headers)
