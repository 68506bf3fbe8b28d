"""What a sandbox is asked to be: its size, its seed, its misbehaviour.

Here: the settings and their limits. Not here: anything that acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ledger_pipelines.errors import ConfigurationError

_COUNTS = (
    *("assets_per_company", "contacts_per_company", "tickets_per_company"),
    *("students", "invoices", "seed"),
)
_HISTORY_DAYS = 730
_LIMITS = (
    "rate_limit",
    "holded_rate_limit",
    "notion_rate_limit",
    "freshservice_rate_limit",
    "datto_rate_limit",
)


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """The settings of one sandbox. The same settings serve the same records, byte for byte.

    `until` is the last day of history: tickets are spread over the two years that end with it, none is
    later. The three averages are for one company, `tickets_per_company` for one year.
    `students` and `invoices` (credit notes among them) are the school's, spread over the same two years, or over the days
    from `since` on; the named cases (`school_cases`) come on top. Its "current year" is that of `until`.
    `faults` is the share of requests that fail on the way, and `faults / 20` the share of malformed
    records. `stall_seconds` is how long a request that is to time out is held before its connection is
    closed. `rate_limit` is the number of requests a minute for each route and client address; None lifts it,
    and with it the other systems' own: `holded_rate_limit` requests a minute, `notion_rate_limit` a second,
    `freshservice_rate_limit` and `datto_rate_limit` a minute.
    `gzip` lets a client that accepts compressed bodies have them; the real Codex sends them plain.
    `replay` names a folder of recorded responses to serve in place of invented ones.
    Raises ConfigurationError for a number out of its range.
    """

    until: date
    since: date | None = None
    companies: int = 40
    assets_per_company: int = 25
    contacts_per_company: int = 20
    tickets_per_company: int = 30
    students: int = 150
    invoices: int = 450
    seed: int = 7
    faults: float = 0.0
    stall_seconds: float = 10.0
    rate_limit: int | None = 500
    holded_rate_limit: int | None = 250
    notion_rate_limit: int | None = 3
    freshservice_rate_limit: int | None = 500
    datto_rate_limit: int | None = 600
    gzip: bool = False
    replay: Path | None = None

    @property
    def history_days(self) -> int:
        """How many days of history the school has: two years, or those since `since`."""
        return _HISTORY_DAYS if self.since is None else min(_HISTORY_DAYS, (self.until - self.since).days + 1)

    def __post_init__(self) -> None:
        """Refuses numbers that nothing can be made of."""
        if not 1 <= self.companies <= 500_000:
            raise ConfigurationError(f"companies is {self.companies}: choose 1 to 500000.")
        if self.history_days < 1:
            raise ConfigurationError(f"since is {self.since}, after {self.until}: choose a day before.")
        for name in _COUNTS:
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}: choose 0 or more.")
        if not 0 <= self.faults <= 1:
            raise ConfigurationError(f"faults is {self.faults}: choose a rate from 0 to 1, for example 0.2.")
        for name in _LIMITS:
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ConfigurationError(f"{name} is {limit}: choose 1 or more, or None for no limit.")
