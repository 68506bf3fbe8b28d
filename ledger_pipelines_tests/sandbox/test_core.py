"""Core's tokens: what they say, how long they are good for, with which key they are verified."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import jwt
import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL


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

    assert (claims["preferred_username"], claims["permission_level"]) == ("maren", level)
    assert claims.keys() == {
        *("iss", "sub", "jti", "name", "email", "preferred_username", "permission_level", "groups"),
        *("iat", "exp"),
    }
    assert claims["exp"] - claims["iat"] == 60 * 60


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


def test_a_click_comes_back_with_a_token_that_holds_until_it_is_revoked(client: Client) -> None:
    back = "http://127.0.0.1:5030/login/callback/abc"
    page = client.core("GET", "/login", params={"next": back}).text
    (link,) = [one for one in re.findall(r'href="([^"]+)"', page) if "user=clerk" in one]
    answer = client.core("GET", "/" + unescape(link), allow_redirects=False)
    address, _, token = answer.headers["Location"].partition("?token=")
    assert (answer.status_code, address) == (302, back)
    _, claims = _verified(client, token)
    assert (claims["preferred_username"], claims["permission_level"]) == ("clerk", "billing")

    def ask(what: str) -> tuple[int, Any]:
        answer = client.core("POST", f"/api/token/{what}", json={"token": token})
        return answer.status_code, answer.json()

    status, body = ask("validate")
    assert (status, body["valid"], body["user"]["sub"]) == (200, True, claims["sub"])
    assert ask("revoke") == (200, {"message": "Session revoked successfully"})
    assert ask("validate") == (401, {"error": "Session expired or revoked", "valid": False})
    assert ask("revoke")[0] == 404
    assert client.core("POST", "/api/token/validate", json={"token": "nonsense"}).status_code == 401
    assert client.core("POST", "/api/token/revoke", json={}).status_code == 400


def test_the_sign_in_page_writes_what_it_was_given_as_text(client: Client) -> None:
    page = client.core("GET", "/login", params={"next": '"><script>x</script>'}).text
    assert "<script" not in page
    assert client.core("GET", "/auth", params={"user": "clerk", "next": "javascript:x"}).status_code == 400


def test_a_key_changes_under_its_old_id() -> None:
    with running_sandbox(SandboxConfig(until=UNTIL, companies=1)) as sandbox, requests.Session() as session:
        client = Client(sandbox, session)
        before = client.core("POST", "/user-token", json={"user": "a", "permission_level": "admin"}).json()
        old = client.core("GET", "/.well-known/jwks.json").json()["keys"]
        session.post(f"{sandbox.base_url}/sandbox/change-key", timeout=20)
        new = client.core("GET", "/.well-known/jwks.json").json()["keys"]
        assert old[0]["kid"] == new[0]["kid"]
        assert old[0]["n"] != new[0]["n"]
        with pytest.raises(jwt.InvalidSignatureError):
            _verified(client, before["token"])
        assert client.codex("/api/companies").status_code == 200
