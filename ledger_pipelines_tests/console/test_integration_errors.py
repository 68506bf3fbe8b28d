"""Integration errors over HTTP: listed, counted, decided on, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import psycopg
import pytest
from starlette.testclient import TestClient

from ledger_pipelines.errors import Problem
from ledger_pipelines.store.integration_errors import record_problems

Clients = Callable[[str | None], TestClient]


@pytest.fixture
def client(client_of: Clients, connection: psycopg.Connection) -> TestClient:
    problems = [
        Problem("codex", "read", "ticket", f"T{number}", f"=bad {number}.", {"hours": 0.5})
        for number in range(250)
    ]
    record_problems(connection, "codex", "read", problems)
    record_problems(connection, "holded", "read", [Problem("holded", "read", "invoice", "I1", "No date.")])
    return client_of("billing")


def test_errors_are_listed_counted_and_decided_on(client: TestClient) -> None:
    page = client.get(
        "/api/integration-errors", params={"integration_name": "codex", "limit": 2, "offset": 249}
    ).json()
    assert (page["total"], len(page["errors"])) == (250, 1)
    one = page["errors"][0]
    assert (one["error_details"], one["status"]) == ({"hours": 0.5}, "open")
    path = f"/api/integration-errors/{one['id']}"
    assert client.post(f"{path}/resolve", json={"notes": "Mended."}).json() == {
        "message": "Resolved 1.",
        "updated": 1,
    }
    (resolved,) = client.get("/api/integration-errors", params={"status": "resolved"}).json()["errors"]
    assert (resolved["id"], resolved["resolution_notes"]) == (one["id"], "Mended. (billing)")
    ids = [
        found["id"] for found in client.get("/api/integration-errors?status=open&limit=3").json()["errors"]
    ]
    many = client.post("/api/integration-errors/bulk-ignore", json={"ids": [*ids, 2**62], "notes": "Fine."})
    assert many.json()["updated"] == 3
    many = client.post("/api/integration-errors/bulk-resolve", json={"ids": ids, "resolution_notes": "So."})
    assert many.json()["updated"] == 3
    summary = client.get("/api/integration-errors/summary").json()
    assert (summary["total"], summary["open"], summary["resolved"], summary["ignored"]) == (251, 247, 1, 3)
    assert sum(kind["count"] for kind in summary["kinds"]) == 251
    assert client.post(f"{path}/ignore", json={"note": "Known."}).json()["updated"] == 1
    found = client.get("/api/integration-errors", params={"status": "ignored", "id": one["id"]}).json()
    assert [error["ignore_notes"] for error in found["errors"]] == ["Known. (billing)"]


def test_the_csv_has_all_that_the_filter_shows_and_no_formula(client: TestClient) -> None:
    answered = client.get("/api/integration-errors.csv", params={"integration_name": "codex"})
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answered.text, newline="")))
    assert rows[0][:7] == [
        "Date",
        "Integration",
        "Operation",
        "Entity Type",
        "External ID",
        "Error Message",
        "Status",
    ]
    assert len(rows) == 251
    assert {row[5][:2] for row in rows[1:]} == {"'="}
    nothing = client.get("/api/integration-errors.csv", params={"integration_name": "none"}).text
    assert len(nothing.splitlines()) == 1


def test_what_cannot_be_is_refused_and_changes_nothing(client: TestClient) -> None:
    for path, body, status in (
        ("/api/integration-errors/1/ignore", {}, 422),
        ("/api/integration-errors/1/ignore", {"notes": "  "}, 422),
        ("/api/integration-errors/1/ignore", {"notes": "x", "id": 2}, 422),
        ("/api/integration-errors/0/ignore", {"notes": "x"}, 422),
        (f"/api/integration-errors/{2**63}/ignore", {"notes": "x"}, 422),
        (f"/api/integration-errors/{2**62}/ignore", {"notes": "x"}, 404),
        ("/api/integration-errors/bulk-ignore", {"ids": [], "notes": "x"}, 422),
        ("/api/integration-errors/bulk-ignore", {"ids": [2**63], "notes": "x"}, 422),
    ):
        answered = client.post(path, json=body)
        assert answered.status_code == status, (path, answered.text)
        assert answered.json()["detail"].endswith(".")
    assert client.get("/api/integration-errors/summary").json()["open"] == 251
