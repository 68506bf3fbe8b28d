"""A plain socket that answers with whatever bytes, and answers that break HTTP, each with the sentence that it is."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"


ERROR = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n"
HALF_A_GZIP = gzip.compress(b"[1, 2]" * 50)[:-20]
HALF_A_DEFLATE = zlib.compress(b"[1, 2]" * 50)[:-20]


def with_length(body: bytes, *headers: bytes, start: bytes = JSON) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return start + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


@dataclass(frozen=True)
class Sent:
    """What the server sends: once, then `again` over and over, with a pause between the times."""

    once: bytes
    again: bytes = b""
    pause: float = 0.0


class PlainServer:
    """Sends the same bytes to whoever connects and asks, whatever is asked."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.over = threading.Event()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

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
        # A thread that waits in accept would go on with whatever socket has the number of this one next.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()


@contextlib.contextmanager
def sending(sent: Sent) -> Iterator[str]:
    server = PlainServer(sent)
    try:
        yield server.url
    finally:
        server.close()


BROKEN = "Shop broke off its answer at URL: look into its log, then try again."
NOT_JSON = "Shop's answer at URL is not the JSON that it promises: check SHOP_URL, and look into Shop's log."
NO_TYPE = "Shop answered with no Content-Type instead of JSON at URL: check SHOP_URL."
WEB_PAGE = "Shop answered with a web page instead of JSON at URL: check SHOP_URL."
#: What the server sends, and what the system called Shop is then said to have done, with URL for the address; None where
#: the sentence is the library's.
MALFORMED = [
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
    pytest.param(with_length(b""), NOT_JSON, id="200 with nothing"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", NO_TYPE, id="204"),
    pytest.param(with_length(b"<!doctype html>", b"Content-Type: text/html", start=OK), WEB_PAGE, id="a web page"),
    pytest.param(with_length(b"<!doctype html><title>Sign in</title>"), NOT_JSON, id="a web page called JSON"),
    pytest.param(with_length('["Zoë"]'.encode("latin-1")), NOT_JSON, id="other characters"),
    pytest.param(with_length(b"[1]\0\0"), NOT_JSON, id="NUL behind the JSON"),
    pytest.param(with_length(HALF_A_GZIP, b"Content-Encoding: gzip"), NOT_JSON, id="half a gzip"),
    pytest.param(with_length(b"[1]", b"Content-Encoding: gzip"), NOT_JSON, id="no gzip"),
    pytest.param(with_length(b"[1]", b"Content-Encoding: br"), NOT_JSON, id="no brotli"),
    pytest.param(with_length(b"[1]", b"Content-Encoding: zstd"), NOT_JSON, id="no zstd"),
    pytest.param(with_length(HALF_A_DEFLATE, b"Content-Encoding: deflate"), NOT_JSON, id="half a deflate"),
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
        with_length(b'{"error": "no \x1b[31mred\x07 things"}', start=ERROR),
        "Shop did not take our request at URL (400 Bad Request): check SHOP_URL.",
        id="raw terminal escapes in an error",
    ),
    pytest.param(
        with_length(b'{"error": "no \\u001b[31mred\\u0007 things"}', start=ERROR),
        "Shop did not take our request at URL (400 Bad Request, “no �[31mred� things”): check SHOP_URL.",
        id="terminal escapes in an error",
    ),
]  # fmt: skip
