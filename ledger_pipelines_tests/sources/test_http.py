"""One request with a source: what is sent, what is tried again, and the sentence of each failure."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sources.http.bodies import read_json, read_list
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, ScriptedServer, problem_reply, reply

KEY = "k3y-nobody-may-see-41"
PAGE = Reply(body=b"<!doctype html><title>Sign in</title>", content_type="text/html; charset=utf-8")
Open = Callable[..., HttpSource]


class KeyHeader:
    """A credential as Holded has it: one header of its own."""

    def headers(self) -> Mapping[str, str]:
        return {"key": KEY}

    def renew(self, refused: Mapping[str, str]) -> bool:
        return False


@pytest.fixture
def open_source(fake_time: FakeTime) -> Open:
    """Opens a source at an address; its waits are fake."""

    def open_it(url: str, **more: Any) -> HttpSource:
        address = Address("Shop", url, "SHOP_URL", "check SHOP_KEY.", ca_setting="SHOP_CA_FILE")
        return HttpSource(address, credential=KeyHeader(), clock=fake_time.clock, **more)

    return open_it


def test_a_request_says_who_asks_and_what_it_accepts(scripted: ScriptedServer, open_source: Open) -> None:
    scripted.script("/v1/things", reply([]))
    open_source(scripted.url + "/v1/").get("/things", read_list, params={"year": "2025"})
    seen = scripted.seen[0]
    assert seen.path == "/v1/things?year=2025"
    assert re.fullmatch(r"ledger_pipelines/\S+", seen.headers["User-Agent"])
    assert (seen.headers["Accept"], seen.headers["key"]) == ("application/json", KEY)


def test_numbers_come_as_they_were_written(scripted: ScriptedServer, open_source: Open) -> None:
    scripted.script("/n", Reply(body=b'{"a": 0.1, "b": 19.90, "c": 12345678901234567.89, "d": 3, "e": NaN}'))
    numbers = open_source(scripted.url).get("/n", read_json)
    assert [str(numbers[name]) for name in "abcde"] == ["0.1", "19.90", "12345678901234567.89", "3", "NaN"]
    assert type(numbers["a"]) is Decimal
    assert type(numbers["d"]) is int


def test_a_compressed_body_is_read(scripted: ScriptedServer, open_source: Open) -> None:
    scripted.script("/z", Reply(body=gzip.compress(b"[1]", mtime=0), headers={"Content-Encoding": "gzip"}))
    assert open_source(scripted.url).get("/z", read_list) == [1]


@pytest.mark.parametrize(
    "fault",
    [
        problem_reply(500, "An unexpected error occurred"),
        problem_reply(503, "down for a moment"),
        problem_reply(429, "slow down"),
        Reply(529, b'{"code": "service_overload"}'),
        reply({"code": "conflict_error"}, 409),
        PAGE,
        Reply(content_type=None),
        Reply(body=b"[1, 2, 3]", missing=7),
        Reply(body=b'[{"id": 1}, {"i'),
        Reply(body=b""),
        Reply(body=b"\xff\xfe["),
        Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
        Reply(body=gzip.compress(b"[1, 2, 3]" * 50, mtime=0)[:-20], headers={"Content-Encoding": "gzip"}),
        Reply(hangs_up=True),
        Reply(hangs=True),
    ],
    ids=lambda fault: f"{fault.status}-{fault.body[:12]!r}-{fault.missing}-{fault.hangs}-{fault.hangs_up}",
)
def test_what_may_pass_is_tried_again(
    fault: Reply, scripted: ScriptedServer, open_source: Open, fake_time: FakeTime
) -> None:
    scripted.script("/things", fault, fault, reply([1]))
    assert open_source(scripted.url, read_timeout=0.2).get("/things", read_list) == [1]
    assert scripted.count("/things") == 3
    assert len(fake_time.slept) == 2


def test_the_source_is_given_the_time_that_it_asks_for(
    scripted: ScriptedServer, open_source: Open, fake_time: FakeTime
) -> None:
    soon = "Sat, 01 Mar 2025 12:00:25 GMT"
    scripted.script(
        "/things",
        problem_reply(429, "slow down", **{"Retry-After": "5"}),
        problem_reply(503, "busy", **{"Retry-After": soon}),
        reply([]),
    )
    open_source(scripted.url).get("/things", read_list)
    assert fake_time.slept == [5.0, 20.0]


def test_requests_stay_under_the_limit_also_when_they_are_tries(
    scripted: ScriptedServer, open_source: Open, fake_time: FakeTime
) -> None:
    scripted.script("/things", problem_reply(500, "no"))
    source = open_source(scripted.url, requests_per_minute=4)
    with pytest.raises(AnswerError):
        source.get("/things", read_list)
    assert max(fake_time.slept) > 50


def test_what_will_not_pass_is_not_tried_again(scripted: ScriptedServer, open_source: Open) -> None:
    scripted.script("/things", problem_reply(400, "no such year"))
    with pytest.raises(AnswerError):
        open_source(scripted.url).get("/things", read_list)
    assert scripted.count("/things") == 1


@pytest.mark.parametrize(
    ("answer", "reason", "sentence"),
    [
        (
            problem_reply(500, "An unexpected error occurred"),
            "status",
            "Shop failed at {url} (500 Internal Server Error, “An unexpected error occurred”): "
            "look into its log, then try again.",
        ),
        (
            problem_reply(429, "Too Many Requests"),
            "status",
            "Shop takes no more requests for now at {url} (429 Too Many Requests, “Too Many Requests”): "
            "try again later.",
        ),
        (
            reply({"error": "Company not found"}, 404),
            "status",
            "Shop has nothing at {url} (404 Not Found, “Company not found”): check SHOP_URL.",
        ),
        (
            reply({"status": 0, "info": f"Key {KEY} has no such thing"}, 400),
            "status",
            "Shop did not take our request at {url} (400 Bad Request, “Key [redacted] has no such thing”): "
            "check SHOP_URL.",
        ),
        (
            Reply(503, b"<h1>Down</h1>", "text/html"),
            "status",
            "Shop failed at {url} (503 Service Unavailable): look into its log, then try again.",
        ),
        (PAGE, "content type", "Shop answered with a web page instead of JSON at {url}: check SHOP_URL."),
        (
            Reply(content_type=None),
            "content type",
            "Shop answered with no Content-Type instead of JSON at {url}: check SHOP_URL.",
        ),
        (
            Reply(302, b"", headers={"Location": f"https://login.example/?token={KEY}"}),
            "redirect",
            "Shop points from {url} to https://login.example/?token=[redacted] (302 Found): check SHOP_URL.",
        ),
        (
            Reply(body=b"[1, 2"),
            "body",
            "Shop's answer at {url} is not the JSON that it promises: "
            "check SHOP_URL, and look into Shop's log.",
        ),
        (
            reply({"error": "an object"}),
            "body",
            "Shop's answer at {url} is not the JSON that it promises: "
            "check SHOP_URL, and look into Shop's log.",
        ),
        (
            Reply(body=b"[]", missing=3),
            "dropped",
            "Shop broke off its answer at {url}: look into its log, then try again.",
        ),
        (
            Reply(hangs=True),
            "timeout",
            "Shop sent nothing for 0.05 s at {url}: check that it is not overloaded, then try again.",
        ),
    ],
)
def test_each_failure_has_its_sentence(
    answer: Reply, reason: str, sentence: str, scripted: ScriptedServer, open_source: Open
) -> None:
    scripted.script("/things", answer)
    with pytest.raises(AnswerError) as caught:
        open_source(scripted.url, read_timeout=0.05).get("/things", read_list)
    assert str(caught.value) == sentence.format(url=scripted.url + "/things")
    assert caught.value.reason == reason


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_says_what_to_check(
    status: int, scripted: ScriptedServer, open_source: Open
) -> None:
    scripted.script("/things", problem_reply(status, f"Invalid key: {KEY}"))
    with pytest.raises(CredentialRefusedError) as caught:
        open_source(scripted.url).get("/things", read_list)
    name = {401: "Unauthorized", 403: "Forbidden"}[status]
    assert str(caught.value) == (
        f"Shop refused us at {scripted.url}/things ({status} {name}, “Invalid key: [redacted]”): "
        "check SHOP_KEY."
    )
    assert scripted.count("/things") == 1


def test_nobody_listening_is_known_soon_and_said_clearly(
    closed_port: str, open_source: Open, fake_time: FakeTime
) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        open_source(closed_port).get("/things", read_list)
    assert str(caught.value) == (
        f"Shop cannot be reached at {closed_port}/things (connection refused): "
        "check SHOP_URL, and that Shop is running."
    )
    assert not isinstance(caught.value, AnswerError)
    assert 1 < sum(fake_time.slept) < 3


def _answer_once(port: int = 0) -> int:
    """Answers one request with a list, and is gone; the port."""
    listener = socket.create_server(("127.0.0.1", port))

    def answer() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            connection.recv(65_536)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            connection.sendall(head + b"Content-Length: 3\r\n\r\n[1]")

    threading.Thread(target=answer, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize("seconds", [4, 25])
def test_a_source_that_is_restarted_is_waited_for(seconds: int, fake_time: FakeTime) -> None:
    port, restarted = _answer_once(), []

    def sleep(pause: float) -> None:
        fake_time.sleep(pause)
        if not restarted and sum(fake_time.slept) >= seconds:
            restarted.append(_answer_once(port))

    clock = replace(fake_time.clock, sleep=sleep)
    address = Address("Shop", f"http://127.0.0.1:{port}", "SHOP_URL", "check SHOP_KEY.")
    with HttpSource(address, clock=clock) as source:
        assert [source.get("/things", read_list) for _ in range(2)] == [[1], [1]]
        with pytest.raises(SourceUnavailableError, match="cannot be reached"):
            source.get("/things", read_list)
    assert seconds + 30 <= sum(fake_time.slept) < seconds + 36


def test_a_host_without_an_address_is_known_soon_and_said_clearly(
    open_source: Open, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # The one thing here that a test must not really do: ask the name servers of wherever it runs.
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(SourceUnavailableError) as caught:
        open_source("http://shop.invalid").get("/things", read_list)
    assert str(caught.value) == (
        "Shop cannot be reached at http://shop.invalid/things (no such host): "
        "check SHOP_URL, and that Shop is running."
    )
    assert sum(fake_time.slept) < 3


def test_no_secret_is_in_an_error_or_a_log(
    closed_port: str, open_source: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = closed_port.replace("http://", f"http://user:{KEY}@")
    with pytest.raises(SourceUnavailableError) as caught:
        open_source(url).get("/things", read_list, params={"api_key": KEY})
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    shown = "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("ledger_pipelines")
    )
    assert KEY not in shown


def test_the_environment_replaces_neither_the_credential_nor_the_way(
    scripted: ScriptedServer, open_source: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    scripted.script("/things", reply([]))
    assert open_source(scripted.url).get("/things", read_list) == []
    assert "Authorization" not in scripted.seen[0].headers


def test_a_cookie_is_not_sent_back(scripted: ScriptedServer, open_source: Open) -> None:
    scripted.script("/things", Reply(headers={"Set-Cookie": "session=1; Path=/"}))
    source = open_source(scripted.url)
    source.get("/things", read_list)
    source.get("/things", read_list)
    assert "Cookie" not in scripted.seen[1].headers


@pytest.mark.parametrize(
    "url", ["", "codex", "localhost:5010", "ftp://host/", "http://", "http://host:99999"]
)
def test_what_is_no_address_is_refused_before_anything_is_asked(url: str, open_source: Open) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_source(url)
    assert str(caught.value) == (
        "SHOP_URL cannot be used: write it as http://host:port/path or https://host/path."
    )
