"""Who may ask for what: every route has its line in the table, and every kind of credential is tried on each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
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
_READERS_MAY = (
    "POST /api/bill/accept",
    "GET /api/bill/check-archived/{account}",
    "GET /api/billing/dashboard",
    "GET /api/billing/{account}",
    "GET /api/invoice/{account}/summary",
    "GET /api/plans",
)
_WRITERS_MAY = (
    "POST /api/accruals/process-contracts",
    "GET /api/cfo-sync/metrics",
    "GET /api/cfo-sync/pending",
    "GET /api/integration-errors",
    "GET /api/integration-errors.csv",
    "POST /api/integration-errors/bulk-ignore",
    "POST /api/integration-errors/bulk-resolve",
    "GET /api/integration-errors/summary",
    "POST /api/integration-errors/{error_id}/ignore",
    "POST /api/integration-errors/{error_id}/resolve",
    "POST /api/integrations/fourgeeks/sync-enrollments-from-clients",
    "POST /api/integrations/fourgeeks/sync-students-from-clients",
    "POST /api/integrations/holded/sync-invoices-and-clients",
    "POST /api/integrations/holded/sync-services",
    "POST /api/integrations/notion/sync-page-ids",
    "GET /api/invoice/{invoice_id}/sync-status",
    "POST /api/invoice/{invoice_id}/sync-to-cfo",
    "DELETE /api/overrides/asset/{asset_id}",
    "GET /api/overrides/asset/{asset_id}",
    "POST /api/overrides/asset/{asset_id}",
    "PUT /api/overrides/asset/{asset_id}",
    "DELETE /api/overrides/client/{account}",
    "GET /api/overrides/client/{account}",
    "POST /api/overrides/client/{account}",
    "PUT /api/overrides/client/{account}",
    "GET /api/overrides/features/{account}",
    "POST /api/overrides/features/{account}",
    "PUT /api/overrides/features/{account}",
    "DELETE /api/overrides/features/{account}/{feature_type}",
    "GET /api/overrides/line-items/{account}",
    "POST /api/overrides/line-items/{account}",
    "DELETE /api/overrides/line-items/{account}/{item_id}",
    "PUT /api/overrides/line-items/{account}/{item_id}",
    "GET /api/overrides/manual-assets/{account}",
    "POST /api/overrides/manual-assets/{account}",
    "DELETE /api/overrides/manual-assets/{account}/{item_id}",
    "GET /api/overrides/manual-users/{account}",
    "POST /api/overrides/manual-users/{account}",
    "DELETE /api/overrides/manual-users/{account}/{item_id}",
    "DELETE /api/overrides/user/{user_id}",
    "GET /api/overrides/user/{user_id}",
    "POST /api/overrides/user/{user_id}",
    "PUT /api/overrides/user/{user_id}",
    "GET /api/sync/available-steps",
    "POST /api/sync/execute-step",
    "GET /api/sync/execution-order",
    "GET /api/sync/executions",
    "GET /api/sync/executions/{execution_id}",
)
_SERVICES_MAY = (
    "POST /api/invoice",
    "POST /api/invoice/{invoice_id}/payments",
)
_CLERKS_MAY = (
    "GET /",
    "GET /accruals",
    "GET /accruals/contract",
    "GET /accruals/export",
    "GET /cfo",
    "POST /cfo/correct",
    "POST /cfo/invoices/{invoice_id}/retry",
    "GET /cfo/mappings",
    "POST /cfo/mappings",
    "POST /cfo/payments/settle",
    "POST /cfo/repair",
    "POST /cfo/sync",
    "POST /cfo/verify",
    "GET /client/{account}",
    "GET /client/{account}/changes",
    "GET /client/{account}/export/quickbooks",
    "POST /client/{account}/one-offs",
    "GET /client/{account}/settings",
    "POST /client/{account}/settings/{kind}",
    "GET /client/{account}/statement.pdf",
    "GET /client/{account}/why",
    "GET /dashboard.csv",
    "GET /dashboard.xlsx",
    "GET /errors",
    "POST /errors",
    "GET /history",
    "GET /history/{edit_id}",
    "POST /history/{edit_id}/put-back",
    "GET /invoice/{account}/download",
    "GET /invoices/bulk/download",
    "GET /invoices/bulk/statements.pdf",
    "GET /ledgers",
    "GET /ledgers/export",
    "POST /ledgers/match",
    "GET /ledgers/overdue.pdf",
    "GET /ledgers/party",
    "GET /ledgers/statement.pdf",
    "POST /ledgers/unmatch",
    "GET /periods",
    "POST /periods/close",
    "GET /periods/closing/{request_id}",
    "POST /periods/closing/{request_id}",
    "POST /periods/run",
    "GET /periods/{month}",
    "GET /search",
    "GET /sync",
    "POST /sync",
    "GET /sync/executions/{execution_id}",
    "GET /sync/requests/{request_id}",
    "POST /sync/requests/{request_id}/look",
    "POST /sync/requests/{request_id}/stop",
)
_ADMINS_MAY = (
    "GET /admin/features",
    "POST /admin/features",
    "GET /admin/plans",
    "POST /admin/plans",
    "GET /admin/pullers",
    "POST /admin/pullers/run",
    "GET /admin/pullers/runs/{run_id}",
    "POST /admin/pullers/runs/{run_id}/stop",
    "POST /admin/pullers/schedules/{name}/{switch}",
    "POST /admin/pullers/sensors/{name}/{switch}",
    "GET /admin/settings",
    "POST /periods/reopen",
)
_ANYONE_MAY = (
    "GET /docs",
    "GET /health",
    "GET /login",
    "GET /login/callback",
    "GET /login/callback/{state}",
    "POST /logout",
    # By a token of its own; off without one.
    "GET /metrics",
)
TABLE: Mapping[str, set[str]] = {
    **dict.fromkeys(_READERS_MAY, READERS),
    **dict.fromkeys(_WRITERS_MAY, WRITERS),
    **dict.fromkeys(_SERVICES_MAY, SERVICES),
    **dict.fromkeys(_CLERKS_MAY, CLERKS),
    **dict.fromkeys(_ADMINS_MAY, ADMINS),
    **dict.fromkeys(_ANYONE_MAY, ANYONE),
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
    wrong = []
    client = TestClient(
        app, base_url="http://127.0.0.1:5030", follow_redirects=False, raise_server_exceptions=False
    )
    # Entered once: each request would else begin and end an event loop.
    with client:
        for method, path in routes():
            may = TABLE.get(f"{method} {path}", set())
            for name, token in given.items():
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                status = client.request(method, _address(path), headers=headers).status_code
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


def _address(path: str) -> str:
    """The path with something that there is not in each of its places."""
    known = {"request_id": "00000000-0000-0000-0000-000000000000", "month": "2026-01", "switch": "off"}
    return re.sub(r"{(\w+)}", lambda place: known.get(place[1], "1"), path)
