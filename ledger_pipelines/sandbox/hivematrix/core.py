"""Core's stand-in: tokens for services, its public keys, and (only here) tokens for people."""

from __future__ import annotations

import re
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.hivematrix import tokens
from ledger_pipelines.sandbox.hivematrix.refusals import (
    UnexpectedError,
    json_answer,
    unexpected,
    unknown_route,
)

#: The services that Core knows. The recorded Core knew more; `ledger` is the one that asks.
_SERVICES = frozenset({"archive", "beacon", "brainhair", "codex", "core", "helm", "ledger", "nexus"})
_SERVICE_NAME = re.compile(r"[A-Za-z0-9_-]+")


def core_app() -> Starlette:
    """Core, to be mounted under its prefix."""
    app = Starlette(
        routes=[
            Route("/service-token", _service_token, methods=["POST"]),
            Route("/user-token", _user_token, methods=["POST"]),
            Route("/.well-known/jwks.json", _jwks),
            Route("/health", _health),
        ],
        exception_handlers={404: unknown_route, 405: unexpected, UnexpectedError: unexpected},
    )
    app.router.redirect_slashes = False
    return app


async def _json_object(request: Request) -> dict[str, Any]:
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


async def _service_token(request: Request) -> Response:
    body = await _json_object(request)
    calling, target = body.get("calling_service"), body.get("target_service")
    if not calling or not target:
        return json_answer({"error": "calling_service and target_service are required"}, 400)
    if not isinstance(calling, str) or not isinstance(target, str):
        raise UnexpectedError
    if not _SERVICE_NAME.fullmatch(calling):
        return json_answer({"error": "Invalid calling_service format"}, 400)
    if calling not in _SERVICES:
        return json_answer({"error": "Unknown calling_service"}, 400)
    return json_answer({"token": tokens.service_token(calling, target)})


async def _user_token(request: Request) -> Response:
    """A stand-in for signing in, which the real Core does not have: anybody may be anybody."""
    body = await _json_object(request)
    user, level = body.get("user"), body.get("permission_level")
    if not isinstance(user, str) or not user:
        return json_answer({"error": "user is required"}, 400)
    if level not in tokens.PERMISSION_LEVELS:
        choices = ", ".join(tokens.PERMISSION_LEVELS)
        return json_answer({"error": f"permission_level must be one of: {choices}"}, 400)
    return json_answer({"token": tokens.user_token(user, level)})


async def _jwks(_: Request) -> Response:
    return json_answer(tokens.key_set())


async def _health(_: Request) -> Response:
    return json_answer({"service": "core", "status": "healthy"})
