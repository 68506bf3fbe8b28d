"""What the matching is given and what it finds (rules/general_ledger.md, Sub-ledgers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

#: Why an item has no row, where that can change or be mended.
BEFORE_SYNC_START = "before_sync_start"


@dataclass(slots=True, eq=False)
class Item:
    """The lines of an entry for one party, account, currency and side; amounts in thousandths.

    `document` is the entry's document, by source system and id; `kids`, `numbers`, `settles` and `text` are what its
    lines name. One that raises the balance `is_document` (an invoice or an opening balance), or else it is a refund or a
    difference.
    """

    id: str
    entry: str
    document: str
    account: str
    currency: str
    party: str | None
    day: date
    is_raising: bool
    amount: int
    due: date
    is_document: bool = True
    is_invoice: bool = True
    kids: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    settles: tuple[str, ...] = ()
    text: str = ""
    reverses: str | None = None
    source_type: str = "imported"
    document_date: date | None = None

    @property
    def group(self) -> tuple[str, str]:
        """Only items of one account and currency settle each other."""
        return self.account, self.currency

    def rank(self, reversed_on: date | None) -> int:
        """Its place among the items of its day; `reversed_on` is the day of the entry that it takes back."""
        if self.reverses is not None:
            return 4 if reversed_on == self.day else 0
        if not self.is_raising:
            return 2
        return 1 if self.is_document else 3


@dataclass(frozen=True, slots=True)
class PersonsMatch:
    """A person's word that a settlement pays an item, by their ids; the amount in thousandths."""

    id: int
    settlement: str
    item: str
    amount: int


class Allocation(NamedTuple):
    """An amount of a credit that pays a row from a day on; a negative one is free again.

    `trigger` is the item whose arrival brought it about; none, where it was a person's word about a closed month.
    """

    day: date
    credit: str
    row: str
    amount: int
    how: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A settlement that fits the rows of several parties, or one of before the synchronisation that fits several."""

    item: Item
    day: date
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """The state that the last closed month left.

    `day` is the first open day; `parties` has every item that the closed months' sub-ledgers had, and whose it was;
    `allocations` has for each credit and row the amount, and how much of it a person ordered.
    """

    day: date
    parties: Mapping[str, str] = field(default_factory=dict)
    allocations: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matching:
    """What a run found: every change of an allocation in order, whose each item is, and what has no row."""

    items: Mapping[str, Item]
    allocations: list[Allocation]
    #: The party of each item that has one, its own or that of the rows that it fits; and since when, if not its own.
    parties: Mapping[str, str]
    party_days: Mapping[str, date]
    #: Items that have no row by rule, and why.
    excluded: Mapping[str, str]
    #: Items of nobody's that another one of nobody's takes back, and those.
    void: frozenset[str]
    ambiguous: list[Ambiguity]
    #: People's matches that cannot be: of another party, account or currency, or of no row.
    misfits: list[PersonsMatch]
