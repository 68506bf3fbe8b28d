"""Freshservice's stand-in: tickets, their time entries, departments (wire/freshservice.md)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.freshservice.access import FRESHSERVICE_API_KEY, FRESHSERVICE_BLIND_KEY
from ledger_pipelines.sandbox.freshservice.records import Desk, Ticket
from ledger_pipelines.sandbox.hivematrix.world import Record
from ledger_pipelines.sandbox.limits import RateLimit

_Endpoint = Callable[[Request], Awaitable[Response]]
_JSON = "application/json; charset=utf-8"
_PER_PAGE, _MOST_PER_PAGE = 30, 100
#: Of all requests of a plan, so many in a hundred may be lists of tickets.
_LISTS = 28
_PAGING = frozenset({"page", "per_page"})
_INCLUDES = frozenset({"stats", "requester", "requested_for"})


class _RefusedError(Exception):
    """A query is not one. Its argument is Freshservice's words on it, by field."""


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    length: int


def freshservice_app(desk: Desk, config: SandboxConfig) -> Starlette:
    """The stand-in as an ASGI application, without a path prefix."""
    freshservice = _Freshservice(desk, config)
    app = Starlette(
        routes=[
            Route("/tickets", freshservice.guarded(freshservice.tickets, is_list=True)),
            Route("/tickets/{id}", freshservice.guarded(freshservice.ticket)),
            Route("/tickets/{id}/time_entries", freshservice.guarded(freshservice.time_entries)),
            Route("/departments", freshservice.guarded(freshservice.departments)),
        ],
        exception_handlers={404: _nothing, 405: _nothing},
    )
    app.router.redirect_slashes = False
    return app


async def _nothing(_: Request, __: Exception) -> Response:
    return Response(status_code=404)


class _Freshservice:
    """The endpoints over one desk."""

    def __init__(self, desk: Desk, config: SandboxConfig) -> None:
        self._desk = desk
        total = None if config.rate_limit is None else config.freshservice_rate_limit
        self._total = total
        self._limit = RateLimit(total)
        self._lists = RateLimit(None if total is None else max(1, total * _LISTS // 100))

    def guarded(self, endpoint: _Endpoint, *, is_list: bool = False) -> _Endpoint:
        """`endpoint` behind the key and the plan's limits; a refused request counts, too."""

        async def answer(request: Request) -> Response:
            key = _key_of(request)
            allowed = self._limit.allows("", key)
            allowed_list = not is_list or self._lists.allows("", key)
            if key not in (FRESHSERVICE_API_KEY, FRESHSERVICE_BLIND_KEY):
                response = _error(401, "invalid_credentials", "Incorrect or missing API credentials.")
            elif not (allowed and allowed_list):
                wait = (self._limit if not allowed else self._lists).wait("", key)
                response = Response(
                    orjson.dumps({"message": "You have exceeded the limit of requests per minute."}),
                    429,
                    {"Retry-After": str(wait)},
                    media_type=_JSON,
                )
            elif key == FRESHSERVICE_BLIND_KEY:
                response = _error(403, "access_denied", "You are not authorized to perform this action.")
            else:
                try:
                    response = await endpoint(request)
                except _RefusedError as refusal:
                    body = {"description": "Validation failed", "errors": [refusal.args[0]]}
                    response = Response(orjson.dumps(body), 400, media_type=_JSON)
            if self._total is not None:
                used = 2 if "include" in request.query_params else 1
                response.headers["X-Ratelimit-Total"] = str(self._total)
                response.headers["X-Ratelimit-Remaining"] = str(self._limit.left("", key))
                response.headers["X-Ratelimit-Used-CurrentRequest"] = str(used)
            return response

        return answer

    async def tickets(self, request: Request) -> Response:
        page = _page_of(request, {"updated_since", "include"})
        unknown = set(filter(None, request.query_params.get("include", "").split(","))) - _INCLUDES
        if unknown:
            raise _RefusedError(_fault("include", f"It should be one of {', '.join(sorted(_INCLUDES))}"))
        since = request.query_params.get("updated_since")
        records = [
            ticket.record for ticket in self._desk.tickets_since(None if since is None else _instant(since))
        ]
        return _answer(request, "tickets", records, page)

    async def ticket(self, request: Request) -> Response:
        ticket = self._ticket_of(request)
        if ticket is None:
            return Response(status_code=404)
        return Response(orjson.dumps({"ticket": ticket.record}), media_type=_JSON)

    async def time_entries(self, request: Request) -> Response:
        page = _page_of(request, set())
        ticket = self._ticket_of(request)
        if ticket is None:
            return Response(status_code=404)
        return _answer(request, "time_entries", ticket.entries, page)

    def _ticket_of(self, request: Request) -> Ticket | None:
        number = request.path_params["id"]
        return self._desk.tickets.get(int(number)) if number.isascii() and number.isdigit() else None

    async def departments(self, request: Request) -> Response:
        return _answer(request, "departments", self._desk.departments, _page_of(request, set()))


def _key_of(request: Request) -> str:
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(pair, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _page_of(request: Request, others: set[str]) -> _Page:
    for name in request.query_params:
        if name not in _PAGING | others:
            raise _RefusedError(
                {"field": name, "message": "Unexpected/invalid field in request", "code": "invalid_field"}
            )
    return _Page(_number(request, "page", 1, None), _number(request, "per_page", _PER_PAGE, _MOST_PER_PAGE))


def _number(request: Request, name: str, default: int, most: int | None) -> int:
    text = request.query_params.get(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1 or (most is not None and number > most):
        raise _RefusedError(_fault(name, f"It should be a Positive Integer up to {most or 'any'}"))
    return number


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _RefusedError(_fault("updated_since", "It should be a/an Valid DateTime")) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _fault(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message, "code": "datatype_mismatch"}


def _answer(request: Request, member: str, records: list[Record], page: _Page) -> Response:
    end = page.number * page.length
    body: dict[str, Any] = {member: records[end - page.length : end]}
    headers = {}
    if end < len(records):
        following = request.url.include_query_params(page=page.number + 1)
        headers["Link"] = f'<{following}>; rel="next"'
    return Response(orjson.dumps(body), headers=headers, media_type=_JSON)


def _error(status: int, code: str, message: str) -> Response:
    return Response(orjson.dumps({"code": code, "message": message}), status, media_type=_JSON)
