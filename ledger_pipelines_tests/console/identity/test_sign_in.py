"""Signing in at Core and out again, as a browser does; and what somebody else's link can bring about."""

from __future__ import annotations

import logging
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import requests
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ledger_pipelines.console.identity.sign_in import SignIn, local_path
from ledger_pipelines.console.proxy import PublicAddress
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.identity.conftest import OWN, Clock

GATEWAY = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "books.example.com",
    "x-forwarded-prefix": "/ledger",
}
PAGE = {"accept": "text/html"}


def _begin(browser: TestClient, following: str = "/periods?sort=month", **headers: str) -> httpx.Response:
    return browser.get("/login", params={"next": following}, headers=PAGE | headers)


def _click(login_page: str, user: str = "clerk") -> str:
    """The address with which Core comes back, after a click on its page."""
    page = requests.get(login_page, timeout=20).text
    (link,) = [one for one in re.findall(r'href="([^"]+)"', page) if f"user={user}&" in unescape(one)]
    address = login_page.partition("/login")[0] + "/" + unescape(link)
    return requests.get(address, allow_redirects=False, timeout=20).headers["Location"]


def _signed_in(browser: TestClient, user: str = "clerk") -> httpx.Response:
    return browser.get(_click(_begin(browser).headers["location"], user), headers=PAGE)


def _sessions(database: Database) -> int:
    with database.connect() as connection:
        return int(connection.execute("SELECT count(*) FROM console_sessions").fetchall()[0][0])


def _cookies(answer: httpx.Response) -> dict[str, str]:
    return {one.partition("=")[0]: one for one in answer.headers.get_list("set-cookie")}


