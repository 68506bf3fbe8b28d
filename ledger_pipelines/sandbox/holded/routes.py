"""Holded's stand-in: sales channels, contacts, invoices and credit notes (wire/holded.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from zlib import crc32

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.holded.access import HOLDED_API_KEY, HOLDED_BLOCKED_KEY
from ledger_pipelines.sandbox.holded.lists import HoldedLists
from ledger_pipelines.sandbox.holded.records import local_midnight
from ledger_pipelines.sandbox.limits import RateLimit
from ledger_pipelines.sandbox.school.records import ContactRow, DocumentRow, School
from ledger_pipelines.sandbox.school.refusals import JSON, holded_page, holded_refusal

_Rows = Sequence[ContactRow] | Sequence[DocumentRow]
_Endpoint = Callable[[Request], Awaitable[Response]]
_EVERYTHING = "everything"
#: Other sorts of document, of which this school has none.
_UNUSED = frozenset(
    {"salesreceipt", "estimate", "salesorder", "proform", "waybill", "purchase", "purchaseorder"}
)


def holded_app(school: School, config: SandboxConfig, lists: HoldedLists) -> Starlette:
    """Holded, to be mounted under its prefix."""
    holded = _Holded(school, config, lists)
    guarded = {
        "/saleschannels": holded.channels,
        "/contacts": holded.contacts,
        "/contacts/{id}": holded.contact,
        "/documents/{kind}": holded.documents,
        "/documents/{kind}/{id}": holded.document,
    }
    app = Starlette(
        routes=[Route(path, holded.guarded(endpoint)) for path, endpoint in guarded.items()],
        exception_handlers={404: _unknown, 405: _unknown},
    )
    app.router.redirect_slashes = False
    return app


async def _unknown(_: Request, __: Exception) -> Response:
    return holded_page()


class _Holded:
    """The endpoints over one school."""

    def __init__(self, school: School, config: SandboxConfig, lists: HoldedLists) -> None:
        self._school = school
        self._lists = lists
        self._year = config.until.year
        self._limit = RateLimit(None if config.rate_limit is None else config.holded_rate_limit)

    def guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """`endpoint` behind the key and the limit of requests."""

        async def answer(request: Request) -> Response:
            key = request.headers.get("key", "")
            if key == HOLDED_BLOCKED_KEY:
                return holded_refusal(402, "Account has been blocked. Reason: Unpaid")
            if key != HOLDED_API_KEY:
                return holded_refusal(_bad_key_status(key), "Invalid key")
            if not self._limit.allows(_EVERYTHING, key):
                wait = str(self._limit.wait(_EVERYTHING, key))
                return holded_refusal(429, "Too many requests", {"Retry-After": wait})
            return await endpoint(request)

        return answer

    async def channels(self, request: Request) -> Response:
        return self._page("saleschannels", self._school.channels, request.query_params)

    async def contacts(self, request: Request) -> Response:
        return self._page("contacts", self._school.contacts, request.query_params)

    async def contact(self, request: Request) -> Response:
        return self._record("contacts", self._school.contacts, request.path_params["id"])

    async def document(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in self._school.documents:
            return holded_page()
        return self._record(kind, self._school.documents[kind], request.path_params["id"])

    async def documents(self, request: Request) -> Response:
        kind, params = request.path_params["kind"], request.query_params
        if kind in _UNUSED:
            return Response(b"[]", media_type=JSON)
        if kind not in self._school.documents:
            return holded_page()
        first, last = self._window(params)
        contact, paid = params.get("contactid"), params.get("paid")
        rows = [
            row
            for row in self._school.documents[kind]
            if first <= row.at <= last
            and (contact is None or row.contact_id == contact)
            and (paid is None or str(row.paid) == paid)
        ]
        if params.get("sort") != "created-asc":
            rows.reverse()
        return self._page(kind, rows, params)

    def _page(self, name: str, rows: _Rows, params: QueryParams) -> Response:
        """The page asked for, the first if none is; an empty array beyond the last."""
        page = max(_whole(params.get("page")) or 1, 1)
        return Response(b"[" + b",".join(self._lists.page(name, rows, page)) + b"]", media_type=JSON)

    def _record(self, name: str, rows: _Rows, wanted: str) -> Response:
        for row in rows:
            if row.id == wanted:
                return Response(self._lists.record(name, row), media_type=JSON)
        # The real one cannot make up its mind either.
        return holded_refusal(200 if crc32(wanted.encode()) % 2 else 400, "not found")

    def _window(self, params: QueryParams) -> tuple[int, int]:
        """The window asked for, its end included; the current year's unless both ends are given."""
        first, last = _whole(params.get("starttmp")), _whole(params.get("endtmp"))
        if first is None or last is None:
            return local_midnight(date(self._year, 1, 1)), local_midnight(date(self._year + 1, 1, 1)) - 1
        return first, last


def _bad_key_status(key: str) -> int:
    """401 without a key; with a bad one any of three, but for one key always the same."""
    return (401, 403, 400)[crc32(key.encode()) % 3] if key else 401


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None
