"""The sandbox's own endpoints under `/sandbox`, for tests and the curious; no real system has them."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.journal import Journal
from ledger_pipelines.sandbox.malformed import Malformed
from ledger_pipelines.sandbox.refusals import json_answer


def control_app(malformed: list[Malformed], journal: Journal, heal: Callable[[], None]) -> Starlette:
    """`GET /malformed`, `GET /requests`, `POST /heal`, without authorisation."""

    async def list_malformed(_: Request) -> Response:
        return json_answer([record.as_json() for record in malformed])

    async def list_requests(_: Request) -> Response:
        return json_answer(journal.as_json())

    async def mend(_: Request) -> Response:
        heal()
        return json_answer({"status": "healed"})

    return Starlette(
        routes=[
            Route("/malformed", list_malformed),
            Route("/requests", list_requests),
            Route("/heal", mend, methods=["POST"]),
        ]
    )
