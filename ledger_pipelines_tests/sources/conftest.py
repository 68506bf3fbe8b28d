"""What the tests of the sources share: a scripted HTTP server, and a clock that nobody has to wait for."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ledger_pipelines.sources.http.clock import Clock

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


class FakeTime:
    """Time that passes only by sleeping. `slept` are the pauses in their order."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._passed = 0.0
        self._lock = threading.Lock()
        self.clock = Clock(now=self.now, monotonic=lambda: self._passed, sleep=self.sleep)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._passed)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._passed += seconds


@dataclass(frozen=True)
class Reply:
    """One answer. `missing` bytes are promised and not sent; `hangs` says nothing until the test is over."""

    status: int = 200
    body: bytes = b"[]"
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    hangs: bool = False
    hangs_up: bool = False


def reply(value: Any, status: int = 200, **more: Any) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, json.dumps(value).encode(), **more)


def problem_reply(status: int, detail: str, **headers: str) -> Reply:
    """A refusal as Codex and Core write them."""
    body = {"detail": detail, "status": status, "title": "…", "type": "about:blank"}
    return reply(body, status, content_type="application/problem+json", headers=headers)


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer(ThreadingHTTPServer):
    """Answers each path with its replies in their order, the last one for ever; without any with 404."""

    daemon_threads = True
    #: With the usual five, a connection among eight at a time may wait a second to be made.
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Seen] = []
        self.over = threading.Event()
        self._scripts: dict[str, list[Reply]] = defaultdict(list)
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def script(self, path: str, *replies: Reply) -> None:
        """What to answer to this path (without its query)."""
        self._scripts[path] = list(replies)

    def take(self, seen: Seen) -> Reply:
        with self._guard:
            self.seen.append(seen)
            script = self._scripts[seen.path.partition("?")[0]]
            if not script:
                return problem_reply(404, "404 Not Found: The requested URL was not found on the server.")
            return script.pop(0) if len(script) > 1 else script[0]

    def count(self, path: str) -> int:
        """How many requests came for this path (without its query)."""
        return sum(seen.path.partition("?")[0] == path for seen in self.seen)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of many a script."""


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        seen = Seen(self.command, self.path, dict(self.headers), self.rfile.read(length))
        answer = self.server.take(seen)
        if answer.hangs:
            self.server.over.wait(30)
            return
        if answer.hangs_up:
            return
        self.send_response(answer.status)
        if answer.content_type is not None:
            self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body) + answer.missing))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A running scripted server."""
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> str:
    """An address at which nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_port}"
