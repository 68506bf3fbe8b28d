"""Core's tokens: what they say, how long they are good for, with which key they are verified."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from ledger_pipelines_tests.sandbox import Client


def _verified(client: Client, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, verified with the published keys alone."""
    keys = jwt.PyJWKSet.from_dict(client.core("GET", "/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, keys[header["kid"]], algorithms=["RS256"], issuer="hivematrix-core")
    return header, claims


def test_service_token_has_the_recorded_header_and_claims(client: Client, recorded: dict[str, Any]) -> None:
    header, claims = _verified(client, client.token())
    real = recorded["service_token_claims"]

    assert header == real["header"]
    times = ("iat", "exp")
    assert {key: claims[key] for key in claims if key not in times} == {
        key: value for key, value in real["claims"].items() if key not in times
    }
    assert set(claims) == set(real["claims"])
    assert claims["exp"] - claims["iat"] == real["claims"]["exp"] - real["claims"]["iat"] == 300


def test_key_set_is_like_the_recorded_one(client: Client, recorded: dict[str, Any]) -> None:
    (key,) = client.core("GET", "/.well-known/jwks.json").json()["keys"]
    (real,) = recorded["jwks"]["keys"]

    assert key.keys() == real.keys()
    assert {**key, "n": ""} == {**real, "n": ""}
    assert len(key["n"]) == len(real["n"])
    assert key["n"] != real["n"], "the sandbox must not use a key of anybody else's"


@pytest.mark.parametrize("level", ["admin", "technician", "billing", "client"])
def test_user_token_carries_who_and_what_they_may(client: Client, level: str) -> None:
    answer = client.core("POST", "/user-token", json={"user": "maren", "permission_level": level})
    _, claims = _verified(client, answer.json()["token"])

    assert (claims["sub"], claims["permission_level"], claims["type"]) == ("maren", level, "user")
    assert claims["exp"] - claims["iat"] == 8 * 60 * 60


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"permission_level": "billing"}, "user is required"),
        ({"user": "", "permission_level": "billing"}, "user is required"),
        (
            {"user": "maren", "permission_level": "owner"},
            "permission_level must be one of: admin, technician, billing, client",
        ),
    ],
)
def test_user_token_is_refused_without_a_user_or_a_known_level(
    client: Client, body: dict[str, str], refusal: str
) -> None:
    answer = client.core("POST", "/user-token", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": refusal})


def test_health_of_core_is_good_and_of_codex_degraded(client: Client) -> None:
    assert client.core("GET", "/health").status_code == 200
    degraded = client.codex("/health", authorisation="")
    assert (degraded.status_code, degraded.json()["status"]) == (503, "degraded")
