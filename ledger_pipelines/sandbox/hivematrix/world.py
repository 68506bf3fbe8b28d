"""What a sandbox serves: companies with their records, as the JSON bytes that go out.

Here: the shape that the generator and the replay fill and that Codex reads. Records are kept serialised,
one `bytes` each, so that an answer is a join and not a serialisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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

    def before(self, months: int) -> Company:
        """The company as it was so many months ago: each month since brought a hundredth of its devices and people."""
        share = max(0, 100 - months)
        return replace(
            self,
            assets=self.assets[: -(-len(self.assets) * share // 100)],
            contacts=self.contacts[: -(-len(self.contacts) * share // 100)],
        )

    def tickets_of(self, prefix: str) -> list[bytes]:
        """The tickets whose last update's date starts with `prefix`; all of them when it is empty."""
        if not prefix:
            return self.tickets
        dated = zip(self.tickets, self.ticket_days, strict=True)
        return [row for row, day in dated if day.startswith(prefix)]


@dataclass(slots=True)
class World:
    """Everything that Codex knows. `feature_options` is the whole body of its endpoint.

    `months_back` says as of when it answers: the present, or so many months before it.
    """

    companies: list[Company]
    plans: list[Record]
    feature_options: bytes
    months_back: int = 0
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
        company = self._index.get(account_number)
        return company and self._then(company)

    def companies_now(self) -> list[Company]:
        """All companies, as they are shown now."""
        return [self._then(company) for company in self.companies]

    def _then(self, company: Company) -> Company:
        return company.before(self.months_back) if self.months_back else company
