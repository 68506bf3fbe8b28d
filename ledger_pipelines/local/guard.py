"""What stands in front of Dagster's pages: they ask nobody who he is, so only a person in front of them may work them.

Any page that a person opens can send requests to this machine. Refused are a Host that is not ours (a foreign name
that was made to point here would share our pages' rights), whatever changes something by GET (an image can do that),
and whatever a page of another origin sends.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_pipelines.same_origin import SAFE_METHODS, is_from_elsewhere, is_ours, origin_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, as a status and a sentence."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application that passes on only what a person's own browser, or a program of his, may ask.

    `names` are the hosts that the pages are reached by, beside those of loopback; `any_address` lets every IP address
    pass, where they listen on several: no foreign name can be one. `public_url` is where a reverse proxy shows them.
    """

    app: ASGIApp
    names: Collection[str] = ()
    any_address: bool = False
    public_url: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it with the reason why not."""
        refusal = self.refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await JSONResponse({"error": refusal.message}, refusal.status)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why the request is refused, if it is."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_ours(host):
            return Refusal(
                421,
                f"These pages are not at {host[:100]!r}: start `ledger up` with --public-url if they should be.",
            )
        is_safe = scope["type"] == "http" and scope["method"] in SAFE_METHODS
        if not is_safe and is_from_elsewhere(headers, self._origins(host)):
            return Refusal(403, "A page of another origin may change nothing here.")
        if is_safe and _would_change(scope):
            return Refusal(405, "A mutation is sent by POST.")
        return None

    def _is_ours(self, host: str) -> bool:
        names = {*self.names}
        if self.public_url is not None:
            names.add(urlsplit(self.public_url).hostname or "")
        return is_ours(host, names, any_address=self.any_address)

    def _origins(self, host: str) -> set[str]:
        """Where our pages are; what encrypts in front of us may not say so."""
        urls = (f"http://{host}", f"https://{host}", self.public_url or "")
        return {origin for origin in map(origin_of, urls) if origin is not None}


def _would_change(scope: Scope) -> bool:
    """Whether a request asks GraphQL for more than to read something; what cannot be read, GraphQL refuses itself."""
    if not scope["path"].endswith("/graphql"):
        return False
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("query", [])
    for query in asked:
        try:
            definitions = parse(query).definitions
        except (GraphQLError, RecursionError):
            continue
        for one in definitions:
            if isinstance(one, OperationDefinitionNode) and one.operation != OperationType.QUERY:
                return True
    return False
