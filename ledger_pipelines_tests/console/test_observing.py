"""What a trace and the logs tell of a request to the console: its route and the permission, no name and no address."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines_tests.collector import running_collector
from ledger_pipelines_tests.json_logs import json_logs

SECRETS = ("c00kie-nobody-may-see", "t0ken-nobody-may-see", "Somebody", "836444")


def test_a_request_is_a_span_and_a_line(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_collector(monkeypatch) as collector, json_logs(monkeypatch) as lines:
        # Whatever FastAPI itself would send, it would send there, too.
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        cookie, token, name, account = SECRETS
        billing = {"Authorization": "Bearer billing", "Cookie": f"session={cookie}; other={cookie}"}
        with TestClient(create_app(console), raise_server_exceptions=False) as client:
            client.get(f"/api/billing/{account}", params={"token": token, "name": name}, headers=billing)
            client.get("/periods", headers={"Authorization": f"Bearer {token}"})
            client.get(f"/{name}/{token}")
        spans = collector.spans()
        assert [one for one in SECRETS if collector.has_seen(one)] == []
    assert [(one.name, one.attributes) for one in spans] == [
        (
            "GET /api/billing/{account}",
            {
                "http.request.method": "GET",
                "http.route": "/api/billing/{account}",
                "http.response.status_code": 404,
                "ledger.permission": "billing",
            },
        ),
        (
            "GET /periods",
            {"http.request.method": "GET", "http.route": "/periods", "http.response.status_code": 401},
        ),
        (
            "GET none",
            {"http.request.method": "GET", "http.route": "none", "http.response.status_code": 404},
        ),
    ]
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    requests = [one for one in told if one["logger"] == "ledger_pipelines.console.observing"]
    assert [(one["message"], one.get("permission"), one.get("account")) for one in requests] == [
        ("GET /api/billing/{account} 404", "billing", account),
        ("GET /periods 401", None, None),
        ("GET none 404", None, None),
    ]
    assert [one for one in SECRETS[:3] if one in lines.getvalue()] == []


def test_a_defect_is_told_with_its_exception_and_without_what_is_secret(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError(f"Cookie: session={SECRETS[0]}; csrf={SECRETS[1]}")

    monkeypatch.setattr(type(console.identity), "person", fail)
    with running_collector(monkeypatch) as collector, json_logs(monkeypatch) as lines:
        client = TestClient(create_app(console), raise_server_exceptions=False)
        answer = client.get("/api/billing/1", headers={"Authorization": "Bearer billing"})
        (span,) = collector.spans()
        assert [one for one in SECRETS if collector.has_seen(one)] == []
    assert answer.status_code == 500
    assert (span.attributes["http.response.status_code"], span.has_failed) == (500, True)
    (defect,) = [one for one in map(json.loads, lines.getvalue().splitlines()) if one["level"] == "ERROR"]
    assert defect["logger"] == "ledger_pipelines.console.problems"
    assert "RuntimeError" in defect["exception"]
    assert [one for one in SECRETS if one in lines.getvalue()] == []


def test_without_either_the_console_has_nothing_of_it(console: Console) -> None:
    assert "Observed" not in str(create_app(console).user_middleware)
    assert not logging.getLogger("ledger_pipelines.console.observing").isEnabledFor(logging.INFO)
    assert "opentelemetry.sdk.trace" not in sys.modules or console.settings.traces_endpoint is None
