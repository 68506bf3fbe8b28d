"""What every source is to the rest of the ledger. Not here: how a source is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """Whether a source answers, who we are to it, and how many records it shows.

    `identity` and `records` are None where the source did not come so far; `detail` is one sentence.
    """

    name: str
    ok: bool
    identity: str | None
    records: int | None
    detail: str


class Source(Protocol):
    """An outside system that the ledger reads."""

    @property
    def name(self) -> str:
        """What people call the system, for example `Codex`."""

    def check(self) -> SourceCheck:
        """Asks the system for little and says how it went. Never raises a LedgerError."""

    def close(self) -> None:
        """Gives the connections back."""
