"""Spans of what is worth a trace, sent by OTLP over HTTP where OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

Here: one way to make them for sources, steps and console. Not here: what a span is called, which its maker decides.

A span has only what its maker gives it, and of an exception the class alone: no message, which may quote anything.
OpenTelemetry is the extra `tracing`, and is loaded at the first span of a process that sends them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
Value = str | int | float | bool | Sequence[str]
#: Who a span is of: an answer of ours, a request of ours, or work within.
Kind = Literal["server", "client", "internal"]

_TIMEOUT, _TIMEOUT_VARIABLE = 2, "OTEL_EXPORTER_OTLP_TIMEOUT"
_TRACEPARENT = "traceparent"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """A span while it lasts; without a collector it takes everything and reports nothing."""

    _span: Any = None

    def rename(self, name: str) -> None:
        """Gives it another name, where that is known later than its beginning."""
        if self._span is not None:
            self._span.update_name(name)

    def note(self, **values: Value | None) -> None:
        """Adds attributes, by their names with `__` for each dot; what is None is left out."""
        if self._span is not None:
            self._span.set_attributes(_attributes(values))

    def fail(self, kind: str) -> None:
        """Says that what it is of has failed: an exception's class, or a status."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_attribute("error.type", kind)
            self._span.set_status(StatusCode.ERROR)


def is_on() -> bool:
    """Whether this process sends spans: the variable is set, and the extra is installed."""
    return bool(os.environ.get(VARIABLE)) and _provider() is not None


@contextmanager
def span(
    name: str, kind: Kind = "internal", *, parent: str | None = None, **values: Value | None
) -> Iterator[Span]:
    """A span around the body, within the one that the body is in, or within `parent` (a `traceparent`).

    `values` are its attributes, as `Span.note` takes them. An exception of the body marks it as failed, and goes on.
    """
    if not is_on():
        yield Span()
        return
    from opentelemetry.trace import SpanKind

    provider = _provider()
    assert provider is not None  # noqa: S101 - it is on
    with provider.get_tracer("ledger_pipelines").start_as_current_span(
        name,
        context=_context_of(parent),
        kind=SpanKind[kind.upper()],
        attributes=_attributes(values),
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        found = Span(made)
        try:
            yield found
        except BaseException as error:
            found.fail(type(error).__name__)
            raise


def note(**values: Value | None) -> None:
    """Adds attributes, as `Span.note` takes them, to the span that this code is in."""
    if is_on():
        from opentelemetry.trace import get_current_span

        Span(get_current_span()).note(**values)


def traceparent() -> str | None:
    """The span that this code is in, as W3C's header writes it; None where there is none."""
    if not is_on():
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(_TRACEPARENT)


def stop() -> None:
    """Sends what is not sent yet, and forgets the collector; the next span reads the environment again."""
    if _provider.cache_info().currsize:
        provider = _provider()
        _provider.cache_clear()
        if provider is not None:
            provider.shutdown()


def _context_of(parent: str | None) -> Any:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    # Of a text that is no traceparent it makes nothing.
    return TraceContextTextMapPropagator().extract({_TRACEPARENT: parent})


def _attributes(values: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name.replace("__", "."): value for name, value in values.items() if value is not None}


@cache
def _provider() -> TracerProvider | None:
    """Where this process's spans go; one of our own, so that other libraries' spans are nobody's but theirs."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _LOG.warning(
            "%s is set, and no traces are sent: install ledger-pipelines with the extra `tracing`.", VARIABLE
        )
        return None
    resource = Resource.create(
        {
            # What is given here would win over the environment.
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or "ledger_pipelines",
            "service.version": version("ledger-pipelines"),
        }
    )
    provider = TracerProvider(resource=resource)
    # Where a collector is down a process should not wait OpenTelemetry's ten seconds before it ends.
    seconds = None if os.environ.get(_TIMEOUT_VARIABLE) else _TIMEOUT
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=seconds)))
    return provider
