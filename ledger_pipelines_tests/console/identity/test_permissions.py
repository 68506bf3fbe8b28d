"""Who may ask for what: every route has its line in the table, and every kind of credential is tried on each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from ledger_pipelines.console.api import ROUTERS as API_ROUTERS
from ledger_pipelines.console.pages import ROUTERS as PAGE_ROUTERS
from ledger_pipelines.sandbox.hivematrix.tokens import KEY_ID, Signer, new_key
from ledger_pipelines.sandbox.server import Sandbox

PEOPLE = {"client", "technician", "billing", "admin"}
READERS = {"technician", "billing", "admin", "service"}
WRITERS = {"billing", "admin", "service"}
CLERKS = {"billing", "admin"}
ADMINS = {"admin"}
SERVICES = {"service"}
ANYONE = {"nobody", *PEOPLE, "service"}
GOOD = (*sorted(PEOPLE), "service")

#: Each route and who may ask it.
TABLE: Mapping[str, set[str]] = {
    "GET /docs": ANYONE,
    "GET /login": ANYONE,
    "GET /login/callback": ANYONE,
    "GET /login/callback/{state}": ANYONE,
    "POST /logout": ANYONE,
    "GET /accruals": CLERKS,
    "GET /accruals/contract": CLERKS,
    "GET /accruals/export": CLERKS,
    "GET /ledgers": CLERKS,
    "GET /ledgers/export": CLERKS,
    "GET /ledgers/party": CLERKS,
    "POST /ledgers/match": CLERKS,
    "POST /ledgers/unmatch": CLERKS,
    "GET /periods": CLERKS,
    "GET /periods/{month}": CLERKS,
    "GET /periods/closing/{request_id}": CLERKS,
    "POST /periods/close": CLERKS,
    "POST /periods/closing/{request_id}": CLERKS,
    "POST /periods/run": CLERKS,
    "POST /periods/reopen": ADMINS,
}


def routes() -> Iterator[tuple[str, str]]:
    """The method and path of every route of our own."""
    for router in (*API_ROUTERS, *PAGE_ROUTERS):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods):
                yield method, route.path


def credentials(core: Sandbox) -> dict[str, str | None]:
    """A bearer of each kind; those that are no good under names that are in no line of the table."""
    signer = core.signer
    claims = jwt.decode(signer.user_token("ada", "admin"), options={"verify_signature": False})
    now = int(time.time())
    public = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(header: Mapping[str, object], key: bytes | None) -> str:
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)
        ]
        text = b".".join(parts)
        mac = b"" if key is None else base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest())
        return (text + b"." + mac.rstrip(b"=")).decode()

    good = {level: signer.user_token("ada", level) for level in PEOPLE}
    headers = {"kid": KEY_ID}
    return {
        "nobody": None,
        **good,
        "service": signer.service_token("codex", "ledger"),
        "expired": signer.sign({**claims, "exp": now}, seconds=-60),
        "unsigned": good["admin"].rpartition(".")[0] + ".",
        "none": signed({"alg": "none", "typ": "JWT", "kid": KEY_ID}, None),
        "HMAC-confused": signed({"alg": "HS256", "typ": "JWT", "kid": KEY_ID}, public),
        "wrong issuer": signer.sign({**claims, "iss": "hivematrix-helm"}, seconds=60),
        "unknown key": jwt.encode(claims, new_key(), algorithm="RS256", headers={"kid": "another"}),
        "another key under the known id": jwt.encode(claims, new_key(), algorithm="RS256", headers=headers),
        "its own key beside it": jwt.encode(
            claims, new_key(), algorithm="RS256", headers=headers | {"jwk": Signer(new_key()).key_set()}
        ),
        "a service for another": signer.service_token("codex", "archive"),
    }


def test_every_route_is_in_the_table() -> None:
    assert sorted(f"{method} {path}" for method, path in routes()) == sorted(TABLE)


def test_each_route_opens_for_whom_the_table_says(app: FastAPI, core: Sandbox) -> None:
    given = credentials(core)
    client = TestClient(
        app, base_url="http://127.0.0.1:5030", follow_redirects=False, raise_server_exceptions=False
    )
    wrong = []
    for method, path in routes():
        may = TABLE.get(f"{method} {path}", set())
        address = path.replace("{request_id}", "00000000-0000-0000-0000-000000000000").replace(
            "{month}", "2026-01"
        )
        for name, token in given.items():
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            status = client.request(method, address, headers=headers).status_code
            if may == ANYONE:
                # For whoever comes: it opens nothing, whatever is brought.
                is_right = status != 403
            elif name in may:
                is_right = status not in (401, 403)
            else:
                is_right = status == (403 if name in GOOD else 401)
            if not is_right:
                wrong.append((method, path, name, status))
    assert wrong == []
