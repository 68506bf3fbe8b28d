"""The routes that start work: bodies as their clients know them, with a stand-in of Dagster's webserver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.context import Console
from ledger_pipelines.runs.webserver import DagsterAwayError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
from ledger_pipelines.workflows.run_tags import REQUEST_TAG
from ledger_pipelines_tests.runs.standing_in import StandIn

Clients = Callable[[str | None], TestClient]


@pytest.fixture
def dagster() -> StandIn:
    return StandIn()


@pytest.fixture
def client(client_of: Clients, dagster: StandIn, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    client = client_of("billing")
    client.app.state.dagster = dagster  # type: ignore[attr-defined]
    return client


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOLDED_API_KEY", "FOURGEEKS_TOKEN", "NOTION_TOKEN", "NOTION_DATABASE_ID"):
        monkeypatch.setenv(name, "set")


def _work(database: Database, dagster: StandIn, step: str, result: dict[str, int]) -> threading.Thread:
    """A run's process: takes over what waits for it, as soon as it was launched."""

    def run() -> None:
        until = time.monotonic() + 30
        while not dagster.launched and time.monotonic() < until:
            threading.Event().wait(0.02)
        tags = dagster.launched[0].tags
        with recorded_execution(database, step, {}, request_id=tags[REQUEST_TAG]) as execution:
            execution.metadata["result"] = result

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_steps_and_their_order_are_the_seed_s(client: TestClient) -> None:
    order = client.get("/api/sync/execution-order").json()
    assert order == ["services", "invoices", "crm-clients", "service-periods", "notion-external-id"]
    steps = client.get("/api/sync/available-steps").json()
    assert [one["id"] for one in steps["import_steps"]] == order
    assert steps["accrual_steps"] == [
        {
            "id": "accruals",
            "name": "Process Accruals",
            "description": "Process contract accruals for the specified period",
        }
    ]


def test_a_step_is_executed_and_its_end_is_the_answer(
    client: TestClient, console: Console, dagster: StandIn
) -> None:
    counts = {"invoices_processed": 150, "clients_created": 25, "clients_updated": 125}
    worker = _work(console.database, dagster, "invoices", counts)
    body = {"step_name": "invoices", "year": 2024, "start_date": "2024-03-01", "end_date": "2024-07-01"}
    answered = client.post("/api/sync/execute-step", json=body)
    worker.join()
    assert answered.status_code == 200, answered.text
    found = answered.json()
    assert (found["step_name"], found["status"], found["result"]) == ("invoices", "completed", counts)
    assert found["months"] == ["2024-03", "2024-04", "2024-05", "2024-06"]
    assert found["started_at"] <= found["completed_at"]
    assert (found["error_message"], found["person"]) == (None, "billing")
    assert client.get(f"/api/sync/executions/{found['execution_id']}").json() == found
    listed = client.get(
        "/api/sync/executions", params={"step_name": "invoices", "status": "completed", "from": "2020-01-01"}
    )
    assert listed.json() == {"total": 1, "executions": [found]}
    assert client.get("/api/sync/executions", params={"to": "2020-01-01"}).json()["total"] == 0
    assert dagster.launched[0].tags["dagster/asset_partition_range_end"] == "2024-06"


def test_what_takes_longer_says_where_to_look_and_is_one(client: TestClient, dagster: StandIn) -> None:
    first = client.post("/api/integrations/holded/sync-services?wait=false", json={"year": 2025})
    again = client.post(
        "/api/sync/execute-step?wait=0",
        json={"step": "services", "year": 2025},
        headers={"X-Forwarded-Prefix": "/l"},
    )
    assert (first.status_code, again.status_code) == (202, 202)
    body = first.json()
    assert (body["status"], body["completed_at"], body["result"]) == ("pending", None, None)
    assert again.json()["execution_id"] == body["execution_id"]
    assert first.headers["location"] == f"/api/sync/executions/{body['execution_id']}"
    assert client.get(first.headers["location"]).json() == body
    assert len(dagster.launched) == 1
    dagster.become("run-1", "CANCELED")
    ended = client.post(
        "/api/sync/execute-step", json={"step": "services", "year": 2025}, params={"wait": "false"}
    )
    assert (ended.status_code, len(dagster.launched)) == (202, 2)
    seen = client.get(first.headers["location"]).json()
    assert (seen["status"], seen["error_message"]) == (
        "failed",
        "The run was cancelled before this step began.",
    )