def test_one_is_led_to_core_and_comes_back_to_the_page_that_was_wanted(
    browser: TestClient, database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wanted = browser.get("/periods?sort=month", headers=PAGE)
    assert wanted.status_code == 303
    led = browser.get(wanted.headers["location"], headers=PAGE)
    back = _click(led.headers["location"])
    token = back.partition("?token=")[2]
    answer = browser.get(back, headers=PAGE)

    assert (answer.status_code, answer.headers["location"]) == (303, "/periods?sort=month")
    for one in (led, answer):
        assert one.headers["referrer-policy"] == "no-referrer"
        assert one.headers["cache-control"] == "no-store"
    cookie = _cookies(answer)["ledger_console"].lower()
    assert re.search(r"; httponly; max-age=3[56]\d\d; path=/; samesite=lax$", cookie)
    assert "secure" not in cookie
    assert "max-age=0; path=/login;" in _cookies(answer)["ledger_sign_in"].lower()
    page = browser.get("/periods", headers=PAGE)
    assert page.status_code == 200
    assert "clerk" in page.text
    assert browser.get("/login", params={"next": "/periods"}).headers["location"] == "/periods"

    with database.connect() as connection:
        stored = str(connection.execute("SELECT * FROM console_sessions").fetchall())
    assert browser.cookies["ledger_console"] not in stored
    assert token not in stored
    ours = "\n".join(one.getMessage() for one in caplog.records if one.name.startswith("ledger"))
    assert token not in ours
    # The token's hour began when it was signed, by Core's own clock.
    clock.go_on(3600 + 300)
    assert browser.get("/periods", headers=PAGE).status_code == 303, "a session ends with its token"


def test_behind_the_gateway_cookies_and_links_have_its_prefix(browser: TestClient) -> None:
    led = _begin(browser, "/periods", **GATEWAY)
    wanted = parse_qs(urlsplit(led.headers["location"]).query)["next"][0]
    assert wanted.startswith("https://books.example.com/ledger/login/callback/")
    assert "path=/ledger/login; samesite=lax; secure" in _cookies(led)["ledger_sign_in"].lower()
    (state_cookie,) = [one for one in browser.cookies.jar if one.name == "ledger_sign_in"]
    back = _click(led.headers["location"]).replace("https://books.example.com/ledger", OWN)
    answer = browser.get(back, headers=PAGE | GATEWAY | {"cookie": f"ledger_sign_in={state_cookie.value}"})
    assert answer.headers["location"] == "/ledger/periods"
    assert _cookies(answer)["ledger_console"].lower().endswith("path=/ledger; samesite=lax; secure")
    wanted_page = browser.get("/periods", headers=PAGE | GATEWAY)
    assert wanted_page.headers["location"] == "/ledger/login?next=%2Fperiods"


@pytest.mark.parametrize(
    ("host", "more", "scheme"),
    [
        ("books.example.com", {}, "https"),
        ("books.example.com:443", {}, "https"),
        ("books.example.com:5030", {}, "http"),
        ("127.0.0.1:5030", {}, "http"),
        ("books.example.com.evil.example", {}, "http"),
        ("books.example.com", {"x-forwarded-proto": "http"}, "http"),
    ],
)
def test_the_public_addresss_scheme_is_taken_where_the_proxy_tells_none(
    app: FastAPI, host: str, more: dict[str, str], scheme: str
) -> None:
    shown = PublicAddress(app, "https://books.example.com")
    browser = TestClient(shown, base_url=OWN, client=("127.0.0.1", 4711), follow_redirects=False)
    begun = _begin(browser, host=host, **more)
    (following,) = parse_qs(urlsplit(begun.headers["location"]).query)["next"]
    assert following.startswith(f"{scheme}://{host}/login/callback/")
    assert ("Secure" in _cookies(begun)["ledger_sign_in"]) == (scheme == "https")
    # And the browser's own origin is ours.
    own = browser.post("/logout", headers={"host": host, "origin": f"{scheme}://{host}"} | more)
    assert own.status_code == 303


def test_the_gateways_bearer_needs_no_cookie_and_wins_over_one(browser: TestClient, core: Sandbox) -> None:
    _signed_in(browser)
    admin = {"authorization": f"Bearer {core.signer.user_token('boss', 'admin')}"}
    assert "boss" in browser.get("/periods", headers=PAGE | admin).text
    refused = browser.get("/periods", headers={"authorization": "Bearer nonsense"})
    assert refused.status_code == 401, "the cookie must not stand in for a bearer that is no good"
    # No way round and round between the page and the sign-in.
    stuck = browser.get("/login", params={"next": "/periods"}, headers=PAGE | {"authorization": "Bearer x"})
    assert stuck.status_code == 401


def test_signing_out_ends_it_here_and_at_core(browser: TestClient, database: Database, core: Sandbox) -> None:
    _signed_in(browser)
    cookie = browser.cookies["ledger_console"]
    before = set(core.signer.revoked)
    answer = browser.post("/logout", headers=PAGE | {"origin": OWN, "sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "max-age=0; path=/;" in _cookies(answer)["ledger_console"].lower()
    assert _sessions(database) == 0
    assert len(core.signer.revoked - before) == 1
    again = browser.get("/periods", headers=PAGE | {"cookie": f"ledger_console={cookie}"})
    assert again.status_code == 303
    assert browser.get("/login", headers=PAGE).status_code == 200
    assert browser.post("/logout").status_code == 303, "whoever is signed out already is signed out"


def test_whom_no_page_is_open_to_has_their_name_and_a_way_out_on_the_page_that_says_so(
    browser: TestClient,
) -> None:
    answer = _signed_in(browser, "technician")
    for path in (answer.headers["location"], "/", "/admin/plans"):
        refused = browser.get(path, headers=PAGE)
        assert (refused.status_code, "technician" in refused.text) == (403, True)
        assert 'action="/logout"' in refused.text
        assert "To the dashboard" not in refused.text
        assert 'name="q"' not in refused.text
    assert browser.post("/logout").headers["location"] == "/login"
    _signed_in(browser, "clerk")
    refused = browser.get("/admin/plans", headers=PAGE)
    assert (refused.status_code, "To the dashboard" in refused.text) == (403, True)
    assert 'href="/periods"' in refused.text


def test_a_page_of_somebody_else_signs_nobody_out(browser: TestClient, database: Database) -> None:
    _signed_in(browser)
    for said in ({"sec-fetch-site": "cross-site"}, {"origin": "null"}, {"origin": "https://evil.example"}):
        assert browser.post("/logout", headers=said).status_code == 403
    assert browser.get("/logout").status_code == 405
    assert _sessions(database) == 1


def test_a_sign_out_is_one_though_core_is_away(
    browser: TestClient, app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _signed_in(browser)
    monkeypatch.setattr(app.state.console.identity._core, "_url", "http://127.0.0.1:9")
    assert browser.post("/logout").status_code == 303
    assert _sessions(database) == 0


def test_a_session_whose_token_core_has_revoked_ends_within_a_minute(
    browser: TestClient,
    app: FastAPI,
    database: Database,
    core: Sandbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = _click(_begin(browser).headers["location"]).partition("?token=")[2]
    state = browser.cookies["ledger_sign_in"].partition(".")[0]
    browser.get(f"/login/callback/{state}?token={token}")
    assert browser.get("/periods", headers=PAGE).status_code == 200
    core.signer.revoked.add(jwt.decode(token, options={"verify_signature": False})["jti"])
    clock.go_on(61)
    assert browser.get("/periods", headers=PAGE).status_code == 303
    # Looking wrote nothing; and a Core that is away later does not bring it back.
    assert _sessions(database) == 1
    monkeypatch.setattr(app.state.console.identity._core, "_url", "http://127.0.0.1:9")
    clock.go_on(61)
    assert browser.get("/periods", headers=PAGE).status_code == 303


def test_somebody_elses_link_signs_nobody_in(
    browser: TestClient, app: FastAPI, database: Database, core: Sandbox, clock: Clock
) -> None:
    other = TestClient(app, base_url=OWN, follow_redirects=False)
    link = _click(_begin(other).headers["location"], "admin")
    token = link.partition("?token=")[2]

    def refused(address: str) -> None:
        answer = browser.get(address, headers=PAGE)
        assert (answer.status_code, "ledger_console" in _cookies(answer)) == (303, False)
        assert token not in answer.headers["location"]
        page = browser.get(answer.headers["location"], headers=PAGE)
        assert page.status_code == 403
        assert token not in page.text

    refused(link)
    _begin(browser)
    refused(link)
    own = browser.cookies["ledger_sign_in"].partition(".")[0]
    for state in ("", "/", "/x", f"/{own}x", f"/{own[:-1]}", "/%00", "/é", "/" + "x" * 5000):
        refused(f"/login/callback{state}?token={token}" if state != "/" else f"/login/callback?token={token}")
    service = core.signer.service_token("codex", "ledger")
    for bad in ("", "nonsense", service, core.signer.sign({"sub": "x"}, seconds=60)):
        refused(f"/login/callback/{own}?token={bad}")
    # Core's clock goes on, ours stands: the token is a little younger than it looks.
    clock.go_on(7200)
    refused(f"/login/callback/{own}?token={token}")
    assert _sessions(database) == 0


def test_what_the_cookies_say_is_believed_only_as_we_wrote_it(
    browser: TestClient, database: Database
) -> None:
    _signed_in(browser)
    good = browser.cookies["ledger_console"]
    browser.cookies.clear()
    for cookie in ("", "x", good[:-1], good + "x", good[:-1] + ("A" if good[-1] != "A" else "B"), "' OR 1"):
        headers = PAGE | {"cookie": f'ledger_console="{cookie}"'}
        assert browser.get("/periods", headers=headers).status_code == 303
    with database.connect() as connection:
        (row,) = connection.execute("SELECT encode(cookie_digest, 'hex') FROM console_sessions").fetchall()
    stolen = {"cookie": f"ledger_console={row[0][:43]}"}
    assert browser.get("/periods", headers=PAGE | stolen).status_code == 303


def test_a_new_sign_in_is_a_new_session_and_ends_the_former(browser: TestClient, database: Database) -> None:
    _signed_in(browser)
    first = browser.cookies["ledger_console"]
    led = browser.get("/login/callback")
    assert led.status_code == 303
    begun = SignIn.begin("/")
    browser.cookies.set("ledger_sign_in", begun.cookie, domain="127.0.0.1", path="/login")
    back = _click(begun.address(f"{_core_of(browser)}", OWN), "admin")
    answer = browser.get(back)
    assert answer.headers["location"] == "/"
    assert first not in _cookies(answer)["ledger_console"]
    assert _sessions(database) == 1


def _core_of(browser: TestClient) -> str:
    return str(browser.app.state.console.identity.login_url)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path",
    [
        *("", "periods", "//evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example"),
        *("/a//b", "/../x", "/a/../..//x", "javascript:alert(1)", "/a\nb", "/a\0", "/\t/evil.example"),
        *("/login", "/login?next=/", "/login/callback/x", "/logout", "/" + "a" * 2000, "/\ud800"),
    ],
)
def test_a_way_on_that_leaves_the_console_leads_to_its_first_page(path: str) -> None:
    assert local_path(path) == "/"


@given(st.text(alphabet="/\\.:?#@ a\t%2f", max_size=12))
def test_a_way_on_stays_on_the_same_host_whatever_it_is(path: str) -> None:
    found = local_path(path)
    resolved = httpx.URL("https://books.example.com/x").join(found)
    assert (resolved.scheme, resolved.host) == ("https", "books.example.com")
    assert local_path("/ledgers?month=2026-01&q=a//b") == "/ledgers?month=2026-01&q=a//b"
    assert SignIn.under_way(SignIn("s", found).cookie, "s") == SignIn("s", found)
