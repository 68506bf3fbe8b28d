"""What the guard before Dagster's pages lets through, and what it refuses."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ledger_pipelines.local.guard import Guard
from ledger_pipelines.same_origin import is_loopback

OWN = "127.0.0.1:3000"
MUTATION = 'mutation { startSchedule(scheduleSelector: {scheduleName: "x"}) { __typename } }'


async def _never(*_: object) -> None:
    raise AssertionError("the guard passes nothing on here")


HERE = Guard(_never, names=("127.0.0.1",))
EVERYWHERE = Guard(_never, names=("0.0.0.0",), any_address=True)
BEHIND_A_PROXY = Guard(_never, names=("127.0.0.1",), public_url="https://books.example.com/dagster")


def _status(
    guard: Guard,
    *,
    host: str | None = OWN,
    method: str = "POST",
    path: str = "/graphql",
    kind: str = "http",
    query: str = "",
    **headers: str,
) -> int | None:
    given = {} if host is None else {"host": host}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    refusal = guard.refusal(scope)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("host", [OWN, "localhost:3000", "LOCALHOST", "[::1]:3000", "127.0.0.1"])
def test_the_names_of_this_machine_are_answered(host: str) -> None:
    assert _status(HERE, host=host, method="GET", path="/runs") is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example",
        "localhost.evil.example:3000",
        "192.168.1.7:3000",
        "127.0.0.1:3000@evil.example",
        "[::1",
        "localhost:port",
        "127.0.0.1:3000 evil.example",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_any_other_host_is_refused_for_reading_too(host: str | None, kind: str) -> None:
    assert _status(HERE, host=host, method="GET", path="/runs", kind=kind) == 421


def test_two_hosts_are_none() -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", OWN.encode()), (b"host", b"evil.example")],
    }
    refusal = HERE.refusal(scope)
    assert refusal is not None
    assert refusal.status == 421


def test_where_they_listen_on_all_addresses_an_address_is_answered_and_a_foreign_name_is_not() -> None:
    assert _status(EVERYWHERE, host="192.168.1.7:3000", method="GET") is None
    assert _status(EVERYWHERE, host="[fe80::1]:3000", method="GET") is None
    assert _status(EVERYWHERE, host="evil.example:3000", method="GET") == 421


def test_the_public_address_is_answered_and_may_change_what_it_shows() -> None:
    public = "https://books.example.com"
    assert _status(BEHIND_A_PROXY, host="books.example.com", origin=public) is None
    assert _status(BEHIND_A_PROXY, host=OWN, origin=public, sec_fetch_site="same-origin") is None
    assert _status(BEHIND_A_PROXY, host="books.example.com", origin="https://evil.example") == 403
    assert _status(HERE, host="books.example.com", origin=public) == 421


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:5999",
        "http://localhost:3000",
        "",
        "http://127.0.0.1.evil:3000",
    ],
)
def test_a_page_of_another_origin_changes_nothing(kind: str, origin: str) -> None:
    assert _status(HERE, kind=kind, origin=origin) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_without_an_origin_that_a_browser_says_is_of_another_site_changes_nothing(
    site: str,
) -> None:
    assert _status(HERE, sec_fetch_site=site) == 403


def test_own_pages_and_programs_may_change_things() -> None:
    assert _status(HERE) is None
    assert _status(HERE, origin=f"http://{OWN}", sec_fetch_site="same-origin") is None
    assert _status(HERE, kind="websocket", origin=f"http://{OWN}") is None


@pytest.mark.parametrize(
    "document", [MUTATION, f"query Q {{ __typename }} {MUTATION}", "subscription { x }", f"  # a\n{MUTATION}"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_by_get_nothing_is_changed_whoever_asks(document: str, method: str) -> None:
    for query in (urlencode({"query": document}), urlencode([("query", "{ a }"), ("query", document)])):
        assert _status(HERE, method=method, query=query) == 405
        assert _status(HERE, method=method, path="/books/graphql", query=query) == 405


@pytest.mark.parametrize("query", ["", "{ __typename }", "query { a }", "mutation", "{" * 5000])
def test_by_get_it_may_be_asked(query: str) -> None:
    assert _status(HERE, method="GET", query=urlencode({"query": query})) is None


def test_a_link_from_elsewhere_opens_a_page() -> None:
    assert _status(HERE, method="GET", path="/runs/1", sec_fetch_site="cross-site") is None


def test_what_loopback_is() -> None:
    assert [name for name in ("127.0.0.1", "localhost", "::1", "127.0.0.7") if not is_loopback(name)] == []
    assert [name for name in ("0.0.0.0", "::", "books", "192.168.1.7") if is_loopback(name)] == []
