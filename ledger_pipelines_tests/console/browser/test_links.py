"""Every link of every page leads somewhere, direct and under the gateway's prefix."""

from __future__ import annotations

from collections import deque
from urllib.parse import parse_qsl, urljoin, urlsplit

from fastapi.routing import APIRoute
from lxml import html
from starlette.routing import Match
from starlette.testclient import TestClient

from ledger_pipelines.console.api import ROUTERS as API_ROUTERS
from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.pages import ROUTERS as PAGE_ROUTERS
from ledger_pipelines_tests.console.browser.addresses import addresses
from ledger_pipelines_tests.console.browser.site import Site
from ledger_pipelines_tests.console.gateway import PREFIX

#: How many addresses that differ in their values alone are asked for: of the gateway's links, prefix and all, one.
_OF_A_KIND = {"": 2, PREFIX: 1}
_OWN = "http://127.0.0.1:5030"


def test_every_link_leads_somewhere(site: Site) -> None:
    for prefix, of_a_kind in _OF_A_KIND.items():
        app = create_app(site.console)
        headers = {"Authorization": f"Bearer {site.token('admin')}"}
        if prefix:
            headers["X-Forwarded-Prefix"] = prefix
        client = TestClient(
            app,
            base_url=_OWN,
            client=("127.0.0.1", 4711),
            headers=headers,
            raise_server_exceptions=False,
            follow_redirects=False,
        )
        waiting = deque((prefix + address, "") for address in addresses(site.database))
        seen: dict[object, int] = {}
        dead = []
        while waiting:
            address, found_on = waiting.popleft()
            kind = _kind(address.removeprefix(prefix))
            if seen.setdefault(kind, 0) >= of_a_kind:
                continue
            seen[kind] += 1
            asked = urlsplit(address)
            # The gateway has stripped it.
            answer = client.get(asked._replace(path=asked.path.removeprefix(prefix), fragment="").geturl())
            if answer.status_code not in (200, 303):
                dead.append((address, found_on, answer.status_code))
            elif answer.status_code == 303:
                waiting.append((answer.headers["location"], address))
            elif answer.headers["content-type"].startswith("text/html") and answer.content:
                waiting += _links(address, answer.text, prefix)
        assert dead == []
        assert len(seen) > 60


def _kind(address: str) -> object:
    """What an address asks for, without the values: its route and the names of its query."""
    asked = urlsplit(address)
    scope = {"type": "http", "method": "GET", "path": asked.path, "headers": []}
    for router in (*API_ROUTERS, *PAGE_ROUTERS):
        for route in router.routes:
            if isinstance(route, APIRoute) and route.matches(scope)[0] == Match.FULL:
                names = (name for name, _ in parse_qsl(asked.query, keep_blank_values=True))
                return (route.path, frozenset(names))
    return asked.path


def _links(address: str, text: str, prefix: str) -> list[tuple[str, str]]:
    root = html.document_fromstring(text)
    found = []
    for element in root.iter("a", "link", "script", "img", "form"):
        link = element.get("href") or element.get("src")
        if element.tag == "form" and element.get("method", "get").lower() == "get":
            link = element.get("action")
        # An admin's way to Dagster's own pages leads away, and says so.
        if not link or link.startswith(("#", "data:")) or element.get("rel") == "noreferrer":
            continue
        target = urljoin(f"{_OWN}{address}", link)
        assert target.startswith(f"{_OWN}{prefix}/"), f"{link} on {address} leaves the console"
        found.append((target.removeprefix(_OWN), address))
    return found
