"""Records that break the wire: they come with status 200, and cannot be read.

Here: which records, how they are broken, the list of them, and mending. A source must turn each into an
integration error and lose nothing else (wire/codex.md, Pitfalls).
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import accumulate, cycle
from operator import attrgetter
from typing import Any

import orjson

from ledger_pipelines.sandbox.hivematrix.world import Company, Record, World, serialised

#: The share of malformed records, for a fault rate of one.
_SHARE = 1 / 20
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class _Break:
    """A field that is set to something it must not be, and in which words that is listed."""

    key: str
    value: Any
    why: str


_TICKET_BREAKS = (
    _Break("last_updated_at", _ABSENT, "last_updated_at is missing"),
    _Break("total_hours_spent", "two and a half", "total_hours_spent is not a number"),
    _Break("last_updated_at", None, "last_updated_at is null"),
)
_ASSET_BREAKS = (
    _Break("backup_data_bytes", "n/a", "backup_data_bytes is not a number"),
    _Break("id", _ABSENT, "id is missing"),
)
_CONTACT_BREAKS = (_Break("id", _ABSENT, "id is missing"), _Break("id", None, "id is null"))
_COMPANY_BREAKS = (
    _Break("account_number", "", "account_number is empty"),
    _Break("account_number", None, "account_number is null"),
)
_PLAN_BREAKS = (
    _Break("per_user_cost", -15.0, "per_user_cost is negative"),
    _Break("per_server_cost", "call us", "per_server_cost is not a number"),
)


@dataclass(frozen=True, slots=True)
class Malformed:
    """One thing that cannot be read.

    `entity` is company, asset, contact, ticket or plan, or `assets` for a company whose assets are refused
    as a whole. `id` is what still names the record: the asset's or contact's id, the ticket's number, the
    company's name, `plan (term)`; None where that is what is missing. `day` is the day by whose prefix
    `year` finds a ticket. `record` is the record as served.
    """

    entity: str
    account_number: str | None
    id: str | None
    why: str
    day: str | None = None
    record: Record | None = None

    def as_json(self) -> dict[str, Any]:
        """One element of `GET /sandbox/malformed`."""
        return asdict(self)


class Malformation:
    """The broken records of one world."""

    def __init__(self) -> None:
        """Nothing broken yet."""
        self.records: list[Malformed] = []
        self._remedies: list[Callable[[], None]] = []

    def add(self, record: Malformed, remedy: Callable[[], None]) -> None:
        """Notes a broken record, and what makes it whole."""
        self.records.append(record)
        self._remedies.append(remedy)

    def mend(self) -> None:
        """Makes every record whole again."""
        for remedy in self._remedies:
            remedy()
        self._remedies.clear()
        self.records.clear()


def malform(world: World, *, faults: float, seed: int) -> Malformation:
    """Breaks `faults / 20` of the records of each kind in place, and at least one in each way.

    No company that is special already is made nameless or unreadable, and that takes three others to choose
    from; in a smaller world all companies stay whole. Plans that no company is on are broken first.
    """
    malformation = Malformation()
    if faults <= 0:
        return malformation
    draw = random.Random(f"{seed}/malformed")
    share = faults * _SHARE
    nameless, unreadable = _choose_companies(world, share, draw)
    reachable = [company for company in world.companies if not any(company is other for other in nameless)]
    for kind in _KINDS:
        owners = [company for company in reachable if kind.entity != "asset" or company is not unreadable]
        _break_rows(kind, owners, share, draw, malformation)
    if unreadable:
        _refuse_assets(unreadable, malformation)
    for company, spoil in zip(nameless, cycle(_COMPANY_BREAKS), strict=False):
        _break_company(company, spoil, malformation)
    _break_plans(world, share, malformation)
    world.index()
    return malformation


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of record that a company has many of; `named_by` is the field that names one."""

    entity: str
    named_by: str
    rows: Callable[[Company], list[bytes]]
    breaks: tuple[_Break, ...]


_KINDS = (
    _Kind("asset", "id", attrgetter("assets"), _ASSET_BREAKS),
    _Kind("contact", "id", attrgetter("contacts"), _CONTACT_BREAKS),
    _Kind("ticket", "ticket_number", attrgetter("tickets"), _TICKET_BREAKS),
)


def _choose_companies(
    world: World, share: float, draw: random.Random
) -> tuple[list[Company], Company | None]:
    """The companies that lose their number, and the one whose assets are refused."""
    plans = {(plan["plan_name"], plan["term_length"]) for plan in world.plans}
    ordinary = []
    for company in world.companies:
        record = orjson.loads(company.row)
        if (record["billing_plan"], record["contract_term_length"]) in plans:
            ordinary.append(company)
    if len(ordinary) < 3:
        return [], None
    count = min(max(len(_COMPANY_BREAKS), round(share * len(world.companies))), len(ordinary) - 2)
    unreadable, *nameless = draw.sample(ordinary, count + 1)
    return nameless, unreadable


def _broken(record: Record, spoil: _Break) -> Record:
    broken = {key: value for key, value in record.items() if key != spoil.key}
    return broken if spoil.value is _ABSENT else broken | {spoil.key: spoil.value}


def _break_rows(
    kind: _Kind, owners: list[Company], share: float, draw: random.Random, malformation: Malformation
) -> None:
    ends = list(accumulate(len(kind.rows(owner)) for owner in owners))
    total = ends[-1] if ends else 0
    chosen = draw.sample(range(total), min(max(len(kind.breaks), round(share * total)), total))
    for at, spoil in zip(chosen, cycle(kind.breaks), strict=False):
        place = bisect_right(ends, at)
        owner = owners[place]
        rows = kind.rows(owner)
        index = at - (ends[place] - len(rows))
        whole = rows[index]
        record = _broken(orjson.loads(whole), spoil)
        rows[index] = serialised(record)
        name = record.get(kind.named_by)
        day = owner.ticket_days[index] if kind.entity == "ticket" else None
        malformation.add(
            Malformed(
                kind.entity, owner.account_number, None if name is None else str(name), spoil.why, day, record
            ),
            partial(rows.__setitem__, index, whole),
        )


def _refuse_assets(company: Company, malformation: Malformation) -> None:
    def mend() -> None:
        company.assets_unreadable = False

    company.assets_unreadable = True
    why = "backup_usage_tb of one asset is not a number: all assets of the company are refused"
    malformation.add(Malformed("assets", company.account_number, None, why), mend)


def _break_company(company: Company, spoil: _Break, malformation: Malformation) -> None:
    whole, account_number = company.row, company.account_number
    record = _broken(orjson.loads(whole), spoil)

    def mend() -> None:
        company.row, company.account_number = whole, account_number

    company.row, company.account_number = serialised(record), ""
    malformation.add(Malformed("company", spoil.value, record["name"], spoil.why, None, record), mend)


def _break_plans(world: World, share: float, malformation: Malformation) -> None:
    users = Counter(orjson.loads(company.row)["billing_plan"] for company in world.companies)
    by_use = sorted(range(len(world.plans)), key=lambda index: users[world.plans[index]["plan_name"]])
    count = min(max(len(_PLAN_BREAKS), round(share * len(by_use))), len(by_use))
    for index, spoil in zip(by_use[:count], cycle(_PLAN_BREAKS), strict=False):
        whole = world.plans[index]
        world.plans[index] = broken = _broken(whole, spoil)
        name = f"{whole['plan_name']} ({whole['term_length']})"
        malformation.add(
            Malformed("plan", None, name, spoil.why, None, broken),
            partial(world.plans.__setitem__, index, whole),
        )
