"""Core's stand-in for people: signing in by one click as anybody of a few, signing out, and single tokens.

The real Core has Keycloak ask for a password in between, and keeps sessions by a token's `jti`; as there, the token
comes back in the address that `next` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ledger_pipelines.sandbox.hivematrix.refusals import UnexpectedError, json_answer
from ledger_pipelines.sandbox.hivematrix.tokens import Signer

#: Whom one may be, each with the level that Core gives.
PEOPLE: Mapping[str, str] = {
    "clerk": "billing",
    "admin": "admin",
    "technician": "technician",
    "client": "client",
}
_NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}
li{{margin:.5rem 0}}</style></head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body. Core fails over one that is not a JSON object, or is not called JSON."""
    if not request.headers.get("content-type", "").partition(";")[0].strip().lower().endswith("json"):
        raise UnexpectedError
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise UnexpectedError from error
    if not isinstance(body, dict):
        raise UnexpectedError
    return body


def sign_in_routes(signer: Signer) -> list[Route]:
    """`/login`, `/auth` (what a click on its page asks), `/logout`, and what is asked of a token."""

    async def login(request: Request) -> Response:
        following = request.query_params.get("next", "")
        links = "".join(
            f'<li><a href="auth?{escape(urlencode({"user": user, "next": following}))}">'
            f"{user} ({level})</a></li>"
            for user, level in PEOPLE.items()
        )
        body = f"<p>This is the sandbox: choose who you are.</p><ul>{links}</ul>"
        return HTMLResponse(_PAGE.format(title="Sign in to HiveMatrix", body=body), headers=_NO_STORE)

    async def auth(request: Request) -> Response:
        user, following = (request.query_params.get(name, "") for name in ("user", "next"))
        if user not in PEOPLE or urlsplit(following).scheme not in {"http", "https"}:
            body = "<p>Name a user of the sandbox, and the address to come back to.</p>"
            page = _PAGE.format(title="Sign in to HiveMatrix", body=body)
            return HTMLResponse(page, HTTPStatus.BAD_REQUEST, headers=_NO_STORE)
        # Appended whatever the address has already, as Core does.
        address = f"{following}?token={signer.user_token(user, PEOPLE[user])}"
        return RedirectResponse(address, HTTPStatus.FOUND, headers=_NO_STORE)

    async def logout(request: Request) -> Response:
        following = request.query_params.get("redirect", "")
        if urlsplit(following).scheme in {"http", "https"}:
            return RedirectResponse(following, HTTPStatus.FOUND, headers=_NO_STORE)
        return HTMLResponse(_PAGE.format(title="Signed out", body=""), headers=_NO_STORE)

    async def validate(request: Request) -> Response:
        token = await _token(request)
        if not token:
            return json_answer({"error": "No token provided", "valid": False}, HTTPStatus.BAD_REQUEST)
        try:
            claims = signer.claims(token)
        except jwt.ExpiredSignatureError:
            return json_answer({"error": "Token expired", "valid": False}, HTTPStatus.UNAUTHORIZED)
        except jwt.InvalidTokenError as error:
            return json_answer({"error": f"Invalid token: {error}", "valid": False}, HTTPStatus.UNAUTHORIZED)
        if "jti" not in claims:
            answer = {"error": "Token has no session ID", "valid": False}
            return json_answer(answer, HTTPStatus.UNAUTHORIZED)
        if claims["jti"] in signer.revoked:
            answer = {"error": "Session expired or revoked", "valid": False}
            return json_answer(answer, HTTPStatus.UNAUTHORIZED)
        names = ("sub", "name", "email", "preferred_username", "permission_level", "groups")
        return json_answer({"valid": True, "user": {name: claims.get(name) for name in names}})

    async def revoke(request: Request) -> Response:
        token = await _token(request)
        if not token:
            return json_answer({"error": "No token provided"}, HTTPStatus.BAD_REQUEST)
        try:
            claims = signer.claims(token, even_expired=True)
        except jwt.InvalidTokenError as error:
            return json_answer({"error": f"Invalid token: {error}"}, HTTPStatus.UNAUTHORIZED)
        if "jti" not in claims:
            return json_answer({"error": "Token has no session ID"}, HTTPStatus.BAD_REQUEST)
        if claims["jti"] in signer.revoked:
            answer = {"message": "Session not found or already revoked"}
            return json_answer(answer, HTTPStatus.NOT_FOUND)
        signer.revoked.add(claims["jti"])
        return json_answer({"message": "Session revoked successfully"})

    return [
        Route("/login", login),
        Route("/auth", auth),
        Route("/logout", logout),
        Route("/api/token/validate", validate, methods=["POST"]),
        Route("/api/token/revoke", revoke, methods=["POST"]),
    ]


async def _token(request: Request) -> str:
    """The token that is asked about: the body's, else the bearer."""
    token = (await json_object(request)).get("token")
    if isinstance(token, str) and token:
        return token
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme == "Bearer" else ""
