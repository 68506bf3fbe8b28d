"""The sandbox's own endpoints under `/sandbox`, for tests and the curious; no real system has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_pipelines.sandbox.degraded import Degradation, UnknownWayError
from ledger_pipelines.sandbox.hivematrix.malformed import Malformed
from ledger_pipelines.sandbox.hivematrix.refusals import json_answer
from ledger_pipelines.sandbox.holded.lists import FAULTS, LISTS, HoldedLists
from ledger_pipelines.sandbox.journal import Journal

#: The system that is meant when `GET /malformed` names none.
_FIRST_SYSTEM = "codex"


@dataclass(frozen=True, slots=True)
class Controls:
    """What the endpoints show, and what they do. `malformed` has a list for each system."""

    malformed: Mapping[str, list[Malformed]]
    journal: Journal
    degradation: Degradation
    heal: Callable[[], None]
    publish_news: Callable[[], int]
    expire_logins: Callable[[], None]
    change_key: Callable[[], None]
    holded_lists: HoldedLists
    go_back_to: Callable[[date | None], None]


def control_app(controls: Controls) -> Starlette:
    """`GET /malformed` and `/requests`, each of one `system` if asked so; `POST /heal`, `/news`, `/expire-logins`;
    `/change-key`, from which on Core signs with another key under the same id;
    `/degrade` with a `list` and a `way` (`degraded`), until it is healed; `/holded-lists`, which gives a `list` of
    Holded's a `fault` (none of the parameters: ends them all); `/as-of`, from which on Codex shows the devices and people
    of a `day` (none: of the present). All without authorisation. `/malformed` shows Codex's
    records unless told otherwise.
    """

    async def list_malformed(request: Request) -> Response:
        system = request.query_params.get("system", _FIRST_SYSTEM)
        if system not in controls.malformed:
            return json_answer({"error": f"system must be one of: {', '.join(controls.malformed)}"}, 400)
        return json_answer([record.as_json() for record in controls.malformed[system]])

    async def list_requests(request: Request) -> Response:
        return json_answer(controls.journal.as_json(request.query_params.get("system")))

    async def mend(_: Request) -> Response:
        controls.heal()
        return json_answer({"status": "healed"})

    async def publish(_: Request) -> Response:
        return json_answer({"status": "told", "news": controls.publish_news()})

    async def degrade(request: Request) -> Response:
        name, way = (request.query_params.get(what, "") for what in ("list", "way"))
        try:
            controls.degradation.begin(name, way)
        except UnknownWayError as error:
            return json_answer({"error": str(error)}, 400)
        return json_answer({"status": "degraded", "list": name, "way": way})

    async def expire(_: Request) -> Response:
        controls.expire_logins()
        return json_answer({"status": "expired"})

    async def change_key(_: Request) -> Response:
        controls.change_key()
        return json_answer({"status": "changed"})

    async def spoil_list(request: Request) -> Response:
        wanted, fault = request.query_params.get("list"), request.query_params.get("fault")
        lists = controls.holded_lists
        if wanted is None and fault is None:
            lists.heal()
        elif wanted not in LISTS or fault not in FAULTS:
            message = f"list must be one of: {', '.join(LISTS)}; fault one of: {', '.join(FAULTS)}"
            return json_answer({"error": message}, 400)
        else:
            lists.faults[wanted] = fault
        return json_answer({"faults": lists.faults})

    async def go_back(request: Request) -> Response:
        day = request.query_params.get("day")
        try:
            controls.go_back_to(None if day is None else date.fromisoformat(day))
        except ValueError as error:
            return json_answer({"error": f"day: {error}"}, 400)
        return json_answer({"as_of": day})

    return Starlette(
        routes=[
            Route("/malformed", list_malformed),
            Route("/requests", list_requests),
            Route("/heal", mend, methods=["POST"]),
            Route("/news", publish, methods=["POST"]),
            Route("/degrade", degrade, methods=["POST"]),
            Route("/expire-logins", expire, methods=["POST"]),
            Route("/change-key", change_key, methods=["POST"]),
            Route("/as-of", go_back, methods=["POST"]),
            Route("/holded-lists", spoil_list, methods=["POST"]),
        ]
    )
