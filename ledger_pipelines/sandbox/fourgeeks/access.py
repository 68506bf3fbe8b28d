"""4Geeks in the sandbox, and the ways to sign in to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_pipelines.sandbox.system import System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState

#: A token of 4Geeks that never expires, unlike those that a login gives.
FOURGEEKS_TOKEN = "5a17d1b09c3e4f6a8b2d7c90e1f34a56789bcdef"  # noqa: S105 - it opens invented records only
FOURGEEKS_EMAIL = "ledger@school.example"
FOURGEEKS_PASSWORD = "sandbox-password"  # noqa: S105 - it opens invented records only
#: The one academy that the school's login may see.
FOURGEEKS_ACADEMY = 6


def _app(state: SandboxState) -> ASGIApp:
    from ledger_pipelines.sandbox.fourgeeks.routes import fourgeeks_app

    return fourgeeks_app(state.school, state.config, state.logins, state.degradation)


def _environment(url: str) -> dict[str, str]:
    return {
        "FOURGEEKS_URL": url,
        "FOURGEEKS_EMAIL": FOURGEEKS_EMAIL,
        "FOURGEEKS_PASSWORD": FOURGEEKS_PASSWORD,
        "FOURGEEKS_ACADEMY": str(FOURGEEKS_ACADEMY),
    }


FOURGEEKS = System("4geeks", "/4geeks/v1", _environment, _app)
