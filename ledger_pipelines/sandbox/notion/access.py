"""Notion in the sandbox, its database, and the token to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_pipelines.sandbox.system import System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState

NOTION_TOKEN = "ntn_sandbox"  # noqa: S105 - it opens invented records only
NOTION_DATABASE_ID = "1f0c9a52-7d3e-4b68-9e21-6a5b4c3d2e1f"
NOTION_DATA_SOURCE_ID = "8c4e2b17-05a9-4f3d-b6c8-2d1e0f9a8b7c"


def _app(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.notion.routes import notion_app

    return notion_app(state.school, state.config, state.degradation)


def _environment(url: str) -> dict[str, str]:
    return {"NOTION_URL": url, "NOTION_TOKEN": NOTION_TOKEN, "NOTION_DATABASE_ID": NOTION_DATABASE_ID}


NOTION = System("notion", "/notion/v1", _environment, _app)
