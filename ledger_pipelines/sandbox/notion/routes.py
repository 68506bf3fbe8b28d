"""Notion's stand-in: one database with its data source, and queries of it (wire/notion.md)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.degraded import Degradation
from ledger_pipelines.sandbox.limits import Allowance
from ledger_pipelines.sandbox.notion.access import NOTION_DATA_SOURCE_ID, NOTION_DATABASE_ID, NOTION_TOKEN
from ledger_pipelines.sandbox.notion.query import MOST_RESULTS, Query, QueryRefusedError, read_query
from ledger_pipelines.sandbox.notion.records import STATUSES
from ledger_pipelines.sandbox.school.records import PageRow, School
from ledger_pipelines.sandbox.school.refusals import JSON, notion_error, notion_rate_limited

_Endpoint = Callable[[Request], Awaitable[Response]]
#: The version from which databases have data sources.
VERSION = "2025-09-03"
_RETRY_SECONDS = 1
#: How many queries' results are kept, so that each of their pages need not find them anew.
_CACHED = 16
#: How many results a query of a list gives that is degraded by a lower cap.
_FEW = 40
_INCOMPLETE = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}


def notion_app(school: School, config: SandboxConfig, degradation: Degradation | None = None) -> Starlette:
    """Notion, to be mounted under its prefix."""
    notion = _Notion(school, config, degradation or Degradation())
    app = Starlette(
        routes=[
            Route("/users/me", notion.guarded(notion.who)),
            Route("/databases/{id}", notion.guarded(notion.database)),
            Route("/data_sources/{id}", notion.guarded(notion.data_source)),
            Route("/data_sources/{id}/query", notion.guarded(notion.query), methods=["POST"]),
        ],
        exception_handlers={404: _unknown, 405: _unknown},
    )
    app.router.redirect_slashes = False
    return app


async def _unknown(_: Request, __: Exception) -> Response:
    return notion_error(400, "invalid_request_url", "Invalid request URL.")


class _Notion:
    """The endpoints over one school."""

    def __init__(self, school: School, config: SandboxConfig, degradation: Degradation) -> None:
        self._school = school
        self._degradation = degradation
        self._seed = config.seed
        self._allowance = Allowance(None if config.rate_limit is None else config.notion_rate_limit)
        self._results: dict[int, list[PageRow]] = {}

    def guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """`endpoint` behind the token, the limit of requests and the version."""

        async def answer(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or token != NOTION_TOKEN:
                return notion_error(401, "unauthorized", "API token is invalid.")
            if not self._allowance.allows(token):
                return notion_rate_limited(_RETRY_SECONDS)
            version = request.headers.get("notion-version")
            if version is None:
                expected = "Notion-Version header failed validation: Notion-Version header should be defined"
                return notion_error(400, "missing_version", f"{expected}, instead was `undefined`.")
            if version != VERSION:
                message = f"The Notion-Version header should be {VERSION}: this database has data sources."
                return notion_error(400, "validation_error", message)
            return await endpoint(request)

        return answer

    async def who(self, _: Request) -> Response:
        bot = {"workspace_name": "School", "owner": {"type": "workspace", "workspace": True}}
        who = {"object": "user", "id": str(UUID(int=9)), "type": "bot", "name": "Ledger", "bot": bot}
        return _answer(who | {"avatar_url": None, "request_id": str(uuid4())})

    async def database(self, request: Request) -> Response:
        if not _is(request.path_params["id"], NOTION_DATABASE_ID):
            return _not_found("database", request.path_params["id"])
        return _answer(
            {
                "object": "database",
                "id": NOTION_DATABASE_ID,
                "title": _text("Students"),
                "parent": {"type": "workspace", "workspace": True},
                "is_inline": False,
                "in_trash": False,
                "data_sources": [{"id": NOTION_DATA_SOURCE_ID, "name": "Students"}],
                "request_id": str(uuid4()),
            }
        )

    async def data_source(self, request: Request) -> Response:
        if not _is(request.path_params["id"], NOTION_DATA_SOURCE_ID):
            return _not_found("data_source", request.path_params["id"])
        kinds = {"Name": "title", "Email": "email", "Drop Date": "date", "Certificated At": "date"}
        properties: dict[str, Any] = {name: {"name": name, "type": kind} for name, kind in kinds.items()}
        options = [{"name": status} for status in STATUSES]
        properties["Educational Status"] = {
            "name": "Educational Status",
            "type": "select",
            "select": {"options": options},
        }
        return _answer(
            {
                "object": "data_source",
                "id": NOTION_DATA_SOURCE_ID,
                "title": _text("Students"),
                "parent": {"type": "database_id", "database_id": NOTION_DATABASE_ID},
                "properties": properties,
                "request_id": str(uuid4()),
            }
        )

    async def query(self, request: Request) -> Response:
        if not _is(request.path_params["id"], NOTION_DATA_SOURCE_ID):
            return _not_found("data_source", request.path_params["id"])
        try:
            body = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError:
            return notion_error(400, "invalid_json", "Error parsing JSON body.")
        if not isinstance(body, dict):
            return notion_error(400, "invalid_request", "The body of the request should be an object.")
        try:
            query = read_query(body)
        except QueryRefusedError as refusal:
            return notion_error(400, "validation_error", f"body failed validation: {refusal}")
        return self._page(query)

    def _page(self, query: Query) -> Response:
        way = self._degradation.way("pages")
        rows = [row.row for row in self._chosen(query)]
        if way == "capped_for_good":
            # Whatever is asked, the same few.
            rows = [row.row for row in self._school.pages]
        rows = self._degradation.rows("pages", rows)
        most = _FEW if way in ("capped", "capped_for_good") else MOST_RESULTS
        served = rows[:most]
        end = min(query.start + self._length(query), len(served))
        if way == "hole" and not query.after_hole:
            end = query.start
        more = end < len(served)
        cursor = query.cursor(end, after_hole=end == query.start) if more else None
        envelope: dict[str, Any] = {
            "object": "list",
            "next_cursor": None if way == "cut" else cursor,
            "has_more": more or way == "cut",
            "type": "page_or_data_source",
            "page_or_data_source": {},
            "request_id": str(uuid4()),
        }
        if len(rows) > most:
            envelope["request_status"] = _INCOMPLETE
        results = b",".join(served[query.start : end])
        return Response(orjson.dumps(envelope)[:-1] + b',"results":[' + results + b"]}", media_type=JSON)

    def _length(self, query: Query) -> int:
        """How many results are on the page: now and then fewer than were asked for."""
        draw = random.Random(f"{self._seed}/{query.key}/{query.start}")
        return query.page_size if draw.random() < 0.7 else max(1, query.page_size - draw.randint(1, 20))

    def _chosen(self, query: Query) -> list[PageRow]:
        """What a query finds. Pages neither come nor go, nor change in what they are found by."""
        if query.key not in self._results:
            if len(self._results) >= _CACHED:
                self._results.pop(next(iter(self._results)))
            self._results[query.key] = query.choose(self._school.pages)
        return self._results[query.key]


def _is(given: str, identifier: str) -> bool:
    """Whether an id is this one, with or without its hyphens."""
    return given.replace("-", "").lower() == identifier.replace("-", "")


def _not_found(kind: str, given: str) -> Response:
    message = f"Could not find {kind} with ID: {given}. Make sure it is shared with your integration."
    return notion_error(404, "object_not_found", message)


def _text(content: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": {"content": content, "link": None}, "plain_text": content}]


def _answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type=JSON)
