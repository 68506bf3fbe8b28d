"""Every system of the sandbox, a line each."""

from __future__ import annotations

from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS
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
)


def address(base_url: str, name: str) -> str:
    """Where the system of this name answers, in the sandbox at `base_url`."""
    return next(base_url + system.path for system in SYSTEMS if system.name == name)


def environment(base_url: str) -> dict[str, str]:
    """The variables with which the ledger reads from the sandbox at `base_url`, by their names."""
    return {
        variable: value
        for system in SYSTEMS
        for variable, value in system.environment(base_url + system.path).items()
    }
