"""Core's stand-in: tokens for services and people, and its public keys."""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.hivematrix.refusals import (
    UnexpectedError,
    json_answer,
    unexpected,
    unknown_route,
)
from ledger_pipelines.sandbox.hivematrix.sign_in import json_object, sign_in_routes
from ledger_pipelines.sandbox.hivematrix.tokens import PERMISSION_LEVELS, Signer

#: The services that Core knows. The recorded Core knew more; `ledger` is the one that asks.
_SERVICES = frozenset({"archive", "beacon", "brainhair", "codex", "core", "helm", "ledger", "nexus"})
_SERVICE_NAME = re.compile(r"[A-Za-z0-9_-]+")


def core_app(signer: Signer) -> Starlette:
    """Core, to be mounted under its prefix."""

    async def service_token(request: Request) -> Response:
        body = await json_object(request)
        calling, target = body.get("calling_service"), body.get("target_service")
        if not calling or not target:
            return json_answer({"error": "calling_service and target_service are required"}, 400)
        if not isinstance(calling, str) or not isinstance(target, str):
            raise UnexpectedError
        if not _SERVICE_NAME.fullmatch(calling):
            return json_answer({"error": "Invalid calling_service format"}, 400)
        if calling not in _SERVICES:
            return json_answer({"error": "Unknown calling_service"}, 400)
        return json_answer({"token": signer.service_token(calling, target)})

    async def user_token(request: Request) -> Response:
        """Signing in without a page, which the real Core does not have: anybody may be anybody."""
        body = await json_object(request)
        user, level, groups = (body.get(name) for name in ("user", "permission_level", "groups"))
        if not isinstance(user, str) or not user:
            return json_answer({"error": "user is required"}, 400)
        if level not in PERMISSION_LEVELS:
            choices = ", ".join(PERMISSION_LEVELS)
            return json_answer({"error": f"permission_level must be one of: {choices}"}, 400)
        if groups is not None and not isinstance(groups, list):
            return json_answer({"error": "groups must be a list"}, 400)
        return json_answer({"token": signer.user_token(user, level, groups)})

    async def jwks(_: Request) -> Response:
        return json_answer(signer.key_set())

    app = Starlette(
        routes=[
            Route("/service-token", service_token, methods=["POST"]),
            Route("/user-token", user_token, methods=["POST"]),
            Route("/.well-known/jwks.json", jwks),
            Route("/health", _health),
            *sign_in_routes(signer),
        ],
        exception_handlers={404: unknown_route, 405: unexpected, UnexpectedError: unexpected},
    )
    app.router.redirect_slashes = False
    return app


async def _health(_: Request) -> Response:
    return json_answer({"service": "core", "status": "healthy"})
