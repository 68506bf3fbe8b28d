"""Core and Codex refuse as the real ones were recorded to: status, headers, body, to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.tokens import Signer
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import RECORDS_ONLY, Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL

Ask = Callable[[Client], requests.Response]
_SERVICE = {"sub": "service:ledger", "type": "service"}


def _forged() -> str:
    """A token of a key that Core does not publish; to Codex that is the same as not having Core's keys."""
    stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return jwt.encode(jwt.decode(_good(), options={"verify_signature": False}), stranger, algorithm="RS256")


def _good() -> str:
    return Signer().service_token("ledger", "codex")


def _with_token(make: Callable[[], str]) -> Ask:
    return lambda client: client.codex("/api/companies", authorisation=f"Bearer {make()}")


def _with_header(value: str) -> Ask:
    return lambda client: client.codex("/api/companies", authorisation=value)


def _ask_core(**arguments: Any) -> Ask:
    return lambda client: client.core("POST", "/service-token", **arguments)


#: For Codex, a key of Core's that it has not read is as good as a stranger's.
_CORE_DOWN = "GET /api/companies with a good token, while Core is down and Codex has not yet read its keys"
_REQUESTS: dict[str, Ask] = {
    "GET /api/companies, with a token whose signature is wrong": _with_token(_forged),
    "GET /api/companies, Authorization: Bearer nonsense": _with_header("Bearer nonsense"),
    "GET /api/companies, Authorization: Bearer (nothing after it)": _with_header("Bearer"),
    "GET /api/companies, Authorization: Basic abc": _with_header("Basic abc"),
    "GET /api/companies, without Authorization": _with_header(""),
    "GET /api/companies, with an expired service token": _with_token(
        lambda: Signer().sign(_SERVICE, seconds=-1)
    ),
    "GET /api/companies, with a token of another issuer": _with_token(
        lambda: Signer().sign(_SERVICE | {"iss": "somebody-else"}, seconds=300)
    ),
    _CORE_DOWN: _with_token(_forged),
    "GET /billing-plans/api/plans/Legacy%20Gold/1%20Year": lambda client: client.codex(
        "/billing-plans/api/plans/Legacy%20Gold/1%20Year"
    ),
    "GET /api/companies/999999/assets": lambda client: client.codex("/api/companies/999999/assets"),
    "GET /no/such/route": lambda client: client.codex("/no/such/route"),
    "GET /api/companies/ (trailing slash)": lambda client: client.codex("/api/companies/"),
    "POST /api/companies (a method it does not have)": lambda client: client.codex(
        "/api/companies", method="POST"
    ),
    'POST Core /service-token {"calling_service": "ledger"}': _ask_core(json={"calling_service": "ledger"}),
    'POST Core /service-token {"calling_service": "nobody", "target_service": "codex"}': _ask_core(
        json={"calling_service": "nobody", "target_service": "codex"}
    ),
    'POST Core /service-token {"calling_service": "Ledger!", "target_service": "codex"}': _ask_core(
        json={"calling_service": "Ledger!", "target_service": "codex"}
    ),
    "POST Core /service-token, not JSON": _ask_core(data="calling_service=ledger"),
    "POST Core /service-token []": _ask_core(json=[]),
}
#: Refusals that take a sandbox in another state; each has a test of its own.
_ELSEWHERE = ("GET /api/companies/bulk?include_tickets", "the company of that asset", "the 501st time")


@pytest.fixture(scope="module")
def refusals(recorded: dict[str, Any]) -> dict[str, dict[str, Any]]:
    every = [*recorded["errors"], recorded["unauthorized"], recorded["unknown_company"]]
    return {refusal["request"]: refusal for refusal in every}


def _assert_as_recorded(answer: requests.Response, refusal: dict[str, Any], *, instance: str = "") -> None:
    body = refusal["body"] | ({"instance": instance} if instance else {})
    assert (answer.status_code, answer.json()) == (refusal["status"], body)
    assert answer.headers["Content-Type"] == refusal["headers"]["Content-Type"]
    assert "WWW-Authenticate" not in answer.headers
    assert "Retry-After" not in answer.headers
    assert len(answer.headers["X-Correlation-ID"]) == len(refusal["headers"]["X-Correlation-ID"])
    if not instance:
        assert answer.headers["Content-Length"] == refusal["headers"]["Content-Length"]


@pytest.mark.parametrize("request_line", _REQUESTS)
def test_refusal_is_the_recorded_one(
    request_line: str, client: Client, refusals: dict[str, dict[str, Any]]
) -> None:
    _assert_as_recorded(_REQUESTS[request_line](client), refusals[request_line])


def test_every_recorded_refusal_is_compared(refusals: dict[str, dict[str, Any]]) -> None:
    left = [line for line in refusals if line not in _REQUESTS]
    assert len(left) == len(_ELSEWHERE)
    assert all(any(part in line for part in _ELSEWHERE) for line in left)


@pytest.mark.parametrize("authorisation", ["bearer {}", "BEARER {}", "Bearer  {}", "Token {}"])
def test_bearer_is_accepted_in_that_spelling_only(client: Client, authorisation: str) -> None:
    answer = client.codex("/api/companies", authorisation=authorisation.format(_good()))
    assert answer.status_code == 401


@pytest.fixture
def strained() -> Iterator[Client]:
    """A Codex with one asset that it fails over, and a limit of three requests a minute."""
    config = SandboxConfig(until=UNTIL, companies=12, faults=RECORDS_ONLY, rate_limit=3)
    with running_sandbox(config) as running, requests.Session() as session:
        yield Client(running, session)


def test_bulk_and_the_broken_company_fail_over_one_broken_asset(
    strained: Client, refusals: dict[str, dict[str, Any]]
) -> None:
    bulk = next(refusal for line, refusal in refusals.items() if _ELSEWHERE[0] in line)
    answer = strained.codex("/api/companies/bulk?include_tickets=true&year=2025")
    _assert_as_recorded(answer, bulk)

    broken = next(record for record in strained.sandbox.malformed if record.entity == "assets")
    path = f"/api/companies/{broken.account_number}"
    assets = next(refusal for line, refusal in refusals.items() if _ELSEWHERE[1] in line)
    _assert_as_recorded(strained.codex(f"{path}/assets"), assets, instance=f"{path}/assets")
    assert strained.codex(path).status_code == 200
    assert strained.codex(f"{path}/contacts").status_code == 200


def test_requests_over_the_limit_fail_for_that_route_alone(
    strained: Client, refusals: dict[str, dict[str, Any]]
) -> None:
    within = [strained.codex(f"/api/companies/99999{number}/locations") for number in range(3)]
    over = strained.codex("/api/companies/999999/locations")

    assert [answer.status_code for answer in within] == [404, 404, 404]
    limit = next(refusal for line, refusal in refusals.items() if _ELSEWHERE[2] in line)
    _assert_as_recorded(over, limit)
    assert strained.codex("/api/companies/999999/contacts").status_code == 404
