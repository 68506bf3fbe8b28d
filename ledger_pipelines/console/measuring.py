"""The console's numbers for Prometheus: of the ledger, read when they are asked for, and of the requests so far."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_pipelines.console.context import Console
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month
from ledger_pipelines.store.queries.measures import Measures, read_measures

#: How long one query may take: what Prometheus waits for all of them by itself.
_PATIENCE = "10s"
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
#: What no route answers has one name: else guessed addresses would make a series each.
_NO_ROUTE = "none"


class Meter:
    """The metrics of one console for Prometheus."""

    def __init__(self, console: Console) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_OfLedger(console))
        self._requests = Histogram(
            "ledger_http_request_duration_seconds",
            "Requests to the console, to the end of the answer.",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=_SECONDS,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class Measured:
    """Counts each request with its route and how long it took; it is the outermost middleware."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app, self._meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and counts it when it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._meter.observe(method_of(scope), route_of(scope), status, time.perf_counter() - began)


def route_of(scope: Scope) -> str:
    """The route that answers a request, without what varies in it; one name for what none answers."""
    return getattr(scope.get("route"), "path", _NO_ROUTE)


def method_of(scope: Scope) -> str:
    """The request's method, or `other` for an unknown one."""
    return scope["method"] if scope["method"] in _METHODS else "other"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class _OfLedger(Collector):
    def __init__(self, console: Console) -> None:
        self._console = console

    def describe(self) -> list[Metric]:
        """Nothing: the metrics are read from the database, and only when somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The ledger's numbers; where the database does not answer, or not in time, that alone."""
        measures, is_up = None, True
        try:
            with self._console.database.connect(application_name="ledger metrics") as connection:
                connection.execute("SELECT set_config('statement_timeout', %s, false)", [_PATIENCE])
                measures = read_measures(connection, self._console.now())
        except (psycopg.errors.QueryCanceled, psycopg.ProgrammingError):
            # It answers: a query took too long or waited for a lock, or a table is not there.
            pass
        except (psycopg.Error, LedgerError):
            is_up = False
        yield GaugeMetricFamily("ledger_database_up", "Whether the ledger's database answers.", is_up)
        yield GaugeMetricFamily(
            "ledger_metrics_failed", "Whether the ledger's numbers could not be read.", measures is None
        )
        if measures is not None:
            yield from _families(measures)


def _families(measures: Measures) -> Iterator[Metric]:
    rows = GaugeMetricFamily(
        "ledger_table_rows", "Rows of each table, as PostgreSQL estimates.", labels=["table"]
    )
    for table, count in measures.rows.items():
        rows.add_metric([table], count)
    yield rows
    yield from _of_steps(measures)
    for name, text, times in (
        ("billed", "When the month was billed last", measures.billed_at),
        ("closed", "When the month was closed for good", measures.closed_at),
    ):
        family = GaugeMetricFamily(f"ledger_month_{name}_timestamp_seconds", f"{text}.", labels=["month"])
        for month, at in times.items():
            family.add_metric([format_month(month)], at.timestamp())
        yield family
    checks = GaugeMetricFamily(
        "ledger_failed_checks", "Checks of open months that fail, by severity.", labels=["month", "severity"]
    )
    for (month, is_error), count in measures.failed_checks.items():
        checks.add_metric([format_month(month), "error" if is_error else "warning"], count)
    yield checks
    errors = GaugeMetricFamily(
        "ledger_open_errors", "Records that could not be used.", labels=["integration", "blocking"]
    )
    for (integration, is_blocking), count in measures.open_errors.items():
        errors.add_metric([integration, str(is_blocking).lower()], count)
    yield errors
    alerts = GaugeMetricFamily("ledger_open_alerts", "Alerts that are raised.", labels=["kind"])
    for kind, count in measures.open_alerts.items():
        alerts.add_metric([kind], count)
    yield alerts
    yield from _of_cfo(measures)


def _of_steps(measures: Measures) -> Iterator[Metric]:
    labels = ["step", "status"]
    executions = CounterMetricFamily("ledger_step_executions", "Executions that have ended.", labels=labels)
    seconds = CounterMetricFamily("ledger_step_seconds", "Seconds of all that have ended.", labels=labels)
    last = GaugeMetricFamily(
        "ledger_step_last_duration_seconds", "How long the last one took.", labels=labels
    )
    ended = GaugeMetricFamily(
        "ledger_step_last_end_timestamp_seconds", "When the last one ended.", labels=labels
    )
    for step in measures.steps:
        names = [step.step, step.status]
        executions.add_metric(names, step.executions)
        seconds.add_metric(names, step.seconds)
        last.add_metric(names, step.last_seconds)
        ended.add_metric(names, step.last_ended_at.timestamp())
    yield from (executions, seconds, last, ended)
    yield GaugeMetricFamily("ledger_steps_running", "Steps that are being executed.", measures.running)


def _of_cfo(measures: Measures) -> Iterator[Metric]:
    cfo = measures.cfo
    invoices = GaugeMetricFamily(
        "ledger_cfo_invoices", "Paid invoices that are not handed over, by how they wait.", labels=["state"]
    )
    invoices.add_metric(["pending"], cfo.pending)
    invoices.add_metric(["failed"], cfo.exhausted)
    invoices.add_metric(["overdue"], cfo.overdue)
    yield invoices
    if cfo.lag_seconds is not None:
        yield GaugeMetricFamily("ledger_cfo_lag_seconds", "Mean lag of a day.", cfo.lag_seconds)
    if cfo.success_rate is not None:
        yield GaugeMetricFamily("ledger_cfo_success_ratio", "Of a week.", cfo.success_rate / 100)
