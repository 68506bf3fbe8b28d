"""An outside system as the sandbox stands in for it: where it answers, with what, and how one gets in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ledger_pipelines.sandbox.state import SandboxState


@dataclass(frozen=True, slots=True)
class System:
    """`path` is where it answers, with the path that the real one has behind it.

    `environment` has the variables with which the ledger reads it, by the address that it has; `app` makes what answers
    there. What a sandbox opens with is on loopback and holds invented records only: names rather than secrets. One that
    `is_optional` stands in for another source of what a system shows already: it is read by whoever asks for it.
    """

    name: str
    path: str
    environment: Callable[[str], Mapping[str, str]]
    app: Callable[[SandboxState], ASGIApp]
    is_optional: bool = False
