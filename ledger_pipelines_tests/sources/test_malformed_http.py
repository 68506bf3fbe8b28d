"""Answers that break HTTP itself, from a plain socket: each is one sentence, and none is waited for without end."""

from __future__ import annotations

import contextlib
import gzip
import re
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest

from ledger_pipelines.destinations import webhook
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.http.bodies import read_list
from ledger_pipelines.sources.http.exchange import Bounds, HttpSource
from ledger_pipelines.sources.http.failures import Address
from ledger_pipelines.sources.http.retries import RetryPolicy
from ledger_pipelines_tests.sources.conftest import FakeTime
from ledger_pipelines_tests.sources.plain_server import (
    BROKEN,
    CHUNKED,
    JSON,
    MALFORMED,
    OK,
    Sent,
    sending,
    with_length,
)


def _asked(
    sent: Sent, fake_time: FakeTime, *, silence: float = 2.0, whole: float = 4.0, largest: int = 1 << 20
) -> str:
    """The sentence of the failure, with URL for the address."""
    bounds = Bounds(silence, whole, largest, RetryPolicy(attempts=1))
    with sending(sent) as url:
        address = Address("Shop", url, "SHOP_URL", "check SHOP_KEY.")
        with HttpSource(address, clock=fake_time.clock) as source, pytest.raises(LedgerError) as caught:
            source.get("/things", read_list, bounds=bounds)
        assert caught.value.__cause__ is None
        return str(caught.value).replace(f"{url}/things", "URL")


SILENT = "Shop sent nothing for 0.2 s at URL: check that it is not overloaded, then try again."
TOO_LONG = (
    "Shop had not sent the whole answer after 0.3 s at URL: check that it is not overloaded, then try again."
)
TOO_LARGE = (
    "Shop sent more than 1 MB at URL, which is more than is read: check SHOP_URL, and look into Shop's log."
)


@pytest.mark.parametrize(("sent", "sentence"), MALFORMED)
def test_each_malformed_answer_is_one_sentence(
    sent: bytes, sentence: str | None, fake_time: FakeTime
) -> None:
    found = _asked(Sent(sent), fake_time)
    if sentence is not None:
        assert found == sentence
    assert found.startswith("Shop")
    assert found.endswith(".")
    assert not re.search(r"[\x00-\x1f\x7f]|Traceback|Error\(", found)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(with_length(b"\xef\xbb\xbf[1]"), id="a byte-order mark"),
        pytest.param(with_length("[1]".encode("utf-16")), id="UTF-16"),
        pytest.param(with_length(b"[1]", b"Content-Type: application/json; charset=no-such", start=OK), id="no charset"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[1]", id="until the end"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"[1]"), id="a continue before it"),
        pytest.param(CHUNKED + b"3;why=not\r\n[1]\r\n0\r\nX: 1\r\n\r\n", id="chunks with all that they may have"),
        pytest.param(with_length(brotli.compress(b"[1]"), b"Content-Encoding: br"), id="brotli"),
    ],
)  # fmt: skip
def test_what_is_odd_and_allowed_is_read(body: bytes, fake_time: FakeTime) -> None:
    with sending(Sent(body)) as url:
        source = HttpSource(Address("Shop", url, "SHOP_URL", "check SHOP_KEY."), clock=fake_time.clock)
        with source:
            assert source.get("/things", read_list) == [1]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        pytest.param(Sent(b"", b" ", 60), SILENT, id="silence"),
        pytest.param(Sent(JSON + b"Content-Length: 9\r\n\r\n[", b"", 60), BROKEN, id="an end"),
        pytest.param(Sent(b"", b"H", 0.02), TOO_LONG, id="a status a letter at a time"),
        pytest.param(Sent(OK, b"X: 1\r\n", 0.02), TOO_LONG, id="a header at a time"),
        pytest.param(Sent(JSON + b"\r\n[1", b" ", 0.02), TOO_LONG, id="a byte at a time"),
        pytest.param(Sent(JSON + b"Content-Length: 99999\r\n\r\n[1", b" ", 0.02), TOO_LONG, id="a length, slowly"),
        pytest.param(Sent(CHUNKED, b"1\r\n \r\n", 0.02), TOO_LONG, id="a chunk at a time"),
        pytest.param(Sent(JSON + b"\r\n[1", b", 1" * 20_000), TOO_LARGE, id="an endless array"),
        pytest.param(Sent(CHUNKED, b"4000\r\n" + b" " * 0x4000 + b"\r\n"), TOO_LARGE, id="endless chunks"),
    ],
)  # fmt: skip
def test_no_answer_is_waited_for_without_end(sent: Sent, sentence: str, fake_time: FakeTime) -> None:
    begun = time.monotonic()
    assert _asked(sent, fake_time, silence=0.2, whole=0.3) == sentence
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("coding", "compressed"),
    [
        (b"gzip", gzip.compress),
        (b"gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        (b"deflate", zlib.compress),
        (b"br", lambda body: brotli.compress(body, quality=5)),
    ],
)
def test_a_small_body_that_expands_without_end_is_not_expanded(
    coding: bytes, compressed: Callable[[bytes], bytes], fake_time: FakeTime
) -> None:
    # Compressed here: every worker loads this file, and one of them tests it.
    body = compressed(b"[" + b" " * (200 << 20))
    assert len(body) < 1 << 18
    sent = Sent(with_length(body, b"Content-Encoding: " + coding))
    assert _asked(sent, fake_time, whole=30) == TOO_LARGE


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (Sent(JSON + b"\r\n", b" " * 100_000), None),
        (Sent(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b" " * 100_000), "it answered 302"),
        (Sent(OK, b"X: 1\r\n", 0.02), "it cannot be reached (ReadTimeout)"),
    ],
    ids=["an endless body", "an endless redirect", "endless headers"],
)
def test_the_webhook_s_answer_is_not_waited_for_either(
    sent: Sent, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_TIMEOUT", 0.5)
    with sending(sent) as url:
        assert webhook.post_to_webhook(url, {"alert": "x"}, key="1") == said


def test_nor_is_it_where_much_is_read(fake_time: FakeTime) -> None:
    body = brotli.compress(b"[" + b" " * (200 << 20), quality=5)
    sent = Sent(with_length(body, b"Content-Encoding: br"))
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
        found = _asked(Sent(with_length(b"[1]")), fake_time)
    assert found.endswith("(No space left on device): make room there, or set TMPDIR, then try again.")


@pytest.mark.parametrize("status", [b"302 Found", b"404 Not Found", b"500 Oops"])
def test_an_error_is_not_read_without_end(status: bytes, fake_time: FakeTime) -> None:
    start = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n\r\n{" % status
    found = _asked(Sent(start, b" " * 100_000), fake_time)
    assert status.split()[0].decode() in found
