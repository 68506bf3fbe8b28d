"""How many requests an account may send, which is a matter of its plan (wire/freshservice.md, Limits)."""

from __future__ import annotations

from collections.abc import Mapping

from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.limits import RateLimit

#: What the smallest plan allows a minute, in all and of lists of tickets.
_SMALLEST = 100
SMALLEST_LISTS = 40
#: Refused requests count, too, and others ask with the same account: one in ten is left to them.
_SHARE_IN_TEN = 9


class PlanLimit(RateLimit):
    """Requests a minute as the account's plan allows them: the smallest plan's until an answer states it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._total = _SMALLEST
        super().__init__(_usable(_SMALLEST), clock)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Takes the plan's limit from the headers of an answer."""
        text = headers.get("X-Ratelimit-Total", "").strip()
        total = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        if total >= 1 and total != self._total:
            self._total = total
            self.allow(_usable(total))


def list_limit(clock: Clock | None = None) -> RateLimit:
    """Lists of tickets a minute, by the smallest plan."""
    return RateLimit(_usable(SMALLEST_LISTS), clock)


def _usable(total: int) -> int:
    return max(1, total * _SHARE_IN_TEN // 10)
