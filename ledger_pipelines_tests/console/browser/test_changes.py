"""What changes something, and what must not: reading, and whatever another site's page sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from fastapi.routing import APIRoute
from playwright.sync_api import BrowserContext, Page
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from ledger_pipelines.console.api import ROUTERS as API_ROUTERS
from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.identity.identity import COOKIE
from ledger_pipelines.console.pages import ROUTERS as PAGE_ROUTERS
from ledger_pipelines_tests.console.browser.addresses import addresses, records
from ledger_pipelines_tests.console.browser.site import Site, digest
from ledger_pipelines_tests.console.gateway import served

pytestmark = pytest.mark.timeout(240)
_SENDS = """async ([url, method]) => {
    const body = method === 'POST' ? new URLSearchParams({month: '2025-01', reason: 'x', name: 'x', amount: '1'}) : '{}';
    try { return (await fetch(url, {method, body, credentials: 'include', mode: 'MODE'})).status }
    catch (error) { return String(error) }
}"""


def _routes(*methods: str) -> Iterator[tuple[str, str]]:
    for router in (*API_ROUTERS, *PAGE_ROUTERS):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods & set(methods)):
                yield method, route.path


def _filled(path: str, known: dict[str, str]) -> str:
    for name, value in {**known, "month": "2025-03"}.items():
        path = path.replace(f"{{{name}}}", value)
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}1{rest.partition('}')[2]}"
    return path


def test_asking_changes_nothing_however_often(site: Site) -> None:
    client = TestClient(
        create_app(site.console),
        base_url="http://127.0.0.1:5030",
        client=("127.0.0.1", 4711),
        raise_server_exceptions=False,
        follow_redirects=False,
    )
    known = records(site.database)
    asked = [
        *addresses(site.database),
        *(f"{_filled(path, known)}?year=2025&month=3" for _, path in _routes("GET")),
    ]
    before = digest(site.database)
    failed = []
    headers = {"Authorization": f"Bearer {site.token('admin')}"}
    for address in asked * 2:
        status = client.get(address, headers=headers).status_code
        # Dagster does not answer: whoever needs it says so.
        if status >= 500 and status not in (502, 503):
            failed.append((address, status))
    assert failed == []
    assert digest(site.database) == before


def test_no_page_of_another_site_changes_anything_with_a_cookie_or_at_the_gateway(
    site: Site, person_at: Callable[..., BrowserContext]
) -> None:
    known = records(site.database)
    before = digest(site.database)
    context = person_at("admin")
    answers: list[tuple[str, str, int]] = []
    sent: list[str] = []
    # Both names are of loopback: another origin, and to a browser another site.
    with served(_page_of_another_site) as elsewhere:
        page = context.new_page()
        page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
        page.on(
            "response",
            lambda answer: (
                answers.append((answer.request.method, answer.url, answer.status))
                if answer.request.method not in ("GET", "OPTIONS")
                else None
            ),
        )
        page.goto(elsewhere.replace("127.0.0.1", "localhost"))
        for base in (site.direct, site.gateway):
            for method, path in _routes("POST", "PUT", "DELETE"):
                page.evaluate(
                    _SENDS.replace("MODE", "no-cors" if method == "POST" else "cors"),
                    [f"{base}{_filled(path, known)}", method],
                )
            for path in (f"/client/{known['account']}/one-offs", "/periods/reopen", "/logout"):
                page.goto(elsewhere.replace("127.0.0.1", "localhost"))
                _send_form(page, f"{base}{path}")
    assert {status for _, _, status in answers} == {403}, [one for one in answers if one[2] != 403]
    # Of what scripts send the browser tells them nothing; it sends it all the same.
    assert len(sent) > 50
    assert digest(site.database) == before


async def _page_of_another_site(scope: object, receive: object, send: object) -> None:
    """Anybody's page."""
    await HTMLResponse("<!doctype html><title>Elsewhere</title><p>Prizes")(scope, receive, send)  # type: ignore[arg-type]


def _send_form(page: Page, address: str) -> None:
    with page.expect_navigation():
        page.evaluate(
            """(address) => {
                const form = document.createElement('form');
                form.method = 'post'; form.action = address;
                form.innerHTML = '<input name=month value=2025-01><input name=reason value=x><input name=name value=x>' +
                    '<input name=amount value=1>';
                document.body.append(form); form.submit();
            }""",
            address,
        )


def test_scripts_that_say_where_they_come_from_are_refused_with_whatever_they_bring(site: Site) -> None:
    known = records(site.database)
    token = site.token("admin")
    with requests.Session() as session:
        signed_in = _cookie(session, site)
        before = digest(site.database)
        allowed = []
        for method, path in _routes("POST", "PUT", "DELETE"):
            for proof in (
                {"Authorization": f"Bearer {token}"},
                {"Cookie": f"{COOKIE}={signed_in}"},
            ):
                for said in (
                    {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"},
                    {"Origin": "https://elsewhere.example"},
                    {"Origin": "null"},
                    {"Origin": site.direct.replace("http:", "https:")},
                ):
                    answer = session.request(
                        method,
                        f"{site.direct}{_filled(path, known)}",
                        headers=proof | said,
                        timeout=30,
                        allow_redirects=False,
                    )
                    if answer.status_code != 403:
                        allowed.append((method, path, said, answer.status_code))
    assert allowed == []
    assert digest(site.database) == before


def _cookie(session: requests.Session, site: Site) -> str:
    """The value of a session's cookie, after a sign-in."""
    begun = session.get(f"{site.direct}/login?next=/docs", timeout=30)
    session.get(f"{begun.url.replace('/login?', '/auth?')}&user=admin", timeout=30)
    return next(cookie.value or "" for cookie in session.cookies if cookie.name == COOKIE)


def test_the_token_is_in_no_log_no_history_and_no_referrer(
    site: Site, person_at: Callable[..., BrowserContext], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    context = person_at(None)
    page = context.new_page()
    referrers: list[str] = []
    page.on("request", lambda asked: referrers.append(asked.headers.get("referer", "")))
    page.goto(f"{site.direct}/login?next=/periods")
    with page.expect_response(lambda answer: "token=" in answer.url) as came_back:
        page.get_by_role("link", name="clerk").click()
    token = came_back.value.url.partition("token=")[2]
    assert token.count(".") == 2
    signature = token.rpartition(".")[2]
    page.wait_for_url("**/periods")
    page.get_by_role("link", name="Accruals").click()
    page.wait_for_url("**/accruals")
    kept_by_scripts = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert signature not in kept_by_scripts
    visited = []
    while page.url != "about:blank":
        visited.append(page.url)
        page.go_back()
        if visited.count(page.url) > 2 or len(visited) > 6:
            break
    assert visited[:2] == [f"{site.direct}/accruals", f"{site.direct}/periods"]
    assert not [url for url in visited if signature in url or "token=" in url]
    assert not [referrer for referrer in referrers if signature in referrer or "token=" in referrer]
    assert not [record for record in caplog.records if signature in record.getMessage()]
    assert not [cookie for cookie in context.cookies() if signature in cookie.get("value", "")]
    with site.database.connect() as connection:
        kept = connection.execute("SELECT string_agg(t::text, '') FROM console_sessions t").fetchone()
    assert kept is not None
    assert signature not in kept[0]
    assert token.encode().hex() not in kept[0]
