"""Where an item stands while items are matched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ledger_pipelines.general_ledger.matched import Item
from ledger_pipelines.general_ledger.references import normal

if TYPE_CHECKING:
    from ledger_pipelines.general_ledger.item_index import Group, Party

_NOTHING: Mapping[Any, int] = MappingProxyType({})


class Standing:
    """An item while items are matched: whose it is, what remains of it, and with what the rest is allocated."""

    __slots__ = (
        "allocated",
        "awaits_reversal",
        "excluded",
        "group",
        "is_row",
        "is_void",
        "item",
        "numbers",
        "owned_since",
        "owner",
        "party",
        "pinned",
        "remaining",
        "reserved",
    )

    def __init__(self, item: Item, group: Group) -> None:
        self.item = item
        #: Its invoice numbers as they are compared.
        self.numbers = tuple(map(normal, item.numbers)) if item.numbers else ()
        self.group = group
        self.owner = item.party
        self.owned_since: date | None = None
        #: Where its owner's items are found.
        self.party: Party | None = None
        self.remaining = item.amount
        #: Kept for what a person said and has not come yet.
        self.reserved = 0
        self.allocated: Mapping[Standing, int] = _NOTHING
        #: What of it a person ordered.
        self.pinned: Mapping[Standing, int] = _NOTHING
        self.excluded: str | None = None
        #: Nobody's, and taken back by another one of nobody's, or such a one.
        self.is_void = False
        self.is_row = False
        #: It takes back what is not there yet.
        self.awaits_reversal = False

    def allocate(self, other: Standing, amount: int) -> None:
        """So much more is allocated with the other; less, where it is negative."""
        self.remaining -= amount
        self.allocated = _changed(self.allocated, other, amount)
        if amount < 0 and self.pinned:
            most = self.allocated.get(other, 0)
            self.pin(other, min(0, most - self.pinned.get(other, 0)))

    def pin(self, other: Standing, amount: int) -> None:
        """So much more of what is allocated with the other a person ordered."""
        self.pinned = _changed(self.pinned, other, amount)

    @property
    def free(self) -> int:
        """What may be allocated by itself."""
        free = self.remaining - self.reserved
        return free if free > 0 else 0

    @property
    def movable(self) -> int:
        """What may be allocated if a person says so: what remains, and what nobody ordered to be where it is."""
        return self.remaining + sum(
            amount - self.pinned.get(other, 0)
            for other, amount in self.allocated.items()
            if not self.takes_back(other)
        )

    def latest(self) -> list[tuple[Standing, int]]:
        """What it is allocated with, the latest first, whenever that was done."""
        return sorted(self.allocated.items(), key=lambda one: one[0].age(), reverse=True)

    def takes_back(self, other: Standing) -> bool:
        """Whether one of the two entries reverses the other."""
        return self.item.reverses == other.item.entry or other.item.reverses == self.item.entry

    def order(self) -> tuple[date, date, str]:
        """Oldest due first."""
        return self.item.due, self.item.day, self.item.id

    def age(self) -> tuple[date, str]:
        """Oldest first."""
        return self.item.day, self.item.id


def _changed(amounts: Mapping[Standing, int], other: Standing, amount: int) -> Mapping[Standing, int]:
    """The amounts with so much more of the other; most items never have more than one."""
    if not amounts:
        return {other: amount} if amount else _NOTHING
    changed = amounts if isinstance(amounts, dict) else dict(amounts)
    now = changed.get(other, 0) + amount
    if now:
        changed[other] = now
    else:
        changed.pop(other, None)
    return changed
