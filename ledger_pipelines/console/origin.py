"""No page of somebody else changes anything here, whatever its request brings to prove who it is.

A cookie is sent with whatever asks, and behind the gateway a bearer is added for anybody: neither says that the person
meant it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_pipelines.same_origin import SAFE_METHODS, is_from_elsewhere, is_ours, origin_of

_PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class SameOrigin:
    """An ASGI application that refuses what another origin's page sends to change something.

    It stands behind `Proxies`: our origin is the one that the browser has asked.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it with 403."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            own = origin_of(f"{scope.get('scheme', 'http')}://{headers.get('host', '')}")
            if is_from_elsewhere(headers, {own} if own is not None else ()):
                message = "A page of another origin may change nothing here: open the console itself."
                await _problem(scope, HTTPStatus.FORBIDDEN, message)(scope, receive, send)
                return
        await self.app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """An ASGI application that answers to `names` and those of loopback only; with `any_address` to any IP address, too.

    It stands before `Proxies`: a page with a foreign name that points here could send a proxy's headers itself.
    """

    app: ASGIApp
    names: Collection[str] = ()
    any_address: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it with 421."""
        if scope["type"] == "http":
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or not is_ours(hosts[0], self.names, any_address=self.any_address):
                message = "The console is not at this address: start `ledger console --public-url …` if it should be."
                await _problem(scope, HTTPStatus.MISDIRECTED_REQUEST, message)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _problem(scope: Scope, status: HTTPStatus, message: str) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": message,
        "error": message,
        "instance": scope["path"],
    }
    return JSONResponse(body, status, media_type=_PROBLEM)
