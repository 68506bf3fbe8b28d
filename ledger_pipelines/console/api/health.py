"""`GET /health`: what is up and what is not, within 200 ms whatever hangs behind it.

The database is asked in a thread of its own, and waited for shortly. Dagster and Core are asked, too, and not waited for:
what is said of them is what was found last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import requests
from fastapi import APIRouter
from pydantic import BaseModel, Field

from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import dagster_of
from ledger_pipelines.console.exact import ExactJSONResponse, ExactRoute, answer
from ledger_pipelines.sources.codex.settings import CodexSettings

router = APIRouter(route_class=ExactRoute, tags=["health"])

#: For how long the database is waited for; how long what was found last counts; how often others are asked.
_WAIT_SECONDS, _KNOWN_SECONDS, _ASK_SECONDS = 0.12, 10.0, 10.0
State = Literal["up", "down", "unknown"]


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
    pulses = _pulses(console.database.url, console)
    states: dict[str, State] = {
        "database": pulses["database"].state(wait=_WAIT_SECONDS, fresh=0.0),
        "dagster": pulses["dagster"].state(),
        "core": pulses["core"].state(),
    }
    down = [name for name, state in states.items() if state == "down"]
    if states["database"] != "up":
        return answer({"status": "unhealthy", **states, "down": down or ["database"]}, 503)
    return answer({"status": "degraded" if down else "healthy", **states, "down": down})


@dataclass(slots=True)
class Pulse:
    """Whether something answers: asked in a thread of its own, one at a time, and kept.

    `ask` raises where it does not, and gives False where there is nothing to ask.
    """

    ask: Callable[[], bool]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)
    _is_asking: bool = False
    _found: State = "unknown"
    _found_at: float = float("-inf")

    def state(self, *, wait: float = 0.0, fresh: float = _ASK_SECONDS) -> State:
        """What is known after waiting so many seconds; asked anew where what is known is older than `fresh` seconds."""
        with self._lock:
            if not self._is_asking and time.monotonic() - self._found_at >= fresh:
                self._is_asking = True
                self._done.clear()
                threading.Thread(target=self._look, name="health", daemon=True).start()
        if wait and not self._done.wait(wait):
            # It hangs now; what answered a moment ago may only be busy.
            is_recent = time.monotonic() - self._found_at < _KNOWN_SECONDS
            return self._found if is_recent else "down"
        return self._found

    def _look(self) -> None:
        try:
            found: State = "up" if self.ask() else "unknown"
        except Exception:
            found = "down"
        with self._lock:
            self._found, self._found_at, self._is_asking = found, time.monotonic(), False
        self._done.set()


_known: dict[str, dict[str, Pulse]] = {}


def _pulses(url: str, console: Console) -> dict[str, Pulse]:
    """The pulses of a console, by its database."""
    return _known.setdefault(
        url,
        {
            "database": Pulse(lambda: _database_answers(console)),
            "dagster": Pulse(lambda: bool(dagster_of(console).version())),
            "core": Pulse(lambda: _core_answers(console)),
        },
    )


def _database_answers(console: Console) -> bool:
    with console.database.connect(application_name="ledger health") as connection:
        connection.execute("SET statement_timeout = '2s'")
        connection.execute("SELECT FROM schema_migrations LIMIT 1")
    return True


def _core_answers(console: Console) -> bool:
    core = console.settings.source(CodexSettings).core_url
    url = console.settings.jwks_url or (core and f"{core.rstrip('/')}/.well-known/jwks.json")
    if not url:
        return False
    requests.get(url, timeout=(1, 2), allow_redirects=False).raise_for_status()
    return True
