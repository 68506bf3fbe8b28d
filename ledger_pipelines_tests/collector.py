"""A collector of traces on loopback, and a process that sends its spans there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ledger_pipelines import tracing


@dataclass(frozen=True)
class Received:
    """A span as it arrived: ids in hexadecimal, attributes as Python's values."""

    name: str
    attributes: dict[str, Any]
    trace_id: str
    span_id: str
    parent_id: str
    has_failed: bool


class Collector(ThreadingHTTPServer):
    """Keeps what is posted to /v1/traces."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[Received]:
        """All spans so far, in the order of their ends; what this process has not sent yet is sent."""
        tracing.stop()
        return [
            Received(
                span.name,
                {one.key: _value(one.value) for one in span.attributes},
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.status.code == span.status.STATUS_CODE_ERROR,
            )
            for body in self.bodies
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    def has_seen(self, text: str) -> bool:
        """Whether the text is anywhere in what was sent."""
        return any(text.encode() in body for body in self.bodies)


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(one) for one in found.values] if kind == "array_value" else found


@contextmanager
def running_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that this process's spans go to within the body."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv(tracing.VARIABLE, collector.url)
        try:
            yield collector
        finally:
            tracing.stop()
            monkeypatch.delenv(tracing.VARIABLE)
            collector.shutdown()
            thread.join()
