"""Datto RMM's stand-in: its login, devices, sites with their variables, and what it allows (wire/datto.md)."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.datto.access import DATTO_API_KEY, DATTO_API_SECRET
from ledger_pipelines.sandbox.datto.records import Fleet
from ledger_pipelines.sandbox.hivematrix.world import Record

_Endpoint = Callable[[Request], Awaitable[Response]]
_JSON = "application/json"
_PUBLIC_CLIENT = "Basic " + b64encode(b"public-client:public").decode()
_MOST, _WINDOW_SECONDS, _BLOCK_SECONDS = 250, 60.0, 300.0
#: So many refused requests are borne before the account is blocked.
_BORNE = 20
_LASTS = 360_000


def datto_app(fleet: Fleet, config: SandboxConfig) -> Starlette:
    """The stand-in as an ASGI application, without a path prefix."""
    datto = _Datto(fleet, None if config.rate_limit is None else config.datto_rate_limit)
    app = Starlette(
        routes=[
            Route("/auth/oauth/token", datto.log_in, methods=["POST"]),
            Route("/api/v2/account/devices", datto.guarded(datto.devices)),
            Route("/api/v2/account/sites", datto.guarded(datto.sites)),
            Route("/api/v2/device/{uid}", datto.guarded(datto.device)),
            Route("/api/v2/site/{uid}/variables", datto.guarded(datto.variables)),
            Route("/api/v2/system/request_rate", datto.guarded(datto.request_rate)),
            Route("/api/v2/system/pagination", datto.guarded(datto.pagination)),
        ],
        exception_handlers={404: _nothing, 405: _nothing},
    )
    app.router.redirect_slashes = False
    return app


async def _nothing(_: Request, __: Exception) -> Response:
    return _refusal(404, "Not Found")


class Requests:
    """The account's requests of a rolling minute. One who goes on after being refused is blocked for five minutes."""

    def __init__(self, most: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """No limit when `most` is None."""
        self._most = most
        self._clock = clock
        self._times: deque[float] = deque()
        self._refused = 0
        self._blocked_until = 0.0

    @property
    def count(self) -> int:
        """How many came in the last minute."""
        while self._times and self._times[0] <= self._clock() - _WINDOW_SECONDS:
            self._times.popleft()
        return len(self._times)

    def status(self) -> int:
        """Counts a request; 200 where it is let through, 429 where it is not, 403 while the account is blocked."""
        now = self._clock()
        if now < self._blocked_until:
            return 403
        self._times.append(now)
        if self._most is None or self.count <= self._most:
            self._refused = 0
            return 200
        self._refused += 1
        if self._refused > _BORNE:
            self._blocked_until = now + _BLOCK_SECONDS
        return 429


class _Datto:
    """The endpoints over one fleet."""

    def __init__(self, fleet: Fleet, most: int | None) -> None:
        self._fleet = fleet
        self._most = most
        self._requests = Requests(most)

    def guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """`endpoint` behind the token and the limit."""

        async def answer(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or token not in self._fleet.tokens:
                return _answer({"error": "invalid_token", "error_description": "Invalid access token"}, 401)
            status = self._requests.status()
            if status != 200:
                return _refusal(status, "Too many requests" if status == 429 else "Forbidden")
            return await endpoint(request)

        return answer

    async def log_in(self, request: Request) -> Response:
        if request.headers.get("authorization") != _PUBLIC_CLIENT:
            return _answer({"error": "unauthorized", "error_description": "Bad client credentials"}, 401)
        kind, _, _ = request.headers.get("content-type", "").partition(";")
        if kind != "application/x-www-form-urlencoded":
            return _refusal(415, "Unsupported Media Type")
        form = await _form(request)
        given = (form.get("grant_type"), form.get("username"), form.get("password"))
        if given != ("password", DATTO_API_KEY, DATTO_API_SECRET):
            return _answer({"error": "invalid_grant", "error_description": "Bad credentials"}, 400)
        token = {"access_token": self._fleet.new_token(), "token_type": "bearer", "expires_in": _LASTS}
        return _answer(token | {"scope": "default"})

    async def devices(self, request: Request) -> Response:
        return _page(request, "devices", self._fleet.devices_now())

    async def sites(self, request: Request) -> Response:
        return _page(request, "sites", self._fleet.sites)

    async def variables(self, request: Request) -> Response:
        found = self._fleet.variables.get(request.path_params["uid"])
        return _refusal(404, "Site not found") if found is None else _page(request, "variables", found)

    async def device(self, request: Request) -> Response:
        uid = request.path_params["uid"]
        found = next((device for device in self._fleet.devices if device["uid"] == uid), None)
        return _refusal(404, "Device not found") if found is None else _answer(found)

    async def request_rate(self, _: Request) -> Response:
        return _answer(
            {
                "slidingTimeWindowSizeSeconds": int(_WINDOW_SECONDS),
                "accountCount": self._requests.count,
                "accountRateLimit": self._most or 600,
                "accountCutOffRatio": 0.9,
            }
        )

    async def pagination(self, _: Request) -> Response:
        return _answer({"max": _MOST})


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _page(request: Request, member: str, records: list[Record]) -> Response:
    number, length = _number(request, "page", 0), _number(request, "max", _MOST)
    if number is None or length is None or not 1 <= length <= _MOST:
        return _refusal(400, "Invalid page or max")
    served = records[number * length : (number + 1) * length]
    address = request.url.replace(query="")

    def page_url(other: int) -> str:
        # As the real one: the other parameters are dropped.
        return str(address.include_query_params(page=other))

    details = {
        "count": len(served),
        "totalCount": len(records),
        "prevPageUrl": page_url(number - 1) if number else None,
        # Null on a first page that is the last, and empty on a later one.
        "nextPageUrl": page_url(number + 1)
        if (number + 1) * length < len(records)
        else ""
        if number
        else None,
    }
    return _answer({"pageDetails": details, member: served})


def _number(request: Request, name: str, default: int) -> int | None:
    text = request.query_params.get(name, str(default))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _answer(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type=_JSON)


def _refusal(status: int, message: str) -> Response:
    return _answer({"status": status, "message": message}, status)
