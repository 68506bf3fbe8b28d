"""`/health` answers quickly whatever hangs, and says what is down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.pulses import Pulse, Pulses
from ledger_pipelines.store.database import Database


def test_anyone_is_told_that_the_database_answers(client_of: Callable[[str | None], TestClient]) -> None:
    client = client_of(None)
    answers = [client.get("/health") for _ in range(20)]
    found = answers[-1].json()
    assert (answers[-1].status_code, found["database"]) == (200, "up"), found
    assert found["status"] in ("healthy", "degraded")


def test_a_database_that_is_not_there_is_named(console: Console) -> None:
    assert TestClient(create_app(console)).get("/health").status_code == 200
    # What one console knows is none of another's.
    away = replace(console, database=Database("postgresql://nobody@127.0.0.1:1/none"), pulses=Pulses())
    answered = TestClient(create_app(away)).get("/health")
    assert (answered.status_code, answered.json()["status"], answered.json()["down"][0]) == (
        503,
        "unhealthy",
        "database",
    )


def test_what_hangs_is_waited_for_shortly_and_asked_once() -> None:
    over, asked = threading.Event(), []

    def hang() -> bool:
        asked.append(1)
        return over.wait(30)

    pulse = Pulse(hang)
    began = time.monotonic()
    assert [pulse.state(wait=0.05, fresh=0.0) for _ in range(3)] == ["down"] * 3
    assert pulse.state() == "unknown"
    assert time.monotonic() - began < 5
    assert asked == [1]
    over.set()
    assert pulse.state(wait=10, fresh=0.0) == "up"
