"""The sub-ledgers month by month: what remains of each item, and every change of it (rules/general_ledger.md).

An item's changes, over all months, come to what remains of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.items import UNITS
from ledger_pipelines.general_ledger.matched import Allocation, Carried, Item, Matching
from ledger_pipelines.general_ledger.matching import PERSON, REVERSAL, UNDONE
from ledger_pipelines.months import month_of
from ledger_pipelines.tables.sub_ledgers import CUSTOMER_LEDGER, CUSTOMER_LEDGER_TRANSACTIONS

#: Both sub-ledgers have the same columns.
ROWS, TRANSACTIONS = CUSTOMER_LEDGER.schema, CUSTOMER_LEDGER_TRANSACTIONS.schema


@dataclass(frozen=True, slots=True)
class Change:
    """What remains of an item changed on a day, by itself or matched with another one (`settlement`)."""

    day: date
    item: Item
    party: str
    type: str
    amount: int
    settlement: Item | None = None
    matched_by: str | None = None


@dataclass(frozen=True, slots=True)
class SubLedger:
    """The rows (`ROWS`) and changes (`TRANSACTIONS`) of some months, of all control accounts."""

    rows: pa.Table
    transactions: pa.Table


def sub_ledger(matching: Matching, months: Sequence[date], carried: Carried | None = None) -> SubLedger:
    """The sub-ledgers of months that follow each other, from that of `carried.day` or from the first item's on."""
    changes = sorted(changes_of(matching, carried), key=lambda one: month_of(one.day))
    remaining, parties = _carried(matching, carried)
    rows: list[dict[str, Any]] = []
    movements: list[dict[str, Any]] = []
    by_month = defaultdict(list)
    for change in changes:
        by_month[month_of(change.day)].append(change)
    for month in months:
        listed = dict.fromkeys(key for key, amount in remaining.items() if amount)
        numbers: dict[str, int] = defaultdict(int)
        for change in by_month.get(month, ()):
            key = change.item.id
            listed[key] = None
            parties[key] = change.party
            remaining[key] = remaining.get(key, 0) + change.amount
            numbers[key] += 1
            movements.append(_transaction(month, change, numbers[key]))
        rows += [_row(month, matching.items[key], parties[key], remaining[key]) for key in listed]
        remaining = {key: amount for key, amount in remaining.items() if amount}
    return SubLedger(_table(rows, ROWS), _table(movements, TRANSACTIONS))


def changes_of(matching: Matching, carried: Carried | None = None) -> Iterator[Change]:
    """Every change of what remains of the items since the closed months, in the order in which they came about."""
    at_once: dict[str, int] = defaultdict(int)
    by_trigger: dict[str, list[Allocation]] = defaultdict(list)
    for one in matching.allocations:
        by_trigger[one.trigger].append(one)
        if one.amount > 0 and one.trigger == one.credit:
            at_once[one.credit] += one.amount
    yield from _allocated(by_trigger.get("", ()), matching)
    for key, party in matching.parties.items():
        if carried is None or key not in carried.parties:
            item = matching.items[key]
            # What a settlement pays as it comes never remained.
            amount = item.amount if item.is_raising else at_once.get(key, 0) - item.amount
            day = matching.party_days.get(key, item.day)
            if amount:
                day = max(day, carried.day) if carried else day
                yield Change(day, item, party, arrival_type(item), amount)
        yield from _allocated(by_trigger.get(key, ()), matching)


def _allocated(allocations: Iterable[Allocation], matching: Matching) -> Iterator[Change]:
    for one in allocations:
        credit, row = matching.items[one.credit], matching.items[one.row]
        kind = "reversal" if one.how == REVERSAL or one.amount < 0 else arrival_type(credit)
        party = matching.parties[one.row]
        yield Change(one.day, row, party, kind, -one.amount, credit, one.how)
        if one.amount < 0 or one.trigger != one.credit:
            yield Change(one.day, credit, party, kind, one.amount, row, one.how)


def arrival_type(item: Item) -> str:
    """What an item is among the transactions."""
    if item.reverses is not None:
        return "reversal"
    if item.is_raising:
        return "payment" if item.source_type == "payment" else "invoice"
    return "payment" if item.source_type in ("payment", "imported", "manual", "opening") else "credit_note"


