"""Which settlement pays which open item (rules/general_ledger.md, Sub-ledgers, Matching).

A pass over the items in the order of their dates, in plain Python and whole numbers: what one settlement leaves to the
next is sequential. It is causal: a later item changes no earlier allocation, so the state of any day is the sum of the
allocations up to it. An item that an entry takes back frees what had been allocated to it from that day on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter

from ledger_pipelines.general_ledger.allocating import Allocating
from ledger_pipelines.general_ledger.garbage import collection_paused
from ledger_pipelines.general_ledger.item_index import Party
from ledger_pipelines.general_ledger.matched import (
    BEFORE_SYNC_START,
    Ambiguity,
    Carried,
    Item,
    Matching,
    PersonsMatch,
)
from ledger_pipelines.general_ledger.references import Reference
from ledger_pipelines.general_ledger.standing import Standing

#: How an allocation came about, as the sub-ledgers' transactions state it.
PERSON, REVERSAL, AMOUNT, OLDEST, CREDIT = "person", "reversal", "amount", "oldest_due", "unallocated_credit"
#: Freed for what a person said, and freed because a person took it back.
DISPLACED, UNDONE = "displaced", "undone"


def match(
    items: Iterable[Item],
    persons: Sequence[PersonsMatch] = (),
    *,
    carried: Carried | None = None,
    sync_start: date | None = None,
) -> Matching:
    """The allocations of the items, from those of the last closed month on (`carried`).

    `persons` are people's matches. Items before `sync_start` count only where exactly one invoice fits.
    """
    # Nothing that a pass makes is garbage before its end: looking for it takes two fifths of the time.
    with collection_paused():
        return _Run(persons, carried, sync_start).over(list(items))


class _Run(Allocating):
    """One pass over the items; each method is one of the rule's steps."""

    def over(self, items: list[Item]) -> Matching:
        self._foresee(items)
        known = self._known(items)
        ordered = self._in_order(items)
        if self.carried:
            self._carry([item for item in ordered if item.id in known], self.carried)
        for item in ordered:
            if item.id not in known:
                self._arrive(item)
        return Matching(
            items={standing.item.id: standing.item for standing in self.by_id.values()},
            allocations=self.allocations,
            parties={key: one.owner for key, one in self.by_id.items() if one.owner and not one.excluded},
            party_days={key: one.owned_since for key, one in self.by_id.items() if one.owned_since},
            excluded={key: one.excluded for key, one in self.by_id.items() if one.excluded},
            void=frozenset(key for key, one in self.by_id.items() if one.is_void),
            ambiguous=[
                one
                for key, one in self.ambiguous.items()
                if self.by_id[key].owner is None or self.by_id[key].excluded
            ],
            misfits=self.misfits,
        )

    def _in_order(self, items: Iterable[Item]) -> list[Item]:
        """By day; reversals first, so that what they free is there for the day's own items; then as they rank."""
        days: dict[str | None, date] = {item.entry: item.day for item in items if item.entry in self.reversed}
        ordered = sorted(items, key=attrgetter("id"))
        # By whole numbers, which compare faster than tuples; of equal ones the ids' order stays.
        ordered.sort(key=lambda item: item.day.toordinal() * 8 + item.rank(days.get(item.reverses)))
        return ordered

    def _known(self, items: Iterable[Item]) -> set[str]:
        """The items that the closed months have dealt with: those of their sub-ledgers, and those of nobody's."""
        if self.carried is None:
            return set()
        parties, day = self.carried.parties, self.carried.day
        return {item.id for item in items if item.id in parties or (item.party is None and item.day < day)}

    def _arrive(self, item: Item) -> None:
        standing = self._note(item)
        self.today = max(item.day, self.carried.day) if self.carried else item.day
        self.trigger = item.id
        if item.id in self.persons:
            standing.reserved = sum(one.amount for one in self.persons[item.id])
        if item.reverses is not None:
            self._reverse(standing)
        if item.entry in self.reversed_later:
            for reversal in self.reversed_later[item.entry]:
                self._take_back_item(reversal, standing)
        if self.sync_start is not None and self._is_too_early(standing, self.sync_start):
            standing.excluded = BEFORE_SYNC_START
        if standing.excluded or standing.is_void:
            return
        if item.is_raising:
            self._raise(standing)
        else:
            self._settle(standing)

    # What raises the balance.

    def _raise(self, row: Standing) -> None:
        if row.owner is None:
            # Nobody's: neither a row nor a refund; but it may take back another one of nobody's.
            return
        self._apply_persons(row)
        if not row.item.is_document and row.free > 0:
            self._take_back(row)
        self._open(row)

    def _open(self, row: Standing) -> None:
        """Makes it a row that settlements find, and pays it with credits that name it or that it names."""
        self._party(row).add_row(row)
        row.group.add_row(row)
        self._find_credits(row)

    def _find_credits(self, row: Standing) -> None:
        """Pays it with what names it, or what it names."""
        party = self._party(row)
        if row.free > 0 and party.credits:
            for credit, reference in party.credits.naming(row):
                self._allocate(credit, row, min(credit.free, row.free), reference)
        if row.free > 0:
            for credit in row.group.waiting_for(row):
                self._settle_anonymous(credit)

    def _take_back(self, refund: Standing) -> None:
        """A refund or difference first takes what it names, then the party's unallocated credits, oldest first."""
        party = self._party(refund)
        for credit, reference in party.credits.naming(refund):
            self._allocate(credit, refund, min(credit.free, refund.free), reference)
        named = [
            one
            for document in refund.item.settles
            for one in party.of_document(document)
            if one is not refund and not one.excluded
        ]
        freed = []
        for one in named:
            for other, amount in one.latest():
                credit, row = (other, one) if one.item.is_raising else (one, other)
                taken = min(refund.free, amount - one.pinned.get(other, 0))
                if taken > 0 and not credit.takes_back(row):
                    self._free(credit, row, taken, Reference.DOCUMENT)
                    self._allocate(credit, refund, taken, Reference.DOCUMENT)
                    freed.append(row)
        self._find_others(freed)
        while refund.free > 0 and (oldest := party.credits.oldest()):
            self._allocate(oldest, refund, min(oldest.free, refund.free), CREDIT)

    # What settles.

    def _settle(self, settlement: Standing) -> None:
        """Steps 1 and 3 to 6 of the rule; step 2, what a reversal takes back, came first (`_reverse`)."""
        self._apply_persons(settlement)  # 1
        if settlement.owner is None:
            self._settle_anonymous(settlement)
            if settlement.owner is None and not settlement.excluded:
                settlement.group.wait(settlement)
            return
        party = self._party(settlement)
        if settlement.item.document in self.taken_back:
            party.know(settlement)
        if not settlement.awaits_reversal and not self._settle_named(settlement, party):  # 3
            if settlement.free > 0:
                self._settle_exact(settlement, party)  # 4
            self._settle_oldest(settlement, party)  # 5
        party.hold(settlement)  # 6

    def _settle_named(self, settlement: Standing, party: Party) -> bool:
        """Pays the rows that it names, the oldest due first; whether it names any, paid ones among them."""
        rows, reference, is_named = party.rows.named_by(settlement)
        for row in rows:
            self._allocate(settlement, row, min(settlement.free, row.free), reference)
        return is_named

    def _settle_exact(self, settlement: Standing, party: Party) -> None:
        row = party.only_row_of(settlement.free)
        if row is not None:
            self._allocate(settlement, row, settlement.free, AMOUNT)

    def _settle_oldest(self, settlement: Standing, party: Party) -> None:
        while settlement.free > 0 and (row := party.oldest_row()):
            self._allocate(settlement, row, min(settlement.free, row.free), OLDEST)

    def _settle_anonymous(self, settlement: Standing) -> None:
        """A settlement that names no party, but something that fits the open rows of exactly one."""
        rows, reference = settlement.group.named_by(settlement)
        owners = sorted({row.owner for row in rows if row.owner})
        if len(owners) > 1:
            self.ambiguous[settlement.item.id] = Ambiguity(settlement.item, self.today, tuple(owners))
        if len(owners) != 1:
            return
        self._give(settlement, owners[0])
        party = self._party(settlement)
        party.know(settlement)
        for row in rows:
            self._allocate(settlement, row, min(settlement.free, row.free), reference)
        party.hold(settlement)

    # What a person says.

    def _apply_persons(self, standing: Standing) -> None:
        for one in self.persons.get(standing.item.id, ()):
            if one.settlement in self.by_id and one.item in self.by_id and one.id not in self.applied:
                self._apply(one, one.amount)

    def _apply(self, one: PersonsMatch, amount: int) -> None:
        """Allocates what a person says, freeing what was allocated to others; no more than the two have."""
        self.applied.add(one.id)
        credit, row = self.by_id[one.settlement], self.by_id[one.item]
        for standing in (credit, row):
            standing.reserved = max(0, standing.reserved - amount)
        if (
            credit.item.is_raising
            or not row.item.is_raising
            or credit.item.group != row.item.group
            or row.owner is None
            or credit.owner not in (None, row.owner)
            or credit.excluded
            or row.excluded
        ):
            self.misfits.append(one)
            return
        if credit.owner is None:
            self._give(credit, row.owner)
            self._party(credit).know(credit)
        amount = min(amount, credit.movable, row.movable)
        freed = self._make_room(credit, amount) + self._make_room(row, amount)
        self._allocate(credit, row, amount, PERSON, is_pinned=True)
        self._find_others(freed)

    def _make_room(self, standing: Standing, amount: int) -> list[Standing]:
        """Frees its allocations that nobody ordered, the latest first, until so much remains; what they were with."""
        freed = []
        for other, allocated in standing.latest():
            missing = amount - standing.remaining
            ours = allocated - standing.pinned.get(other, 0)
            if missing > 0 and ours > 0 and not standing.takes_back(other):
                credit, row = (other, standing) if standing.item.is_raising else (standing, other)
                self._free(credit, row, min(missing, ours), DISPLACED)
                freed.append(other)
        return freed

    # Reversals.

    def _reverse(self, reversal: Standing) -> None:
        """An entry that reverses another settles its items; what had been allocated to them is free again."""
        targets = self.by_entry.get(reversal.item.reverses or "", [])
        if not targets:
            self.reversed_later[reversal.item.reverses or ""].append(reversal)
            reversal.awaits_reversal = True
        for target in sorted(targets, key=lambda one: one.item.amount != reversal.item.amount):
            self._take_back_item(reversal, target)

    def _take_back_item(self, reversal: Standing, target: Standing) -> None:
        ours, theirs = reversal.item, target.item
        if (
            reversal is target
            or ours.group != theirs.group
            or ours.is_raising == theirs.is_raising
            or ours.party != theirs.party
            or reversal.excluded
        ):
            return
        if target.owner is None or target.excluded:
            # It has no row: neither has what takes it back.
            reversal.excluded = target.excluded
            reversal.is_void = target.is_void = True
            target.group.forget(target)
            reversal.group.forget(reversal)
            return
        if reversal.owner is None:
            self._give(reversal, target.owner)
        self._party(reversal).know(reversal)
        credit, row = (target, reversal) if ours.is_raising else (reversal, target)
        before = sum(one for other, one in target.allocated.items() if other.item.reverses == theirs.entry)
        amount = min(reversal.remaining, theirs.amount - before)
        freed = []
        for other, allocated in target.latest():
            if target.remaining < amount and other.item.reverses != theirs.entry:
                pair = (other, target) if theirs.is_raising else (target, other)
                self._free(*pair, min(allocated, amount - target.remaining), REVERSAL)
                freed.append(other)
        self._allocate(credit, row, amount, REVERSAL)
        self._find_others(freed)

    def _find_others(self, freed: Sequence[Standing]) -> None:
        """What is free again takes what names it, or what it names, and nothing else."""
        for standing in freed:
            party = self._party(standing)
            if standing.item.is_raising:
                self._find_credits(standing)
            else:
                self._settle_named(standing, party)
                party.hold(standing)

    # Before the start of the synchronisation.

    def _is_too_early(self, standing: Standing, sync_start: date) -> bool:
        item = standing.item
        if item.day >= sync_start or item.id in self.persons:
            return False
        if self.carried is not None and item.day < self.carried.day:
            # Its month is closed without it.
            return True
        return not standing.is_void and not self._is_one_invoice(standing)

    def _is_one_invoice(self, standing: Standing) -> bool:
        """Whether exactly one invoice fits an item of before: by number, or by party and amount."""
        item = standing.item
        if standing.owner is None and item.is_raising:
            return False
        if item.is_raising:
            twins = self._party(standing).rows.of_number(standing) if item.is_invoice else []
            if twins:
                self.ambiguous[item.id] = Ambiguity(item, self.today, (standing.owner or "",))
            return item.is_invoice and not twins
        if standing.owner is None:
            return len(standing.group.named_by(standing)[0]) == 1
        party = self._party(standing)
        rows = party.rows.named_by(standing)[0] or party.rows_of(item.amount)
        if len(rows) > 1:
            self.ambiguous[item.id] = Ambiguity(item, self.today, (standing.owner,))
        return len(rows) == 1

    # What a closed month left.

    def _carry(self, items: Sequence[Item], carried: Carried) -> None:
        """Takes up the closed months' state, and then what people said of it since, on the first open day."""
        self.today = carried.day
        for item in items:
            self._note(item).owner = carried.parties.get(item.id)
        allocations = {
            pair: amounts
            for pair, amounts in carried.allocations.items()
            if pair[0] in self.by_id and pair[1] in self.by_id
        }
        for (credit_id, row_id), (amount, pinned) in allocations.items():
            credit, row = self.by_id[credit_id], self.by_id[row_id]
            for one, other in ((credit, row), (row, credit)):
                one.allocate(other, amount)
                one.pin(other, pinned)
        for standing in self.by_id.values():
            if standing.owner is None:
                self._carry_nobodys(standing)
                continue
            party = self._party(standing)
            if standing.item.is_raising:
                party.add_row(standing)
                standing.group.add_row(standing)
            else:
                party.know(standing)
                party.hold(standing)
        self._follow_people(allocations)

    def _carry_nobodys(self, standing: Standing) -> None:
        item, group = standing.item, standing.group
        targets = [one for one in self.by_entry.get(item.reverses or "", ()) if one.owner is None]
        for one in (standing, *targets) if targets else ():
            one.is_void = True
            group.forget(one)
        if self.sync_start is not None and item.day < self.sync_start:
            standing.excluded = BEFORE_SYNC_START
        elif not item.is_raising and not standing.is_void:
            group.wait(standing)

    def _follow_people(self, carried: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        wanted: dict[tuple[str, str], int] = defaultdict(int)
        for one in self.requested:
            wanted[one.settlement, one.item] += one.amount
        for (credit_id, row_id), (_, pinned) in carried.items():
            surplus = pinned - wanted.get((credit_id, row_id), 0)
            if surplus > 0:
                credit, row = self.by_id[credit_id], self.by_id[row_id]
                self._free(credit, row, surplus, UNDONE)
                self._find_others([credit, row])
        left = {pair: pinned for pair, (_, pinned) in carried.items()}
        for one in self.requested:
            pair = one.settlement, one.item
            done = min(one.amount, left.get(pair, 0))
            left[pair] = left.get(pair, 0) - done
            there = [self.by_id[name] for name in pair if name in self.by_id]
            for standing in there:
                standing.reserved += one.amount - done
            if len(there) == 2:
                self._apply(one, one.amount - done)
