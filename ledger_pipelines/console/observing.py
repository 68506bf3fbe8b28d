"""Each request to the console as a span and, where logs are JSON, as a line: its route, never its address.

An address may have a token in it, when Core comes back from a sign-in, and names in its query.
"""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_pipelines.console.measuring import method_of, route_of
from ledger_pipelines.logs import is_json, logging_context
from ledger_pipelines.tracing import span

_LOG = logging.getLogger(__name__)


class Observed:
    """Logs each request once it is answered: method, route, status, and the permission of its sender."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        if is_json():
            _LOG.setLevel(logging.INFO)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on; a request that fails is a 500, and its exception goes on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        # The dependencies that find out who asks note the permission there.
        state = scope.setdefault("state", {})

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = method_of(scope)
        with span(method, "server", http__request__method=method) as traced:
            try:
                await self._app(scope, receive, send_noted)
            finally:
                route, permission = route_of(scope), state.get("permission")
                traced.rename(f"{method} {route}")
                traced.note(
                    http__route=route, http__response__status_code=status, ledger__permission=permission
                )
                if status >= 500:
                    traced.fail(str(status))
                if is_json():
                    known = {
                        "route": route,
                        "status": status,
                        "permission": permission,
                        "account": scope.get("path_params", {}).get("account"),
                    }
                    seconds = round(time.perf_counter() - began, 4)
                    with logging_context(method=method, seconds=seconds, **known):
                        _LOG.info("%s %s %s", method, route, status)
