"""Holded in the sandbox, and the keys to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_pipelines.sandbox.system import System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState

#: The header `key` of Holded.
HOLDED_API_KEY = "holded-sandbox-key"
#: The key of an account that has not paid: Holded answers 402.
HOLDED_BLOCKED_KEY = "holded-blocked-key"


def _app(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.holded.routes import holded_app

    return holded_app(state.school, state.config, state.holded_lists)


def _environment(url: str) -> dict[str, str]:
    return {"HOLDED_URL": url, "HOLDED_API_KEY": HOLDED_API_KEY}


HOLDED = System("holded", "/holded/api/invoicing/v1", _environment, _app)
