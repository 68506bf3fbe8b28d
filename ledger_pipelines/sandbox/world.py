"""What a sandbox serves: companies with their records, as the JSON bytes that go out.

Here: the shape that the generator and the replay fill and that Codex reads. Records are kept serialised,
one `bytes` each, so that an answer is a join and not a serialisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

#: One JSON object of the wire, before it is serialised.
Record = dict[str, Any]


def serialised(record: Record) -> bytes:
    """`record` as JSON, in no more memory than it needs."""
    # orjson hands out the buffer it wrote into, with kilobytes to spare: a million would be gigabytes.
    return bytes(memoryview(orjson.dumps(record)))


@dataclass(slots=True)
class Company:
    """One company and what belongs to it.

    `ticket_days` runs beside `tickets`: the day (`YYYY-MM-DD`) of each ticket's last update, by whose prefix
    `year` filters. `assets_unreadable` is Codex failing over a backup size that is not a number.
    """

    account_number: str
    row: bytes
    assets: list[bytes] = field(default_factory=list)
    contacts: list[bytes] = field(default_factory=list)
    locations: list[bytes] = field(default_factory=list)
    tickets: list[bytes] = field(default_factory=list)
    ticket_days: list[str] = field(default_factory=list)
    assets_unreadable: bool = False

    def tickets_of(self, prefix: str) -> list[bytes]:
        """The tickets whose last update's date starts with `prefix`; all of them when it is empty."""
        if not prefix:
            return self.tickets
        dated = zip(self.tickets, self.ticket_days, strict=True)
        return [row for row, day in dated if day.startswith(prefix)]


@dataclass(slots=True)
class World:
    """Everything that Codex knows. `feature_options` is the whole body of its endpoint."""

    companies: list[Company]
    plans: list[Record]
    feature_options: bytes
    _index: dict[str, Company] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Indexes the companies by number."""
        self.index()

    def index(self) -> None:
        """Notes anew by which number each company is asked for; one without a number cannot be."""
        self._index = {
            company.account_number: company for company in self.companies if company.account_number
        }

    def company(self, account_number: str) -> Company | None:
        """The company with that number, if there is one."""
        return self._index.get(account_number)
