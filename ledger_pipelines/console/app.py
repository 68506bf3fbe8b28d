"""The console as an ASGI application: its routers, and what stands in front of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_pipelines import tracing
from ledger_pipelines.console.api import ROUTERS as API_ROUTERS
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.dagster import dagster_of
from ledger_pipelines.console.exact import ExactJSONResponse
from ledger_pipelines.console.measuring import Measured, Meter
from ledger_pipelines.console.observing import Observed
from ledger_pipelines.console.origin import SameOrigin
from ledger_pipelines.console.pages import ROUTERS as PAGE_ROUTERS
from ledger_pipelines.console.problems import handle_problems, problem
from ledger_pipelines.console.proxy import Proxies
from ledger_pipelines.logs import is_json

STATIC = Path(__file__).parent / "static"
#: Bytes of a body: the largest that a person sends is a form of some hundred fields.
_LARGEST_BODY = 2 * 2**20
#: Requests that are worked on at once; each may hold a connection to the database.
_AT_ONCE = 24
#: FastAPI's own spans and logs have addresses with their queries, and exceptions with their messages: `Observed` has not.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
#: The headers for browsers in every answer. Behind the gateway a page gets scripts and styles that are written in it.
_SECURITY = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_BEHIND_GATEWAY = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
}


def create_app(console: Console, *, middleware: list[Middleware] | None = None) -> FastAPI:
    """The console's application. It starts no thread and opens no connection before it is asked for something."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        to_thread.current_default_thread_limiter().total_tokens = _AT_ONCE
        yield
        # The server ends by the signal that it got, and nothing is called at its exit.
        await to_thread.run_sync(tracing.stop)

    meter = None if console.settings.metrics_token is None else Meter(console)
    app = FastAPI(
        title="ledger_pipelines",
        version=version("ledger-pipelines"),
        description="The console of a monthly close: statements, overrides, imports, ledgers (docs/api.md).",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        routes=_routes(),
        middleware=[
            *([] if meter is None else [Middleware(Measured, meter=meter)]),
            *([Middleware(Observed)] if is_json() or tracing.is_on() else []),
            Middleware(SecurityHeaders),
            Middleware(Proxies, trusted=console.settings.trusted_proxies),
            Middleware(SameOrigin),
            Middleware(BodyLimit),
            *(middleware or []),
        ],
    )
    app.state.console, app.state.meter, app.state.dagster = console, meter, dagster_of(console)
    handle_problems(app)
    app.mount("/static", Assets(directory=STATIC), name="static")
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The routes of all applications of this process: to build them takes longer than most requests."""
    every = APIRouter(default_response_class=ExactJSONResponse)
    for router in API_ROUTERS:
        every.include_router(router)
    for router in PAGE_ROUTERS:
        every.include_router(router, include_in_schema=False)
    return every.routes


class Assets(StaticFiles):
    """Style sheets, scripts and fonts, which browsers keep for an hour."""

    def file_response(self, *args: Any, **more: Any) -> Any:
        response = super().file_response(*args, **more)
        response.headers.setdefault("Cache-Control", "public, max-age=3600")
        return response


class SecurityHeaders:
    """Sends the headers that keep a browser from doing with an answer what it is not for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and adds the headers that the answer has not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Only now is it known: what believes the gateway's headers stands further in or out.
                wanted = _SECURITY | (_BEHIND_GATEWAY if scope.get("root_path") else {})
                given = {name.lower() for name, _ in message["headers"]}
                added = [
                    (name.encode(), value.encode())
                    for name, value in {**wanted, "cache-control": "no-store"}.items()
                    if name.encode() not in given
                ]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_secured)


class BodyLimit:
    """Refuses a body that is larger than anything that the console takes, before all of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, with a body that ends with an HTTPException (413) where it is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            too_large = problem(Request(scope), 413, "The body is too large.")
            await too_large(scope, receive, send)
            return
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > _LARGEST_BODY:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_some, send)
