"""Spans: sent where a collector is named, and nothing at all where none is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ledger_pipelines import tracing
from ledger_pipelines_tests.collector import Collector, running_collector

#: What traces without a collector, and says what of OpenTelemetry is loaded then.
_LOADED = (
    "import sys; import ledger_pipelines.sources.http.exchange; from ledger_pipelines import tracing;\n"
    "with tracing.span('a') as span: span.note(b=1)\n"
    "tracing.note(b=1); assert tracing.traceparent() is None\n"
    "print([name for name in sys.modules if name.startswith('opentelemetry')])"
)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with running_collector(monkeypatch) as collector:
        yield collector


def test_a_span_goes_on_where_another_process_said_it_was(collector: Collector) -> None:
    with tracing.span("console"):
        told = tracing.traceparent()
    with tracing.span("run", parent=told), tracing.span("within"):
        pass
    with tracing.span("alone", parent="no traceparent"):
        pass
    console, within, run, alone = collector.spans()
    assert (run.parent_id, run.trace_id) == (console.span_id, console.trace_id)
    assert within.parent_id == run.span_id
    assert alone.parent_id == ""


def test_nothing_is_loaded_where_no_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.VARIABLE, raising=False)
    loaded = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_without_the_extra_one_sentence_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(tracing.VARIABLE, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    try:
        for _ in range(2):
            with tracing.span("a") as span:
                span.note(b=1)
        assert caplog.messages == [
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and no traces are sent: install ledger-pipelines with the extra "
            "`tracing`."
        ]
    finally:
        tracing.stop()