def carried_from(transactions: pa.Table, items: Collection[Item], day: date) -> Carried:
    """The state that closed months left, from the transactions up to them (`TRANSACTIONS`); `day` is the first open one.

    `items` are those of the journal: what is none of theirs is left out. Where an open month before a closed one has
    changed since, an item's allocations may come to more than it has: then the later ones give way.
    """
    left = {item.id: item.amount for item in items}
    raising = {item.id for item in items if item.is_raising}
    parties: dict[str, str] = {}
    net: dict[tuple[str, str], int] = defaultdict(int)
    ordered: dict[tuple[str, str], int] = defaultdict(int)
    names = ("item", "settlement", "party", "amount", "matched_by")
    columns = [transactions[name].to_pylist() for name in names]
    for item, settlement, party, amount, matched_by in zip(*columns, strict=True):
        parties[item] = party
        if settlement is None:
            continue
        parties.setdefault(settlement, party)
        if item in raising:
            units = -int(amount * UNITS)
            net[settlement, item] += units
            if matched_by in (PERSON, UNDONE):
                ordered[settlement, item] += units
    allocations = {}
    for (credit, row), units in net.items():
        amount = min(units, left.get(credit, 0), left.get(row, 0))
        if amount > 0:
            left[credit] -= amount
            left[row] -= amount
            allocations[credit, row] = (amount, max(0, min(amount, ordered[credit, row])))
    return Carried(day, parties, allocations)


def unowned(matching: Matching, until: date, carried: Carried | None = None) -> Iterator[Item]:
    """The items that nobody's rows fit by the end of a day; those without a row by rule, and reversed ones, apart."""
    for item in matching.items.values():
        if item.party is not None or item.day > until or item.id in matching.excluded:
            continue
        if carried is not None and item.id in carried.parties:
            continue
        since = matching.party_days.get(item.id)
        if item.id not in matching.void and (since is None or since > until):
            yield item


def _carried(matching: Matching, carried: Carried | None) -> tuple[dict[str, int], dict[str, str]]:
    if carried is None:
        return {}, {}
    remaining = {
        key: matching.items[key].amount if matching.items[key].is_raising else -matching.items[key].amount
        for key in carried.parties
        if key in matching.items
    }
    for (credit, row), (amount, _) in carried.allocations.items():
        if credit in remaining and row in remaining:
            remaining[credit] += amount
            remaining[row] -= amount
    return remaining, dict(carried.parties)


def _row(month: date, item: Item, party: str, remaining: int) -> dict[str, Any]:
    amount = item.amount if item.is_raising else -item.amount
    kind = "credit" if not item.is_raising else "opening" if item.source_type == "opening" else "invoice"
    status = "paid" if remaining == 0 else "open" if remaining == amount else "partially_paid"
    return {
        "month": month,
        "party": party,
        "voucher": item.entry,
        "kind": kind,
        "invoice_number": item.numbers[0] if item.numbers else None,
        "kid": item.kids[0] if item.kids else None,
        "invoice_date": item.document_date or item.day,
        "due_date": item.due if item.is_raising else None,
        "amount": decimal_of(amount),
        "remaining_amount": decimal_of(remaining),
        "currency": item.currency,
        "status": status,
        "item": item.id,
        "account": item.account,
        "posting_date": item.day,
    }


def _transaction(month: date, change: Change, number: int) -> dict[str, Any]:
    return {
        "month": month,
        "party": change.party,
        "date": change.day,
        "type": change.type,
        "voucher": change.item.entry,
        "settlement_voucher": None if change.settlement is None else change.settlement.entry,
        "amount": decimal_of(change.amount),
        "currency": change.item.currency,
        "matched_by": change.matched_by,
        "item": change.item.id,
        "settlement": None if change.settlement is None else change.settlement.id,
        "account": change.item.account,
        "number": number,
    }


def decimal_of(units: int) -> Decimal:
    """An amount in its currency, from thousandths."""
    return Decimal(units).scaleb(-3)


def _table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema)
