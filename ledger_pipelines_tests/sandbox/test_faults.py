"""Requests that fail on their way: at the rate asked for, in every way, the same for the same seed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.faults import KINDS
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS
from ledger_pipelines_tests.sandbox.conftest import UNTIL

REQUESTS = 400
RATE = 0.25


def _config(**settings: Any) -> SandboxConfig:
    return SandboxConfig(
        **{"until": UNTIL, "companies": 3, "faults": RATE, "stall_seconds": 0.01, **settings}
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended: with an answer, or without."""

    answer: requests.Response | None
    failure: requests.RequestException | None


def _ask(session: requests.Session, sandbox: Sandbox, *, timeout: float = TIMEOUT_SECONDS) -> Outcome:
    try:
        return Outcome(session.get(f"{sandbox.core_url}/.well-known/jwks.json", timeout=timeout), None)
    except requests.RequestException as failure:
        return Outcome(None, failure)


@pytest.fixture(scope="module")
def faulty() -> Iterator[tuple[Sandbox, list[Outcome]]]:
    """A sandbox that has been asked `REQUESTS` times, and how each ended."""
    with running_sandbox(_config()) as running, requests.Session() as session:
        yield running, [_ask(session, running) for _ in range(REQUESTS)]


def test_faults_come_at_the_rate_and_in_every_way(faulty: tuple[Sandbox, list[Outcome]]) -> None:
    sandbox, _ = faulty
    kinds = Counter(fault.kind for fault in sandbox.journal.faults)
    assert set(kinds) == set(KINDS)
    assert RATE * 0.7 < kinds.total() / REQUESTS < RATE * 1.3


def test_a_client_sees_each_fault_for_what_it_is(faulty: tuple[Sandbox, list[Outcome]]) -> None:
    sandbox, outcomes = faulty
    faults = {fault.request: fault.kind for fault in sandbox.journal.faults}
    for number, outcome in enumerate(outcomes, start=1):
        answer = outcome.answer
        match faults.get(number):
            case "cut" | "timeout":
                assert isinstance(outcome.failure, requests.exceptions.ChunkedEncodingError)
            case "429" | "500" as status:
                assert answer is not None
                assert (answer.status_code, answer.json()["status"]) == (int(status), int(status))
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.json()["instance"] == "/.well-known/jwks.json"
            case "html":
                assert answer is not None
                assert (answer.status_code, answer.text[:15]) == (200, "<!doctype html>")
                assert answer.headers["Content-Type"].startswith("text/html")
            case _:
                assert answer is not None
                assert "keys" in answer.json()


def test_too_many_requests_says_when_to_return_or_zero_or_nothing(
    faulty: tuple[Sandbox, list[Outcome]],
) -> None:
    answers = [outcome.answer for outcome in faulty[1] if outcome.answer is not None]
    waits = {answer.headers.get("Retry-After") for answer in answers if answer.status_code == 429}
    assert waits == {"1", "0", None}


def test_a_stalled_request_outlasts_the_patience_of_a_client() -> None:
    with running_sandbox(_config(faults=1.0, stall_seconds=60.0)) as running, requests.Session() as session:
        while not any(fault.kind == "timeout" for fault in running.journal.faults):
            outcome = _ask(session, running, timeout=0.3)
        assert isinstance(outcome.failure, requests.exceptions.ReadTimeout)
        started = time.monotonic()
    assert time.monotonic() - started < 10, "a stalled request must not keep the sandbox from ending"


def test_faults_are_the_same_for_the_same_seed(faulty: tuple[Sandbox, list[Outcome]]) -> None:
    def first_faults(**settings: Any) -> list[tuple[int, str]]:
        with running_sandbox(_config(**settings)) as running, requests.Session() as session:
            for _ in range(60):
                _ask(session, running)
            return [(fault.request, fault.kind) for fault in running.journal.faults]

    before = [(fault.request, fault.kind) for fault in faulty[0].journal.faults if fault.request <= 60]
    assert first_faults() == before
    assert first_faults(seed=8) != before


def test_requests_are_counted_by_route_and_faults_listed() -> None:
    with running_sandbox(_config(faults=0.0)) as running, requests.Session() as session:
        for path in ("api/companies/100001/assets", "api/companies/100002/assets", "api/companies/bulk"):
            session.get(f"{running.codex_url}/{path}", timeout=TIMEOUT_SECONDS)
        session.get(f"{running.codex_url}/billing-plans/api/plans/A/B", timeout=TIMEOUT_SECONDS)
        seen = session.get(f"{running.base_url}/sandbox/requests", timeout=TIMEOUT_SECONDS).json()

    assert seen == {
        "total": 4,
        "routes": {
            "GET /codex/api/companies/{account}/assets": 2,
            "GET /codex/api/companies/bulk": 1,
            "GET /codex/billing-plans/api/plans/{name}/{term}": 1,
        },
        "faults": [],
    }


def test_healing_ends_all_faults() -> None:
    with running_sandbox(_config(faults=1.0)) as running, requests.Session() as session:
        before = _ask(session, running)
        assert before.answer is None or "keys" not in before.answer.text
        healed = session.post(f"{running.base_url}/sandbox/heal", timeout=TIMEOUT_SECONDS)
        assert (healed.status_code, healed.json()) == (200, {"status": "healed"})
        answers = [_ask(session, running).answer for _ in range(20)]
    assert [answer is not None and answer.status_code for answer in answers] == [200] * 20
