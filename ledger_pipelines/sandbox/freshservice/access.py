"""Freshservice in the sandbox, and the key to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_pipelines.sandbox.system import System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState

FRESHSERVICE_API_KEY = "freshservice-sandbox-key"
#: The key of an agent who may not see tickets: Freshservice answers 403.
FRESHSERVICE_BLIND_KEY = "freshservice-blind-key"


def _app(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.freshservice.routes import freshservice_app

    return freshservice_app(state.desk, state.config)


def _environment(url: str) -> dict[str, str]:
    return {"FRESHSERVICE_URL": url, "FRESHSERVICE_API_KEY": FRESHSERVICE_API_KEY}


FRESHSERVICE = System("freshservice", "/freshservice/api/v2", _environment, _app, is_optional=True)
