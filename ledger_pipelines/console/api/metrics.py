"""`GET /metrics`: the ledger in Prometheus' text format, for clients that send LEDGER_METRICS_TOKEN; off without it.

A token of its own, because a scraper keeps one for years and Core's are for hours, and because a request that a reverse
proxy passes on comes from loopback, too.
"""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.problems import Refused, problems

router = APIRouter(route_class=ExactRoute, tags=["health"])
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}, "description": "The numbers."}}


@router.get("/metrics", response_class=Response, responses={**_TEXT, **problems(401, 404)})
def metrics(request: Request, console: ConsoleDep) -> Response:
    """The ledger's numbers for Prometheus, with the bearer token of LEDGER_METRICS_TOKEN."""
    token = console.settings.metrics_token
    if token is None:
        raise Refused(
            404, "Metrics are off: set LEDGER_METRICS_TOKEN to let a Prometheus with this token read them."
        )
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    expected = token.get_secret_value().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
        raise Refused(
            401, "Metrics take the bearer token of LEDGER_METRICS_TOKEN.", {"WWW-Authenticate": "Bearer"}
        )
    return Response(request.app.state.meter.text(), media_type=CONTENT_TYPE_LATEST)
