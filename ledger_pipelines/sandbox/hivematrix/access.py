"""Core and Codex in the sandbox. Whoever asks Core gets a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_pipelines.sandbox.system import System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState


def _core(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.hivematrix.core import core_app

    return core_app(state.signer)


def _codex(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.hivematrix.codex import codex_app

    return codex_app(state.world, state.config, state.signer)


CORE = System("core", "/core", lambda url: {"CORE_URL": url}, _core)
CODEX = System("codex", "/codex", lambda url: {"CODEX_URL": url}, _codex)
