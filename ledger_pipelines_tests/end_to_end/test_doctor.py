"""`ledger doctor` before keys and sources that are not as they should be: a sentence for each, and no secret in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ledger_pipelines_tests.end_to_end.harness import Ledger

SECRET = "s3cr3t-4711-never-shown"
#: What each source is told by, and its credential.
SOURCES = {
    "Codex": ({"CODEX_URL": "{url}/codex"}, "CODEX_API_KEY"),
    "Holded": ({"HOLDED_URL": "{url}/holded"}, "HOLDED_API_KEY"),
    "4Geeks": ({"FOURGEEKS_URL": "{url}/4geeks"}, "FOURGEEKS_TOKEN"),
    "Notion": (
        {"NOTION_URL": "{url}/notion", "NOTION_DATABASE_ID": "8c4e2b1705a94f3db6c82d1e0f9a8b7c"},
        "NOTION_TOKEN",
    ),
}


class _Redirecting(ThreadingHTTPServer):
    """Redirects whatever comes to where `to` says, `{path}` standing for the path, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, to: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to, self.seen = to, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(302)
        self.send_header("Location", self.server.to.format(path=self.path))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def _redirecting(to: str) -> Iterator[_Redirecting]:
    server = _Redirecting(to)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def doctor(ledger: Ledger) -> Ledger:
    ledger.variables["LEDGER_HTTP_TIMEOUT"] = "2"
    return ledger


def _asked(ledger: Ledger, url: str, keys: str) -> list[str]:
    """What doctor says of each source, a line each."""
    variables = {}
    for settings, credential in SOURCES.values():
        variables |= {name: value.format(url=url) for name, value in settings.items()}
        variables[credential] = keys
    done = ledger("doctor", **variables)
    assert done.code == 1, done.err
    for stream in (done.out, done.err):
        assert "Traceback" not in stream
        assert SECRET not in stream
    return [line for line in done.out.splitlines() if line.endswith(".") and not line.startswith("Ledger: ")]


@pytest.mark.parametrize("key", [f"{SECRET}\nX: 1", f"{SECRET}ключ", f"{SECRET}\x1b[2J", f"{SECRET}é", "   "])
def test_a_key_that_no_header_takes_is_named_by_its_setting(key: str, doctor: Ledger) -> None:
    said = _asked(doctor, "http://127.0.0.1:9", key)
    for (_, credential), line in zip(SOURCES.values(), said, strict=True):
        assert line == f"{credential} cannot be used: it is empty, or has characters that no key has."


@pytest.mark.parametrize(
    "to", ["{path}", "{other}/stolen", "https://example.invalid{path}", "//example.invalid/x", "\x1b[2J"]
)
def test_a_redirect_is_told_and_carries_no_credential_anywhere(to: str, doctor: Ledger) -> None:
    with _redirecting("") as other, _redirecting(to.replace("{other}", other.url)) as server:
        said = _asked(doctor, server.url, SECRET)
        assert other.seen == []
        assert server.seen
    assert len(said) == len(SOURCES)
    for name, line in zip(SOURCES, said, strict=True):
        assert line.startswith(f"{name} points from {server.url}/"), line
        assert "(302 Found): check " in line


def test_core_and_its_token_are_no_exception(doctor: Ledger) -> None:
    with _redirecting("{path}") as core:
        done = doctor("doctor", CORE_URL=core.url, CODEX_URL=f"{core.url}/codex")
        asked = doctor("token", CORE_URL=core.url)
    assert (done.code, asked.code) == (1, 1)
    assert "Traceback" not in done.err + asked.err
    assert (
        f"Core points from {core.url}/service-token to /service-token (302 Found): check CORE_URL."
        in done.out
    )
    assert (
        f"Error: {core.url} is not the sandbox's Core: tokens of a real Core come from signing in there."
        in asked.err
    )
