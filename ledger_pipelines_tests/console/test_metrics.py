"""`/metrics`: the ledger's numbers for a Prometheus with the token, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from ledger_pipelines.console import measuring
from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.store.database import Database

TOKEN = "a-token-of-prometheus"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _asking(console: Console) -> TestClient:
    settings = Settings().model_copy(update={"metrics_token": SecretStr(TOKEN)})
    return TestClient(create_app(replace(console, settings=settings)), raise_server_exceptions=False)


def _samples(client: TestClient) -> Samples:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert TOKEN not in answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_it_is_off_without_a_token_and_shut_without_the_right_one(console: Console) -> None:
    off = TestClient(create_app(console))
    assert off.get("/metrics").status_code == 404
    assert off.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    client = _asking(console)
    for given in (
        {},
        {"Authorization": "Bearer admin"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
    ):
        answer = client.get("/metrics", headers=given)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


def test_what_the_tables_say_is_told(console: Console, connection: psycopg.Connection) -> None:
    at = console.now()
    # What was billed long ago and never since is not looked for at every reading; it is counted.
    connection.execute(
        """INSERT INTO sync_executions (step_name, status, started_at, completed_at, metadata, created_at)
           VALUES ('billing', 'completed', %(at)s, %(at)s, '{"months": ["2025-01"]}', %(at)s)""",
        {"at": at - timedelta(days=101)},
    )
    connection.execute(
        """INSERT INTO sync_executions (step_name, status, started_at, completed_at, error_message, metadata)
           VALUES ('billing', 'completed', '2026-03-01 10:00', '2026-03-01 10:00:05', NULL,
             '{"months": ["2026-01", "2026-02"]}'),
           ('billing', 'completed', '2026-03-02 10:00', '2026-03-02 10:00:02', NULL, '{"months": ["2026-02"]}'),
           ('codex', 'failed', '2026-03-02 10:00', '2026-03-02 10:00:01', 'no', '{}'),
           ('codex', 'running', '2026-03-02 10:00', NULL, NULL, '{}')"""
    )
    connection.execute("UPDATE sync_executions SET created_at = %s WHERE id > 1", [at - timedelta(days=99)])
    connection.execute(
        "INSERT INTO ledger_periods VALUES ('2026-01-01', 'closed', '2026-03-03 12:00', 'Ada')"
    )
    connection.execute("INSERT INTO ledger_periods (month) VALUES ('2026-02-01')")
    connection.execute(
        """INSERT INTO integration_errors (integration_name, operation_type, entity_type, external_id, error_message,
             is_blocking) VALUES ('codex', 'read', 'ticket', '1', 'odd', true),
             ('codex', 'read', 'ticket', '2', 'odd', false)"""
    )
    connection.execute(
        """INSERT INTO check_results (month, asset_name, check_name, records, is_error, run_id) VALUES
           ('2026-02-01', 'tickets', 'read', 3, true, 'r'), ('2026-02-01', 'tickets', 'other', 0, true, 'r'),
           ('2026-01-01', 'tickets', 'read', 1, true, 'r')"""
    )
    connection.execute("INSERT INTO alerts (kind, message, raised_at) VALUES ('lag', 'late', now())")
    samples = _samples(_asking(console))

    def value(name: str, **labels: str) -> float | None:
        return samples.get((name, tuple(sorted(labels.items()))))

    billed = {"step": "billing", "status": "completed"}
    assert value("ledger_step_executions_total", **billed) == 3
    assert value("ledger_step_seconds_total", **billed) == 7
    assert value("ledger_step_last_duration_seconds", **billed) == 2
    assert value("ledger_step_executions_total", step="codex", status="failed") == 1
    assert value("ledger_steps_running") == 1
    times = {name: [value(f"ledger_month_{name}_timestamp_seconds", month=month) for month in ("2026-01", "2026-02")]
             for name in ("billed", "closed")}  # fmt: skip
    assert value("ledger_month_billed_timestamp_seconds", month="2025-01") is None
    assert times == {"billed": [1772359205, 1772445602], "closed": [1772539200, None]}
    assert value("ledger_open_errors", integration="codex", blocking="true") == 1
    assert value("ledger_open_errors", integration="codex", blocking="false") == 1
    # Of closed months nothing fails any more.
    assert value("ledger_failed_checks", month="2026-02", severity="error") == 1
    assert value("ledger_failed_checks", month="2026-01", severity="error") is None
    assert value("ledger_open_alerts", kind="lag") == 1
    assert value("ledger_cfo_invoices", state="pending") == 0
    assert (value("ledger_database_up"), value("ledger_metrics_failed")) == (1, 0)
    assert value("ledger_table_rows", table="ledger_periods") is not None


def test_requests_are_counted_by_route_and_not_by_address(console: Console) -> None:
    client = _asking(console)
    for account in ("1", "2"):
        client.get(f"/api/billing/{account}", headers={"Authorization": "Bearer admin"})
    for guess in ("/a", "/b", "/c"):
        client.get(guess)
    samples = _samples(client)
    counted = {
        (dict(labels)["route"], dict(labels)["status"]): number
        for (name, labels), number in samples.items()
        if name == "ledger_http_request_duration_seconds_count"
    }
    assert counted == {("/api/billing/{account}", "404"): 2, ("none", "404"): 3}


def test_a_database_that_is_away_is_told_as_such(console: Console) -> None:
    away = replace(console, database=Database("postgresql://nobody@127.0.0.1:1/none"))
    samples = _samples(_asking(away))
    assert samples == {("ledger_database_up", ()): 0, ("ledger_metrics_failed", ()): 1}


def test_a_query_that_takes_too_long_is_not_told_as_a_database_that_is_away(
    console: Console, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_PATIENCE", "100ms")
    with connection.transaction():
        connection.execute("LOCK TABLE sync_executions IN ACCESS EXCLUSIVE MODE")
        samples = _samples(_asking(console))
    assert samples == {("ledger_database_up", ()): 1, ("ledger_metrics_failed", ()): 1}


def test_a_token_that_is_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_METRICS_TOKEN", "short")
    with pytest.raises(ConfigurationError, match=r"LEDGER_METRICS_TOKEN.*16 signs") as refused:
        read_settings()
    assert "short" not in str(refused.value)
