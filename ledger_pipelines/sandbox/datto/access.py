"""Datto RMM in the sandbox, and the key to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_pipelines.sandbox.system import System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState

DATTO_API_KEY = "datto-sandbox-key"
DATTO_API_SECRET = "datto-sandbox-secret"  # noqa: S105 - it opens invented records only


def _app(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.datto.routes import datto_app

    return datto_app(state.fleet, state.config)


def _environment(url: str) -> dict[str, str]:
    return {"DATTO_URL": url, "DATTO_API_KEY": DATTO_API_KEY, "DATTO_API_SECRET": DATTO_API_SECRET}


DATTO = System("datto", "/datto", _environment, _app, is_optional=True)
