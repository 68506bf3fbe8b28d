"""Failures on the way: what a real network and a busy server do to a client now and then.

Here: requests that fail. Not here: records that break the wire (see `malformed`).
"""

from __future__ import annotations

import asyncio
import random

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.refusals import UNEXPECTED, problem
from ledger_pipelines.sandbox.journal import InjectedFault, Journal, route_of
from ledger_pipelines.sandbox.school.refusals import school_failure

KINDS = ("429", "500", "timeout", "cut", "html")

#: What a 429 says about when to come back; None says nothing.
_RETRY_AFTER: tuple[str | None, ...] = ("1", "1", "1", "0", None)
_LOGIN_PAGE = (
    "<!doctype html><html><head><title>Sign in</title></head>"
    "<body><h1>Sign in</h1><p>Your session has ended.</p></body></html>\n"
)


class _CutError(Exception):
    """Ends an answer in the middle of its body."""


class Faults:
    """Counts every request to any of the systems, and fails the share of them that the settings ask for.

    Which request fails, and how, depends on the seed and on how many came before it, on nothing else.
    """

    def __init__(self, app: ASGIApp, config: SandboxConfig, journal: Journal) -> None:
        """Stands before `app` and writes to `journal`."""
        self._app = app
        self._config = config
        self._journal = journal
        self.rate = config.faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or fails it."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox"):
            await self._app(scope, receive, send)
            return
        route = route_of(scope["method"], scope["path"])
        number = self._journal.note_request(route)
        draw = random.Random(f"{self._config.seed}/{number}/fault")
        if draw.random() >= self.rate:
            await self._app(scope, receive, send)
            return
        kind = draw.choice(KINDS)
        self._journal.faults.append(InjectedFault(number, route, scope["path"], kind))
        if kind == "timeout":
            await self._stall(receive, send)
        elif kind == "cut":
            await self._cut(scope, receive, send)
        else:
            await _wrong_answer(kind, scope, draw)(scope, receive, send)

    async def _stall(self, receive: Receive, send: Send) -> None:
        """Says nothing for as long as the settings ask, or until the client leaves; then hangs up."""

        async def client_leaves() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        try:
            await asyncio.wait_for(client_leaves(), self._config.stall_seconds)
        except TimeoutError:
            # An answer begun and not finished is how the server is made to close the connection.
            await send({"type": "http.response.start", "status": 504, "headers": [(b"content-length", b"1")]})

    async def _cut(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The right answer, whose connection closes in the middle of its first piece."""

        async def send_half(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message.get("body", b"")
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                raise _CutError
            await send(message)

        try:
            await self._app(scope, receive, send_half)
        except* _CutError:
            pass


def _wrong_answer(kind: str, scope: Scope, draw: random.Random) -> Response:
    if kind == "html":
        return HTMLResponse(_LOGIN_PAGE)
    wait = draw.choice(_RETRY_AFTER) if kind == "429" else None
    system = str(scope["path"]).split("/", 2)[1]
    failure = school_failure(system, kind, wait, draw)
    if failure is not None:
        return failure
    if kind == "429":
        headers = {} if wait is None else {"Retry-After": wait}
        return problem(429, "429 Too Many Requests", _instance(scope), headers)
    return problem(500, UNEXPECTED, _instance(scope))


def _instance(scope: Scope) -> str:
    """The path without its first part, which is the sandbox's name for the service."""
    return "/" + str(scope["path"]).split("/", 2)[-1]
