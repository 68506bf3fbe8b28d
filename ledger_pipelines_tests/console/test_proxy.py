"""Whose word about a request is taken, and what of it."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ledger_pipelines.console.proxy import Proxies

GATEWAY = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "books.example.com",
    "x-forwarded-prefix": "/ledger",
}
TRUSTED = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/8", "::1")))


async def _tell(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "client": request.client.host if request.client else None,
            "scheme": request.url.scheme,
            "host": request.headers["host"],
            "root": request.scope.get("root_path", ""),
            "url": str(request.url),
            "forwarded": [name for name in request.headers if "forwarded" in name],
        }
    )


APP = Starlette(
    routes=[Route("/ledgers", _tell), Route("/", _tell)], middleware=[Middleware(Proxies, trusted=TRUSTED)]
)


def _told(
    headers: dict[str, str] | list[tuple[str, str]], *, peer: str = "127.0.0.1", path: str = "/"
) -> Any:
    client = TestClient(APP, base_url="http://127.0.0.1:5030", client=(peer, 4711))
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.json()


def test_the_gateway_is_believed() -> None:
    for peer in ("127.0.0.1", "10.2.3.4", "::1", "::ffff:127.0.0.1"):
        told = _told(GATEWAY, peer=peer)
        assert told == {
            "client": "203.0.113.9",
            "scheme": "https",
            "host": "books.example.com",
            "root": "/ledger",
            "url": "https://books.example.com/ledger/",
            "forwarded": [],
        }
    # A page whose name begins as the prefix does.
    assert _told(GATEWAY, path="/ledgers")["url"] == "https://books.example.com/ledger/ledgers"


@pytest.mark.parametrize("peer", ["192.168.1.7", "203.0.113.9", "testclient", "127.0.0.2", ""])
def test_nobody_else_is_and_nobody_behind_reads_what_he_sent(peer: str) -> None:
    told = _told(GATEWAY | {"forwarded": "for=1.2.3.4"}, peer=peer)
    assert told == {
        "client": peer,
        "scheme": "http",
        "host": "127.0.0.1:5030",
        "root": "",
        "url": "http://127.0.0.1:5030/",
        "forwarded": [],
    }


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "/", "ledger", "//evil.example", "/a//b", "/..", "/a/../b", "/a/./b", "https://evil.example"),
        *("/a\\b", '/a"onload="x', "/a'b", "/a b", "/a?b", "/a#b", "/a;b", "/%2e%2e", "/a<b", "/\\evil"),
        *("/a" * 150, "/a,/b", "/a\tb", "javascript:x", "/l\u00e9dger", "/a/b/c/d/e/f/g/h/i"),
    ],
)
def test_a_prefix_is_a_path_of_plain_segments(prefix: str) -> None:
    told = _told({"x-forwarded-prefix": prefix.encode("latin-1")})  # type: ignore[dict-item]
    assert (told["root"], told["url"]) == ("", "http://127.0.0.1:5030/")


def test_a_prefix_that_is_told_twice_is_none() -> None:
    assert _told([("x-forwarded-prefix", "/a"), ("x-forwarded-prefix", "/b")])["root"] == ""
    assert _told({"x-forwarded-prefix": "/books/ledger/"})["root"] == "/books/ledger"


@pytest.mark.parametrize(
    "host", ["", "evil example", "a/b", "a@b", '"', "http://a", "a:99999999", ".a", "[x"]
)
def test_a_host_is_a_name_or_an_address_with_a_port(host: str) -> None:
    assert _told({"x-forwarded-host": host})["host"] == "127.0.0.1:5030"
    assert _told({"x-forwarded-host": "[fe80::1]:8443"})["host"] == "[fe80::1]:8443"


def test_of_several_values_the_one_of_the_nearest_proxy_counts() -> None:
    told = _told(
        {
            "x-forwarded-for": "6.6.6.6, 203.0.113.9, 10.0.0.1",
            "x-forwarded-proto": "gopher, https",
            "x-forwarded-host": "evil.example, books.example.com",
        }
    )
    assert (told["client"], told["scheme"], told["host"]) == ("203.0.113.9", "https", "books.example.com")
    for nonsense in ("unknown", "6.6.6.6, unknown", "", "10.0.0.1"):
        assert _told({"x-forwarded-for": nonsense})["client"] == "127.0.0.1"
    assert _told({"x-forwarded-proto": "javascript"})["scheme"] == "http"
