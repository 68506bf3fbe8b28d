"""What stands in front of Dagster's pages: they ask nobody who he is, so only a person in front of them may work them.

Any page that a person opens can send requests to this machine. Refused are a Host that is not ours (a foreign name
that was made to point here would share our pages' rights), whatever changes something by GET (an image can do that),
and whatever a page of another origin sends.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


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
        is_safe = scope["type"] == "http" and scope["method"] in _SAFE_METHODS
        if not is_safe and not self._is_same_origin(headers, host):
            return Refusal(403, "A page of another origin may change nothing here.")
        if is_safe and _would_change(scope):
            return Refusal(405, "A mutation is sent by POST.")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            _ = urlsplit(f"//{host}").port
        except ValueError:
            return False
        ours = {*LOOPBACK, *(one.lower() for one in self.names)}
        if self.public_url is not None:
            ours.add(urlsplit(self.public_url).hostname or "")
        return name in ours or (self.any_address and _is_address(name))

    def _is_same_origin(self, headers: Headers, host: str) -> bool:
        """Whether it comes from our own pages, or from no page at all: a program names no origin."""
        origins = headers.getlist("origin")
        if not origins:
            return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
        public = "" if self.public_url is None else urlsplit(self.public_url).netloc
        return all(
            urlsplit(origin).netloc.lower() in {host.lower(), public.lower()} - {""} for origin in origins
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _would_change(scope: Scope) -> bool:
    """Whether a request asks GraphQL for more than to be told something; what cannot be read, GraphQL refuses itself."""
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
