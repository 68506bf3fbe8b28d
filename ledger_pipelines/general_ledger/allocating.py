"""What each step of the matching does: allocate an amount, free it, and say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from ledger_pipelines.general_ledger.item_index import Group, Party
from ledger_pipelines.general_ledger.matched import Allocation, Ambiguity, Carried, Item, PersonsMatch
from ledger_pipelines.general_ledger.standing import Standing


class Allocating:
    """The state of a pass over the items, and its changes."""

    def __init__(
        self, persons: Sequence[PersonsMatch], carried: Carried | None, sync_start: date | None
    ) -> None:
        self.carried, self.sync_start, self.requested = carried, sync_start, list(persons)
        self.persons: dict[str, list[PersonsMatch]] = defaultdict(list)
        for one in self.requested:
            self.persons[one.settlement].append(one)
            self.persons[one.item].append(one)
        self.applied: set[int] = set()
        self.by_id: dict[str, Standing] = {}
        #: Entries that another one reverses, and their items.
        self.reversed: set[str] = set()
        self.by_entry: dict[str, list[Standing]] = defaultdict(list)
        #: Documents that a refund or difference names.
        self.taken_back: set[str] = set()
        self.reversed_later: dict[str, list[Standing]] = defaultdict(list)
        self.groups: dict[tuple[str, str], Group] = {}
        self.allocations: list[Allocation] = []
        self.ambiguous: dict[str, Ambiguity] = {}
        self.misfits: list[PersonsMatch] = []
        self.today = date.min
        self.trigger = ""

    def _foresee(self, items: Iterable[Item]) -> None:
        """What need not be kept, because no item will ask for it."""
        groups, anonymous = set(), set()
        for item in items:
            group = item.group
            groups.add(group)
            if item.party is None:
                anonymous.add(group)
            if item.reverses is not None:
                self.reversed.add(item.reverses)
            if item.is_raising and not item.is_document:
                self.taken_back.update(item.settles)
        self.groups = {group: Group(serves_anonymous=group in anonymous) for group in groups}

    def _note(self, item: Item) -> Standing:
        standing = self.by_id[item.id] = Standing(item, self.groups[item.group])
        if item.entry in self.reversed:
            self.by_entry[item.entry].append(standing)
        return standing

    @staticmethod
    def _party(standing: Standing) -> Party:
        if standing.party is None:
            standing.party = standing.group.party(standing.owner or "")
        return standing.party

    def _give(self, standing: Standing, owner: str) -> None:
        standing.owner, standing.owned_since, standing.party = owner, self.today, None
        standing.group.forget(standing)

    def _allocate(
        self, credit: Standing, row: Standing, amount: int, how: str, *, is_pinned: bool = False
    ) -> None:
        if amount <= 0:
            return
        self._move(credit, row, amount, how)
        if is_pinned:
            credit.pin(row, amount)
            row.pin(credit, amount)

    def _free(self, credit: Standing, row: Standing, amount: int, how: str) -> None:
        self._move(credit, row, -amount, how)

    def _move(self, credit: Standing, row: Standing, amount: int, how: str) -> None:
        before = row.remaining
        credit.allocate(row, amount)
        row.allocate(credit, amount)
        party = row.party or self._party(row)
        party.moved(row, before)
        if amount < 0 or credit.remaining == 0:
            party.hold(credit)
        self.allocations.append(
            Allocation(self.today, credit.item.id, row.item.id, amount, how, self.trigger)
        )
