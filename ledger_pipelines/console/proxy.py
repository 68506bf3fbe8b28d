"""What a reverse proxy says of a request: who asks, by which address, under which prefix.

These headers count only from a proxy that we trust. Whatever came in these headers, nobody behind this reads them again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_pipelines.same_origin import origin_of

_FORWARDED = (b"x-forwarded-", b"forwarded")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,8}")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LONGEST_PREFIX = 200

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """An ASGI application that takes `X-Forwarded-For, -Proto, -Host` and `-Prefix` from `trusted` addresses only.

    The prefix becomes the scope's `root_path` and begins its `path`, as if it had not been taken off; the rest becomes
    its client, scheme and Host. What is not well-formed is as if it had not been sent.
    """

    app: ASGIApp
    trusted: Sequence[Network]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on as its sender's browser sent it."""
        if scope["type"] in {"http", "websocket"}:
            given = Headers(scope=scope)
            scope["headers"] = [one for one in scope["headers"] if not one[0].lower().startswith(_FORWARDED)]
            peer = scope.get("client")
            if peer is not None and self._trusts(peer[0]):
                self._believe(scope, given)
        await self.app(scope, receive, send)

    def _believe(self, scope: Scope, given: Headers) -> None:
        """Writes what the proxy says to the scope itself, so that what stands before us sees it in the end."""
        client = self._client(given.getlist("x-forwarded-for"))
        if client is not None:
            scope["client"] = (client, 0)
        scheme = _last(given.getlist("x-forwarded-proto")).lower()
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme
        host = _last(given.getlist("x-forwarded-host"))
        if _HOST.fullmatch(host):
            others = [one for one in scope["headers"] if one[0].lower() != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]
        prefix = _prefix(given.getlist("x-forwarded-prefix"))
        if prefix:
            scope["root_path"] = prefix
            scope["path"] = prefix + scope["path"]
            if scope.get("raw_path") is not None:
                scope["raw_path"] = prefix.encode() + scope["raw_path"]

    def _trusts(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self.trusted)

    def _client(self, values: Sequence[str]) -> str | None:
        """The last address that no proxy of ours has: what stands before it, anybody may have written."""
        for value in reversed([one.strip() for line in values for one in line.split(",")]):
            address = _address(value)
            if address is None:
                return None
            if not self._trusts(value):
                return str(address)
        return None


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """An ASGI application that takes what is asked by the public `url`'s host for asked with its scheme, too.

    A proxy that ends TLS may say by which host it was asked, and nothing else. It stands before `Proxies`: one that says
    more is believed.
    """

    app: ASGIApp
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on as the browser sent it."""
        if scope["type"] == "http":
            scheme = urlsplit(self.url).scheme
            asked = origin_of(f"{scheme}://{Headers(scope=scope).get('host', '')}")
            if asked is not None and asked == origin_of(self.url):
                scope["scheme"] = scheme
        await self.app(scope, receive, send)


def _last(values: Sequence[str]) -> str:
    """What the proxy nearest to us has said: proxies add to a list, or to a header's values."""
    return values[-1].rpartition(",")[2].strip() if values else ""


def _prefix(values: Sequence[str]) -> str:
    """A path of plain segments, empty where it is anything else, or given twice."""
    if len(values) != 1 or len(values[0]) > _LONGEST_PREFIX:
        return ""
    prefix = values[0].removesuffix("/")
    return prefix if _PREFIX.fullmatch(prefix) else ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    # A socket for both kinds writes the older kind in the newer form.
    return getattr(address, "ipv4_mapped", None) or address
