"""How old what is owed is, as of any day (rules/general_ledger.md, Sub-ledgers)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

_NOTHING = Decimal(0)


@dataclass(slots=True)
class Aging:
    """A party's open items on a day, by how long they are overdue; `total` is its part of the sub-ledger's balance."""

    not_due: Decimal = _NOTHING
    days_1_30: Decimal = _NOTHING
    days_31_60: Decimal = _NOTHING
    days_61_90: Decimal = _NOTHING
    over_90: Decimal = _NOTHING
    unallocated_credits: Decimal = _NOTHING

    @property
    def total(self) -> Decimal:
        return sum((getattr(self, field.name) for field in fields(self)), _NOTHING)

    def add(self, due: date | None, remaining: Decimal, day: date) -> None:
        """Counts an item of which so much remains on the day; a credit's is negative, and it is due on no day."""
        name = "unallocated_credits" if remaining < 0 or due is None else column_of(due, day)
        setattr(self, name, getattr(self, name) + remaining)


#: The columns of an aging, in order.
COLUMNS = tuple(field.name for field in fields(Aging))


def days_overdue(due: date, day: date) -> int:
    """For how many days something due on `due` is overdue on a day; 0 on the day itself and before."""
    return max(0, (day - due).days)


def column_of(due: date, day: date) -> str:
    """The column in which something that is due on `due` stands on a day."""
    days = days_overdue(due, day)
    for last, name in ((0, "not_due"), (30, "days_1_30"), (60, "days_31_60"), (90, "days_61_90")):
        if days <= last:
            return name
    return "over_90"


def age(items: Iterable[tuple[str, str, date | None, Decimal]], day: date) -> dict[tuple[str, str], Aging]:
    """The aging by party and currency, of items (party, currency, due, remaining), as they stand on the day."""
    found: dict[tuple[str, str], Aging] = {}
    for party, currency, due, remaining in items:
        if remaining:
            found.setdefault((party, currency), Aging()).add(due, remaining, day)
    return dict(sorted(found.items()))
