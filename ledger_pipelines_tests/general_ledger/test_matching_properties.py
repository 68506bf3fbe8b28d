"""What holds of the sub-ledgers whatever happens: drawn journals of invoices, payments, refunds and reversals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.general_ledger.items import UNITS, items_of
from ledger_pipelines.general_ledger.matched import Allocation, Item, PersonsMatch
from ledger_pipelines.general_ledger.matching import match
from ledger_pipelines.general_ledger.sub_ledger import carried_from, sub_ledger
from ledger_pipelines.months import month_of, month_range
from ledger_pipelines_tests.general_ledger.journals import (
    ACME,
    OTHER,
    Entry,
    control_lines,
    entry,
    invoice,
    payment,
    reversal,
)

_FIRST, _DAYS = date(2025, 1, 1), 120
_MONTHS = month_range(_FIRST, date(2025, 6, 1))


def drawn(random: Random, count: int) -> list[Entry]:
    """A journal of two customers, in which everything happens that can."""
    made: list[Entry] = []
    reversed_already: set[str] = set()
    for number in range(count):
        on = _FIRST + timedelta(random.randrange(_DAYS))
        amount = random.choice([50, 100, 100, 250, 333])
        party = random.choice([ACME, ACME, OTHER])
        reference: dict[str, str] = {}
        if random.random() < 0.5:
            reference["kid"] = random.choice(["1", "2", "3"])
        if random.random() < 0.3:
            reference["invoice_number"] = random.choice(["A-100", "A-200"])
        if random.random() < 0.2:
            reference["description"] = random.choice(["for A-100", "(A-200)", "thanks"])
        if random.random() < 0.3:
            reference["settles"] = f"books/{random.randrange(count)}"
        what = random.choice(
            ["invoice", "invoice", "payment", "payment", "refund", "credit", "nobody", "reversal", "opening"]
        )
        name = str(number)
        if what == "invoice":
            made.append(invoice(name, on, amount, party, **reference))
        elif what == "opening":
            made.append(
                entry(
                    name,
                    on,
                    [("1500", random.choice([amount, -amount]), {"party": party}), ("9999", 0, {})],
                    "opening",
                )
            )
        elif what == "nobody":
            made.append(payment(name, on, amount, None, source_type="imported", **reference))
        elif what == "reversal" and made:
            target = random.choice(made)
            if target.entry["id"] not in reversed_already:
                reversed_already.add(target.entry["id"])
                made.append(reversal(target, max(on, target.entry["posting_date"])))
        else:
            kind = "credit_note" if what == "credit" else "payment"
            signed = -amount if what == "refund" else amount
            made.append(payment(name, on, signed, party, source_type=kind, **reference))
    return made


def said(random: Random, items: Sequence[Item]) -> list[PersonsMatch]:
    credits = [item.id for item in items if not item.is_raising]
    rows = [item.id for item in items if item.is_raising]
    if not credits or not rows:
        return []
    return [
        PersonsMatch(number, random.choice(credits), random.choice(rows), random.choice([50, 100]) * UNITS)
        for number in range(random.randrange(3))
    ]


def net(allocations: Sequence[Allocation], until: date) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for one in allocations:
        if one.day <= until:
            sums[one.credit, one.row] += one.amount
    return {pair: amount for pair, amount in sums.items() if amount}


def of_months(table: pa.Table, months: Sequence[date]) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row["month"] in months]


def check(seed: int) -> None:
    random = Random(seed)
    items = items_of(control_lines(drawn(random, random.randrange(2, 22)))).items
    persons = said(random, items)
    found = match(items, persons)

    # No settlement takes more than remains, and no row is paid beyond its amount, on any day.
    cut = _FIRST + timedelta(random.randrange(_DAYS))
    by_id = {item.id: item for item in items}
    for until in (cut, date.max):
        used: dict[str, int] = defaultdict(int)
        for (credit, row), amount in net(found.allocations, until).items():
            assert amount > 0, seed
            assert not by_id[credit].is_raising, seed
            assert by_id[row].is_raising, seed
            used[credit] += amount
            used[row] += amount
        assert all(amount <= by_id[key].amount for key, amount in used.items()), seed

    # What comes later changes nothing, and the order in which the journal is read is none of the rule's.
    shuffled = [item for item in items if item.day <= cut]
    random.shuffle(shuffled)
    before = match(shuffled, persons)
    assert before.allocations == [one for one in found.allocations if one.day <= cut], seed

    # The sub-ledger is the ledger without what is explained, at each month's end.
    whole = sub_ledger(found, _MONTHS)
    for month in _MONTHS:
        end = max(day for day in (month + timedelta(n) for n in range(31)) if month_of(day) == month)
        rows = sum(int(row["remaining_amount"] * UNITS) for row in of_months(whole.rows, [month]))
        ours = 0
        for item in items:
            nobodys = item.id not in found.parties or found.party_days.get(item.id, item.day) > end
            if item.day <= end and not nobodys:
                ours += item.amount if item.is_raising else -item.amount
        assert rows == ours, seed
    changes: dict[str, int] = defaultdict(int)
    for change in whole.transactions.to_pylist():
        changes[change["item"]] += int(change["amount"] * UNITS)
    last = {row["item"]: int(row["remaining_amount"] * UNITS) for row in of_months(whole.rows, _MONTHS[-1:])}
    assert {key: amount for key, amount in changes.items() if amount} == {
        key: amount for key, amount in last.items() if amount
    }, seed

    # Closing some months first gives the same: a month starts from the last closed month and the journal since.
    months = random.randrange(1, len(_MONTHS))
    closed, still_open = _MONTHS[:months], _MONTHS[months:]
    state = carried_from(
        pa.Table.from_pylist(of_months(whole.transactions, closed), whole.transactions.schema),
        items,
        still_open[0],
    )
    again = sub_ledger(match(items, persons, carried=state), still_open, state)
    if not persons:
        for name in ("rows", "transactions"):
            expected = of_months(getattr(whole, name), still_open)
            assert by_key(of_months(getattr(again, name), still_open)) == by_key(expected), (seed, name)


def by_key(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The rows without their numbers, in an order of their own."""
    return sorted(tuple(str(value) for name, value in row.items() if name != "number") for row in rows)


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_whatever_happens_the_sub_ledger_holds(start: int) -> None:
    for seed in range(start, start + 25):
        check(seed)
