"""Crypto invoices, their payments and the CFO sync over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.api import cfo
from ledger_pipelines.console.context import Console
from ledger_pipelines.errors import LedgerError
from ledger_pipelines_tests.runs.standing_in import StandIn

Clients = Callable[[str | None], TestClient]
INVOICE = {
    "invoice_number": "DPY-2025-10-0001",
    "client_name": "Alps Blockchain",
    "amount_usd": 100.00,
    "crypto_currency": "USDT",
    "crypto_network": "TRC20",
    "crypto_amount": "100.000000000000000001",
    "billing_period": "2025-10 hosting",
    "description": "Hosting",
    "issue_date": "2025-10-01",
    "due_date": "2025-10-31",
    "status": "sent",
}
PAYMENT = {
    "transaction_hash": "0xABCDEF01",
    "currency": "USDT",
    "network": "TRX",
    "amount": "60.5",
    "confirmations": 20,
}


@pytest.fixture
def service(client_of: Clients) -> TestClient:
    return client_of("service")


def _told(service: TestClient) -> str:
    answered = service.post("/api/invoice", json=INVOICE)
    assert answered.status_code == 201, answered.text
    return f"/api/invoice/{answered.json()['id']}"


def test_an_invoice_is_kept_once(service: TestClient) -> None:
    path = _told(service)
    again = service.post("/api/invoice", json=INVOICE | {"amount_usd": "100"})
    assert (again.status_code, f"/api/invoice/{again.json()['id']}") == (200, path)
    for change in ({"amount_usd": 101}, {"client_name": "Other"}, {"due_date": None}, {"crypto_amount": 100}):
        other = service.post("/api/invoice", json=INVOICE | change)
        assert other.status_code == 409, change
        assert next(iter(change)) in other.json()["error"]
    for change in (
        {"amount_usd": 0},
        {"amount_usd": "1.001"},
        {"amount_usd": 10**17},
        {"crypto_amount": "NaN"},
        {"crypto_network": "Solana9"},
        {"status": "paid"},
        {"invoice_number": " "},
        {"issue_date": "soon"},
        {"description": "\u0000"},
    ):
        refused = service.post("/api/invoice", json=INVOICE | {"invoice_number": "X"} | change)
        assert refused.status_code == 422, (change, refused.text)


def test_payments_count_once_and_say_where_the_invoice_stands(service: TestClient) -> None:
    path = _told(service)
    for _ in range(2):
        state = service.post(f"{path}/payments", json=PAYMENT)
        assert state.status_code == 200, state.text
        assert (state.json()["status"], state.json()["received"]) == ("partial", 60.5)
    rest = PAYMENT | {"transaction_hash": "0x99999999", "amount": "39.5", "confirmations": 25}
    paid = service.post(f"{path}/payments", json=rest).json()
    assert (paid["status"], paid["paid_at"][:10]) == ("paid", "2026-03-15")
    other = service.post("/api/invoice", json=INVOICE | {"invoice_number": "DPY-2"}).json()["id"]
    assert service.post(f"/api/invoice/{other}/payments", json=PAYMENT).status_code == 409
    assert service.post("/api/invoice/999/payments", json=PAYMENT).status_code == 404
    assert service.post(f"/api/invoice/{2**31}/payments", json=PAYMENT).status_code == 422
    for change in (
        {"amount": 0},
        {"confirmations": -1},
        {"network": "Mars"},
        {"currency": "BTC"},
        {"confirmations": 2**31},
    ):
        assert service.post(f"{path}/payments", json=PAYMENT | change).status_code == 422, change


def test_only_services_tell_of_invoices(client_of: Clients) -> None:
    assert client_of("admin").post("/api/invoice", json=INVOICE).status_code == 403


def test_how_a_sync_stands(service: TestClient, console: Console) -> None:
    path = _told(service)
    status = service.get(f"{path}/sync-status").json()
    assert (status["invoice_status"], status["sync_status"], status["cfo_transaction_id"]) == (
        "sent",
        "pending",
        None,
    )
    assert service.post(f"{path}/sync-to-cfo").status_code == 409
    assert service.post("/api/invoice/999/sync-to-cfo").status_code == 404
    assert service.get("/api/invoice/999/sync-status").status_code == 404
    service.post(f"{path}/payments", json=PAYMENT | {"amount": 100})
    waiting = service.get("/api/cfo-sync/pending").json()
    assert waiting["count"] == 1
    assert (waiting["invoices"][0]["sync_status"], waiting["invoices"][0]["amount_usd"]) == ("pending", 100.0)
    assert '"amount_usd":100.00' in service.get("/api/cfo-sync/pending").text
    metrics = service.get("/api/cfo-sync/metrics").json()
    assert (metrics["pending"], metrics["failed"], metrics["exhausted"]) == (1, 0, 0)
    assert metrics["average_lag_seconds"] is None


def test_handing_over_is_a_run_and_what_it_came_to_is_the_answer(
    service: TestClient, console: Console
) -> None:
    dagster = StandIn()
    service.app.state.dagster = dagster  # type: ignore[attr-defined]
    path = _told(service)
    service.post(f"{path}/payments", json=PAYMENT | {"amount": 100})
    begun = service.post(f"{path}/sync-to-cfo?wait=false")
    assert (begun.status_code, begun.json()["sync_status"]) == (202, "pending"), begun.text
    assert begun.headers["location"] == f"{path}/sync-status"
    number = int(path.rpartition("/")[2])
    assert dagster.asked[0]["config"] == {
        "cfo_transactions": {"invoices": [f"#{number}"], "force": False, "correct": False}
    }
    assert service.post(f"{path}/sync-to-cfo?wait=false").status_code == 202
    assert len(dagster.launched) == 1
    dagster.become("run-1", "FAILURE")
    with console.database.connect() as connection:
        connection.execute(
            """INSERT INTO crypto_invoice_cfo_sync (invoice_id, sync_status, sync_error, retryable)
               VALUES (%s, 'failed', 'Too long.', false)""",
            [number],
        )
    refused = service.post(f"{path}/sync-to-cfo")
    assert (refused.status_code, "Too long." in refused.json()["error"]) == (409, True)
    with console.database.connect() as connection:
        connection.execute(
            """UPDATE crypto_invoice_cfo_sync SET sync_status = 'synced', cfo_transaction_id = 45678, sync_error = NULL,
                      sync_timestamp = now(), entity_mapped = 'E', category_mapped = 'Revenue' WHERE invoice_id = %s""",
            [number],
        )
        connection.execute("UPDATE crypto_invoices SET status = 'complete' WHERE id = %s", [number])
    status = service.get(f"{path}/sync-status").json()
    assert (status["sync_status"], status["cfo_transaction_id"], status["invoice_status"]) == (
        "synced",
        45678,
        "complete",
    )
    assert service.get("/api/cfo-sync/pending").json()["count"] == 0


def test_a_cfo_that_hangs_is_not_waited_for_longer_than_the_gateway_waits(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _told(service)
    service.post(f"{path}/payments", json=PAYMENT | {"amount": "100"})
    over, began = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        began.set()
        over.wait(30)
        raise LedgerError("It is too late.")

    monkeypatch.setattr(cfo, "plan_cfo_sync", hang)
    monkeypatch.setattr(cfo, "_LOOK_SECONDS", 0.05)
    answered = service.post(f"{path}/sync-to-cfo?wait=false")
    assert (answered.status_code, answered.headers["location"]) == (202, f"{path}/sync-status")
    assert answered.json()["sync_status"] == "pending"
    assert began.wait(10)
    over.set()
    refused = service.post(f"{path}/sync-to-cfo")
    assert (refused.status_code, refused.json()["error"]) == (409, "It is too late.")
