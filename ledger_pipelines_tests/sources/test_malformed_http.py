"""Answers that break HTTP itself, from a plain socket: each is one sentence, and none is waited for without end."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import brotli
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources import webhook
from ledger_pipelines.sources.bodies import read_list
from ledger_pipelines.sources.failures import Address
from ledger_pipelines.sources.http import Bounds, HttpSource
from ledger_pipelines.sources.retries import RetryPolicy
from ledger_pipelines_tests.sources.conftest import FakeTime

OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"


ERROR = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n"
HALF_A_GZIP = gzip.compress(b"[1, 2]" * 50)[:-20]
HALF_A_DEFLATE = zlib.compress(b"[1, 2]" * 50)[:-20]


def _with_length(body: bytes, *headers: bytes, start: bytes = JSON) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return start + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


@dataclass(frozen=True)
class _Sent:
    """What the server sends: once, then `again` over and over, with a pause between the times."""

    once: bytes
    again: bytes = b""
    pause: float = 0.0


class _PlainServer:
    """Sends the same bytes to whoever connects and asks, whatever is asked."""

    def __init__(self, sent: _Sent) -> None:
        self._sent = sent
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(self._sent.once)
            while self._sent.again and not self.over.is_set():
                connection.sendall(self._sent.again)
                self.over.wait(self._sent.pause)

    def close(self) -> None:
        self.over.set()
        self._listener.close()


@contextlib.contextmanager
def _sending(sent: _Sent) -> Iterator[str]:
    server = _PlainServer(sent)
    try:
        yield server.url
    finally:
        server.close()


def _asked(
    sent: _Sent, fake_time: FakeTime, *, silence: float = 2.0, whole: float = 4.0, largest: int = 1 << 20
) -> str:
    """The sentence of the failure, with URL for the address."""
    bounds = Bounds(silence, whole, largest, RetryPolicy(attempts=1))
    with _sending(sent) as url:
        address = Address("Shop", url, "SHOP_URL", "check SHOP_KEY.")
        with HttpSource(address, clock=fake_time.clock) as source, pytest.raises(LedgerError) as caught:
            source.get("/things", read_list, bounds=bounds)
        assert caught.value.__cause__ is None
        return str(caught.value).replace(f"{url}/things", "URL")


BROKEN = "Shop broke off its answer at URL: look into its log, then try again."
NOT_JSON = "Shop's answer at URL is not the JSON that it promises: check SHOP_URL, and look into Shop's log."
NO_TYPE = "Shop answered with no Content-Type instead of JSON at URL: check SHOP_URL."
WEB_PAGE = "Shop answered with a web page instead of JSON at URL: check SHOP_URL."
SILENT = "Shop sent nothing for 0.2 s at URL: check that it is not overloaded, then try again."
TOO_LONG = (
    "Shop had not sent the whole answer after 0.3 s at URL: check that it is not overloaded, then try again."
)
TOO_LARGE = (
    "Shop sent more than 1 MB at URL, which is more than is read: check SHOP_URL, and look into Shop's log."
)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        pytest.param(b"", BROKEN, id="nothing"),
        pytest.param(b"\r\n\r\n", BROKEN, id="empty lines"),
        pytest.param(b"hello, who are you?\r\n", BROKEN, id="no status"),
        pytest.param(b"HTTP/1.1\r\n\r\n", BROKEN, id="half a status line"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", BROKEN, id="a status in letters"),
        pytest.param(b"HTTP/9.9 200 OK\r\n\r\n[]", BROKEN, id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK" + b"x" * 70_000 + b"\r\n\r\n", BROKEN, id="an endless reason"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", BROKEN, id="TLS where none was asked for"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", BROKEN, id="another service"),
        pytest.param(JSON + b"X: " + b"a" * 70_000 + b"\r\n\r\n[]", BROKEN, id="a header too long"),
        pytest.param(JSON + b"X: 1\r\n" * 200 + b"\r\n[]", BROKEN, id="too many headers"),
        pytest.param(JSON[:-2], NOT_JSON, id="headers cut off"),
        pytest.param(OK + b"no colon here\r\n\r\n[]", NO_TYPE, id="a header without a colon"),
        pytest.param(OK + b"Content-Type: \xff\xfe\r\nContent-Length: 2\r\n\r\n[]", None, id="a type in no letters"),
        pytest.param(JSON + b"Content-Length: 9\r\n\r\n[1]", BROKEN, id="a length too long"),
        pytest.param(JSON + b"Content-Length: 2\r\n\r\n[1]", NOT_JSON, id="a length too short"),
        pytest.param(JSON + b"Content-Length: -1\r\n\r\n[1", NOT_JSON, id="a negative length"),
        pytest.param(JSON + b"Content-Length: many\r\n\r\n[1", None, id="a length in letters"),
        pytest.param(JSON + b"Content-Length: 3, 4\r\n\r\n[1]", None, id="two lengths"),
        pytest.param(CHUNKED + b"zz\r\n[1]\r\n0\r\n\r\n", BROKEN, id="a chunk's length in letters"),
        pytest.param(CHUNKED + b"3\r\n[1]", BROKEN, id="chunks cut off"),
        pytest.param(CHUNKED + b"ff\r\n[1]\r\n0\r\n\r\n", BROKEN, id="a chunk too short"),
        pytest.param(CHUNKED + b"-3\r\n[1]\r\n0\r\n\r\n", BROKEN, id="a chunk of negative length"),
        pytest.param(CHUNKED + b"3" * 70_000 + b"\r\n", BROKEN, id="a chunk's length without end"),
        pytest.param(_with_length(b""), NOT_JSON, id="200 with nothing"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", NO_TYPE, id="204"),
        pytest.param(_with_length(b"<!doctype html>", b"Content-Type: text/html", start=OK), WEB_PAGE, id="a web page"),
        pytest.param(_with_length(b"<!doctype html><title>Sign in</title>"), NOT_JSON, id="a web page called JSON"),
        pytest.param(_with_length('["Zoë"]'.encode("latin-1")), NOT_JSON, id="other characters"),
        pytest.param(_with_length(b"[1]\0\0"), NOT_JSON, id="NUL behind the JSON"),
        pytest.param(_with_length(HALF_A_GZIP, b"Content-Encoding: gzip"), NOT_JSON, id="half a gzip"),
        pytest.param(_with_length(b"[1]", b"Content-Encoding: gzip"), NOT_JSON, id="no gzip"),
        pytest.param(_with_length(b"[1]", b"Content-Encoding: br"), NOT_JSON, id="no brotli"),
        pytest.param(_with_length(b"[1]", b"Content-Encoding: zstd"), NOT_JSON, id="no zstd"),
        pytest.param(_with_length(HALF_A_DEFLATE, b"Content-Encoding: deflate"), NOT_JSON, id="half a deflate"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
            "Shop points from URL to (an address that cannot be read) (302 Found): check SHOP_URL.",
            id="a redirect to no address",
        ),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
            "Shop points from URL to nowhere (302 Found): check SHOP_URL.",
            id="a redirect to nowhere",
        ),
        pytest.param(
            b"HTTP/1.1 301 Moved\r\nLocation: javascript:alert(1)\r\nContent-Length: 99999999\r\n\r\n",
            "Shop points from URL to javascript:alert(1) (301 Moved Permanently): check SHOP_URL.",
            id="a redirect to a script",
        ),
        pytest.param(
            b"HTTP/1.1 777 Lucky\r\nContent-Length: 0\r\n\r\n",
            "Shop failed at URL (777): look into its log, then try again.",
            id="a status that there is not",
        ),
        pytest.param(
            _with_length(b'{"error": "no \x1b[31mred\x07 things"}', start=ERROR),
            "Shop did not take our request at URL (400 Bad Request): check SHOP_URL.",
            id="raw terminal escapes in an error",
        ),
        pytest.param(
            _with_length(b'{"error": "no \\u001b[31mred\\u0007 things"}', start=ERROR),
            "Shop did not take our request at URL (400 Bad Request, “no �[31mred� things”): check SHOP_URL.",
            id="terminal escapes in an error",
        ),
    ],
)  # fmt: skip
def test_each_malformed_answer_is_one_sentence(
    sent: bytes, sentence: str | None, fake_time: FakeTime
) -> None:
    found = _asked(_Sent(sent), fake_time)
    if sentence is not None:
        assert found == sentence
    assert found.startswith("Shop")
    assert found.endswith(".")
    assert not re.search(r"[\x00-\x1f\x7f]|Traceback|Error\(", found)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_with_length(b"\xef\xbb\xbf[1]"), id="a byte-order mark"),
        pytest.param(_with_length("[1]".encode("utf-16")), id="UTF-16"),
        pytest.param(_with_length(b"[1]", b"Content-Type: application/json; charset=no-such", start=OK), id="no charset"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[1]", id="until the end"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + _with_length(b"[1]"), id="a continue before it"),
        pytest.param(CHUNKED + b"3;why=not\r\n[1]\r\n0\r\nX: 1\r\n\r\n", id="chunks with all that they may have"),
        pytest.param(_with_length(brotli.compress(b"[1]"), b"Content-Encoding: br"), id="brotli"),
    ],
)  # fmt: skip
def test_what_is_odd_and_allowed_is_read(body: bytes, fake_time: FakeTime) -> None:
    with _sending(_Sent(body)) as url:
        source = HttpSource(Address("Shop", url, "SHOP_URL", "check SHOP_KEY."), clock=fake_time.clock)
        with source:
            assert source.get("/things", read_list) == [1]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        pytest.param(_Sent(b"", b" ", 60), SILENT, id="silence"),
        pytest.param(_Sent(JSON + b"Content-Length: 9\r\n\r\n[", b"", 60), BROKEN, id="an end"),
        pytest.param(_Sent(b"", b"H", 0.02), TOO_LONG, id="a status a letter at a time"),
        pytest.param(_Sent(OK, b"X: 1\r\n", 0.02), TOO_LONG, id="a header at a time"),
        pytest.param(_Sent(JSON + b"\r\n[1", b" ", 0.02), TOO_LONG, id="a byte at a time"),
        pytest.param(_Sent(JSON + b"Content-Length: 99999\r\n\r\n[1", b" ", 0.02), TOO_LONG, id="a length, slowly"),
        pytest.param(_Sent(CHUNKED, b"1\r\n \r\n", 0.02), TOO_LONG, id="a chunk at a time"),
        pytest.param(_Sent(JSON + b"\r\n[1", b", 1" * 20_000), TOO_LARGE, id="an endless array"),
        pytest.param(_Sent(CHUNKED, b"4000\r\n" + b" " * 0x4000 + b"\r\n"), TOO_LARGE, id="endless chunks"),
    ],
)  # fmt: skip
def test_no_answer_is_waited_for_without_end(sent: _Sent, sentence: str, fake_time: FakeTime) -> None:
    begun = time.monotonic()
    assert _asked(sent, fake_time, silence=0.2, whole=0.3) == sentence
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(b"[" + b" " * (200 << 20))),
        (b"gzip, gzip", gzip.compress(gzip.compress(b"[" + b" " * (200 << 20)))),
        (b"deflate", zlib.compress(b"[" + b" " * (200 << 20))),
        (b"br", brotli.compress(b"[" + b" " * (200 << 20), quality=5)),
    ],
)
def test_a_small_body_that_expands_without_end_is_not_expanded(
    coding: bytes, body: bytes, fake_time: FakeTime
) -> None:
    assert len(body) < 1 << 18
    sent = _Sent(_with_length(body, b"Content-Encoding: " + coding))
    assert _asked(sent, fake_time, whole=30) == TOO_LARGE


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (_Sent(JSON + b"\r\n", b" " * 100_000), None),
        (_Sent(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b" " * 100_000), "it answered 302"),
        (_Sent(OK, b"X: 1\r\n", 0.02), "it cannot be reached (ReadTimeout)"),
    ],
    ids=["an endless body", "an endless redirect", "endless headers"],
)
def test_the_webhook_s_answer_is_not_waited_for_either(
    sent: _Sent, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_TIMEOUT", 0.5)
    with _sending(sent) as url:
        assert webhook.post_to_webhook(url, {"alert": "x"}, key="1") == said


def test_nor_is_it_where_much_is_read(fake_time: FakeTime) -> None:
    body = brotli.compress(b"[" + b" " * (200 << 20), quality=5)
    sent = _Sent(_with_length(body, b"Content-Encoding: br"))
    assert _asked(sent, fake_time, whole=30, largest=2 << 30) == (
        "Shop's answer at URL grows to more than 200 times the size that was sent: "
        "check SHOP_URL, and look into Shop's log."
    )


def test_a_full_disk_is_said(fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing can be written there, as to a disk that is full.
    if not (device := Path("/dev/full")).exists():
        pytest.skip("there is no /dev/full here")
    full = device.open("wb", buffering=0)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda **_: contextlib.nullcontext(full))
    with full:
        found = _asked(_Sent(_with_length(b"[1]")), fake_time)
    assert found.endswith("(No space left on device): make room there, or set TMPDIR, then try again.")


@pytest.mark.parametrize("status", [b"302 Found", b"404 Not Found", b"500 Oops"])
def test_an_error_is_not_read_without_end(status: bytes, fake_time: FakeTime) -> None:
    start = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n\r\n{" % status
    found = _asked(_Sent(start, b" " * 100_000), fake_time)
    assert status.split()[0].decode() in found
