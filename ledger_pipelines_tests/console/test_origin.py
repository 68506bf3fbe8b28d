"""What a page of somebody else may send, and what reaches the console by a foreign name."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ledger_pipelines.console.origin import KnownHosts, SameOrigin
from ledger_pipelines.console.proxy import Proxies

OWN = "http://127.0.0.1:5030"
GATEWAY = {
    "authorization": "Bearer added-by-the-gateway",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "books.example.com",
    "x-forwarded-prefix": "/ledger",
}
METHODS = ("POST", "PUT", "DELETE", "PATCH", "PURGE")


async def _done(_: Request) -> PlainTextResponse:
    return PlainTextResponse("done")


APP = Starlette(
    routes=[Route("/", _done, methods=[*METHODS, "GET", "OPTIONS"])],
    middleware=[
        Middleware(Proxies, trusted=(ip_network("127.0.0.1"),)),
        Middleware(SameOrigin),
    ],
)
CLIENT = TestClient(APP, base_url=OWN, client=("127.0.0.1", 4711))


def _status(method: str, headers: dict[str, str] | list[tuple[str, str]]) -> int:
    return CLIENT.request(method, "/", headers=headers).status_code


@pytest.mark.parametrize(
    "said",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": OWN},
        {"sec-fetch-site": "nonsense"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:5999"},
        {"origin": "http://localhost:5030"},
        {"origin": "https://127.0.0.1:5030"},
        {"origin": "http://127.0.0.1:5030.evil.example"},
        {"origin": "http://127.0.0.1:5030@evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
def test_another_origins_page_changes_nothing_whatever_it_brings(said: dict[str, str]) -> None:
    for method in METHODS:
        for brought in ({}, {"cookie": "ledger_console=x"}, {"authorization": "Bearer x"}):
            answer = CLIENT.request(method, "/", headers=said | brought)
            assert answer.status_code == 403
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["error"] == answer.json()["detail"]
        # The gateway's own origin is another one.
        assert _status(method, said | GATEWAY) == 403
    for method in ("GET", "OPTIONS"):
        assert _status(method, said) == 200


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"origin": OWN},
        {"origin": OWN, "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
def test_own_pages_and_programs_may(said: dict[str, str]) -> None:
    assert _status("POST", said) == 200


def test_behind_the_gateway_its_address_is_our_origin() -> None:
    for origin in ("https://books.example.com", "https://books.example.com:443", "https://BOOKS.example.com"):
        assert _status("PUT", GATEWAY | {"origin": origin, "sec-fetch-site": "same-origin"}) == 200
    for origin in (OWN, "http://books.example.com", "https://books.example.com:8443"):
        assert _status("PUT", GATEWAY | {"origin": origin}) == 403
    both = [*GATEWAY.items(), ("origin", "https://books.example.com"), ("origin", "https://evil.example")]
    assert _status("PUT", both) == 403


def test_a_foreign_name_is_not_answered_whatever_headers_its_page_sends() -> None:
    app = KnownHosts(APP, names=("books.lan",))
    client = TestClient(app, base_url=OWN, client=("127.0.0.1", 4711))

    def status(host: str, **headers: str) -> int:
        return client.get("/", headers={"host": host, **headers}).status_code

    assert status("evil.example:5030") == 421
    assert status("evil.example:5030", **{"x-forwarded-host": "127.0.0.1"}) == 421
    assert status("192.168.1.7:5030") == 421
    for host in ("127.0.0.1:5030", "localhost", "[::1]:5030", "books.lan", "BOOKS.lan:5030"):
        assert status(host) == 200
    open_to_all = TestClient(KnownHosts(APP, any_address=True), base_url=OWN)
    assert open_to_all.get("/", headers={"host": "192.168.1.7:5030"}).status_code == 200
    assert open_to_all.get("/", headers={"host": "evil.example"}).status_code == 421
