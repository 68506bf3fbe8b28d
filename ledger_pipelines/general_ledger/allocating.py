"""What each step of the matching does: allocate an amount, free it, and say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from ledger_pipelines.general_ledger.item_index import Group, Party
from ledger_pipelines.general_ledger.matched import Allocation, Ambiguity, Carried, PersonsMatch
from ledger_pipelines.general_ledger.standing import Standing


class Allocating:
    """The state of a pass over the items, and its changes."""

    def __init__(
        self, persons: Sequence[PersonsMatch], carried: Carried | None, sync_start: date | None
    ) -> None:
        self.carried, self.sync_start, self.said = carried, sync_start, list(persons)
        self.persons: dict[str, list[PersonsMatch]] = defaultdict(list)
        for one in self.said:
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

    def _note(self, standing: Standing) -> None:
        item = standing.item
        self.by_id[item.id] = standing
        if item.entry in self.reversed:
            self.by_entry[item.entry].append(standing)

    def _places(self, standing: Standing) -> tuple[Group, Party]:
        group = self.groups[standing.item.group]
        if standing.party is None:
            standing.party = group.party(standing.owner or "")
        return group, standing.party

    def _give(self, standing: Standing, owner: str) -> None:
        standing.owner, standing.owned_since, standing.party = owner, self.today, None
        self.groups[standing.item.group].forget(standing)

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
        party = row.party or self._places(row)[1]
        party.moved(row, before)
        if amount < 0 or (credit.remaining == 0 and party.credits):
            party.hold(credit)
        self.allocations.append(
            Allocation(self.today, credit.item.id, row.item.id, amount, how, self.trigger)
        )
