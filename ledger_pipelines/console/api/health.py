"""`GET /health`: what is up and what is not, within 200 ms whatever hangs behind it.

The database is asked in a thread of its own, and waited for shortly. Dagster and Core are asked, too, and not waited for:
the answer has the result of the last look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import requests
from fastapi import APIRouter
from pydantic import BaseModel, Field

from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import dagster_of
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, answer
from ledger_pipelines.console.pulses import Pulse, State
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.store.queries.table_counts import answers

router = APIRouter(route_class=ExactRoute, tags=["health"])

#: For how long the database is waited for.
_WAIT_SECONDS = 0.12


class Health(BaseModel):
    """`healthy` where all is up, `degraded` where the console works without something, `unhealthy` where it does not."""

    status: Literal["healthy", "degraded", "unhealthy"]
    database: State
    dagster: State = Field(description="As it was found last.")
    core: State = Field(description="As it was found last; unknown also where none is configured.")
    down: list[str] = Field(description="What is down.")


_UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {"model": Health, "description": "The database does not answer."}
}


@router.get("/health", response_model=Health, responses=_UNHEALTHY)
def health(console: ConsoleDep) -> ExactJSONResponse:
    """What is up and what is not. Anyone may ask."""
    pulses = _pulses(console)
    states: dict[str, State] = {
        "database": pulses["database"].state(wait=_WAIT_SECONDS, fresh=0.0),
        "dagster": pulses["dagster"].state(),
        "core": pulses["core"].state(),
    }
    down = [name for name, state in states.items() if state == "down"]
    if states["database"] != "up":
        return answer({"status": "unhealthy", **states, "down": down or ["database"]}, 503)
    return answer({"status": "degraded" if down else "healthy", **states, "down": down})


def _pulses(console: Console) -> dict[str, Pulse]:
    """Those of this console."""
    asks: dict[str, Callable[[], bool]] = {
        "database": lambda: _database_answers(console),
        "dagster": lambda: _dagster_answers(console),
        "core": lambda: _core_answers(console),
    }
    return {name: console.pulses.of(name, ask) for name, ask in asks.items()}


def _database_answers(console: Console) -> bool:
    return answers(console.database)


def _dagster_answers(console: Console) -> bool:
    dagster_of(console).version()
    return True


def _core_answers(console: Console) -> bool:
    core = console.settings.source(CodexSettings).core_url
    url = console.settings.jwks_url or (core and f"{core.rstrip('/')}/.well-known/jwks.json")
    if not url:
        return False
    requests.get(url, timeout=(1, 2), allow_redirects=False).raise_for_status()
    return True
