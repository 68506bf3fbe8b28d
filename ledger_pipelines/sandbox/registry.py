"""Every system of the sandbox, a line each."""

from __future__ import annotations

import os

from ledger_pipelines.sandbox.datto.access import DATTO
from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS
from ledger_pipelines.sandbox.freshservice.access import FRESHSERVICE
from ledger_pipelines.sandbox.hivematrix.access import CODEX, CORE
from ledger_pipelines.sandbox.holded.access import HOLDED
from ledger_pipelines.sandbox.notion.access import NOTION
from ledger_pipelines.sandbox.system import System

SYSTEMS: tuple[System, ...] = (
    CORE,
    CODEX,
    HOLDED,
    FOURGEEKS,
    NOTION,
    FRESHSERVICE,
    DATTO,
)


def address(base_url: str, name: str) -> str:
    """Where the system of this name answers, in the sandbox at `base_url`."""
    return next(base_url + system.path for system in SYSTEMS if system.name == name)


#: Whoever sets it has the demo read the optional systems, too.
DEMO_VARIABLE = "LEDGER_DEMO_DIRECT_SOURCES"


def demo_environment(base_url: str) -> dict[str, str]:
    """The variables of the demo: ticket hours and backup data are Codex's, unless LEDGER_DEMO_DIRECT_SOURCES is set."""
    return environment(base_url, with_optional=bool(os.environ.get(DEMO_VARIABLE)))


def environment(base_url: str, *, with_optional: bool = False) -> dict[str, str]:
    """The variables with which the ledger reads from the sandbox at `base_url`, by their names.

    Ticket hours and backup data are Codex's, unless the optional systems are asked for.
    """
    return {
        variable: value
        for system in SYSTEMS
        if with_optional or not system.is_optional
        for variable, value in system.environment(base_url + system.path).items()
    }