def test_what_cannot_begin_has_failed(client: TestClient, dagster: StandIn) -> None:
    dagster.trouble[:] = [DagsterAwayError("Dagster does not answer.")]
    for path, body in (
        ("/api/integrations/notion/sync-page-ids", None),
        ("/api/integrations/fourgeeks/sync-students-from-clients", {}),
        ("/api/accruals/process-contracts", {"period_start_date": "2025-03-01"}),
    ):
        answered = client.post(path, json=body) if body is not None else client.post(path)
        assert answered.status_code == 200, answered.text
        assert (answered.json()["status"], answered.json()["error_message"]) == (
            "failed",
            "Dagster does not answer.",
        )


def test_accruals_are_counted(client: TestClient, console: Console, dagster: StandIn) -> None:
    worker = _work(
        console.database, dagster, "accruals", {"contracts_processed": 7, "accruals": 3, "notices": 1}
    )
    answered = client.post("/api/accruals/process-contracts", json={"period_start_date": "2025-03-01"})
    worker.join()
    found = answered.json()
    assert (answered.status_code, found["period_start_date"]) == (200, "2025-03-01")
    assert found["summary"] == {
        "total_contracts_processed": 7,
        "successful_accruals": 0,
        "failed_accruals": 0,
        "skipped_accruals": 7,
    }


def test_requests_that_cannot_be_one_are_refused_in_a_sentence(client: TestClient, dagster: StandIn) -> None:
    for body in (
        {},
        {"step_name": "everything"},
        {"step_name": "services", "start_date": "2024-03-02", "end_date": "2024-07-01"},
        {"step_name": "services", "start_date": "2024-03-01"},
        {"step_name": "services", "start_date": "2024-07-01", "end_date": "2024-03-01"},
        {"step_name": "services", "start_date": "2023-01-01", "end_date": "2023-03-01"},
        {"step_name": "services", "start_date": "2026-03-01", "end_date": "2026-05-01"},
        {"step_name": "services", "start_date": "2024-13-01", "end_date": "2025-03-01"},
        {"step_name": "services", "year": 1999},
        {"step_name": "services", "year": 10**12},
        {"step_name": "services\u0000"},
        {"step_name": "accruals", "month": "2025-03"},
        {"step_name": ["services"]},
        [],
    ):
        answered = client.post("/api/sync/execute-step", json=body)
        assert answered.status_code == 422, (body, answered.text)
        assert answered.json()["error"].endswith("."), answered.text
    for path in (
        "/api/sync/executions/0",
        "/api/sync/executions/99999999999999999999",
        "/api/sync/executions?limit=0",
        "/api/sync/executions?status=done",
        "/api/sync/executions?from=yesterday",
        "/api/sync/executions?step_name=%00",
    ):
        assert client.get(path).status_code == 422, path
    assert client.get("/api/sync/executions/7").status_code == 404
    assert client.post("/api/sync/execute-step?wait=soon", json={"step": "services"}).status_code == 422
    misspelled = client.post("/api/sync/execute-step", json={"step": "accruals", "month": "2025-03"})
    assert "'month' is not known here" in misspelled.json()["error"]
    for path, body in (
        ("/api/integrations/holded/sync-services", {"yaer": 2025}),
        ("/api/accruals/process-contracts", {"period_start_date": "2025-03-01", "month": "2025-04"}),
    ):
        assert client.post(path, json=body).status_code == 422, path
    for day in ("2025-03-02", "soon", "2031-01-01", ""):
        refused = client.post("/api/accruals/process-contracts", json={"period_start_date": day})
        assert refused.status_code == 422, day
    assert dagster.asked == []


def test_who_may_not_starts_nothing(client_of: Clients) -> None:
    for permission, status in (
        (None, 401),
        ("client", 403),
        ("technician", 403),
        ("admin", 422),
        ("service", 422),
    ):
        assert client_of(permission).post("/api/sync/execute-step", json={}).status_code == status
