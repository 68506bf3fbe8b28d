"""Aging by hand: one page of twelve items, worked out here, as of four dates.

| item | party | posted | due | amount | changes |
| --- | --- | --- | --- | --- | --- |
| A1 | Acme | 5 Jan | 4 Feb | 1000.00 | paid 400.00 on 20 Feb |
| A2 | Acme | 10 Jan | 31 Jan | 250.00 | paid on 31 Jan |
| A3 | Acme | 1 Feb | 3 Mar | 600.00 | |
| A4 | Acme | 15 Feb | 31 Mar | 80.50 | |
| A5 | Acme | 20 Mar | 19 Apr | 320.00 | credit note 120.00 on 2 Apr |
| A6 | Acme | 1 Apr | 1 Apr | 45.00 | |
| B1 | Beta | 2 Jan | 2 Jan | 700.00 | paid on 1 Apr |
| B2 | Beta | 31 Jan | 2 Mar | 910.00 | |
| B3 | Beta | 28 Feb | 30 Mar | 15.25 | |
| B4 | Beta | 1 Mar | 30 Apr | 2000.00 | reversed on 15 Apr |
| B5 | Beta | 3 Mar | 3 Mar | 99.00 | paid 150.00 on 10 Mar: 51.00 too much |
| B6 | Beta | 10 Apr | 10 May | 60.00 | |

31 January. Acme: A1 is due on 4 Feb, so not due 1000.00; A2 is paid. Beta: B1 was due on 2 Jan, 29 days; B2 not due.

3 March. Acme: A1 600.00 left, due on 4 Feb, 27 days; A3 is due on this day, A4 later: 680.50 not due. Beta: B1 60 days
since 2 Jan (29 in January, 28 in February, 3); B2 due the day before, 1 day; B3 15.25, B4 2000.00 and B5 99.00, due on
this day, are not due: 2114.25.

31 March. Acme: A1 55 days (24 in February, 31): 31-60; A3 28 days: 1-30; A4 is due on this day: 80.50, with A5 320.00 not
due. Beta: B1 88 days: 61-90; B2 29 days and B3 1 day: 925.25 in 1-30; B4 not due; the 51.00 too much stay unallocated.

1 May. Acme: A1 86 days: 61-90; A3 59 days and A4 31 days: 680.50 in 31-60; A5 200.00 left, 12 days, and A6 45.00,
30 days: 245.00 in 1-30. Beta: B1 is paid, B4 reversed; B2 60 days and B3 32 days: 925.25 in 31-60; B6 60.00 not due;
unallocated 51.00.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import starmap

import pyarrow as pa
import pytest

from ledger_pipelines.general_ledger.aging import COLUMNS, age
from ledger_pipelines_tests.general_ledger.journals import (
    ACME,
    OTHER,
    Entry,
    books,
    day,
    invoice,
    payment,
    reversal,
)

_ITEMS = (
    ("A1", ACME, "2025-01-05", "2025-02-04", "1000"),
    ("A2", ACME, "2025-01-10", "2025-01-31", "250"),
    ("A3", ACME, "2025-02-01", "2025-03-03", "600"),
    ("A4", ACME, "2025-02-15", "2025-03-31", "80.50"),
    ("A5", ACME, "2025-03-20", "2025-04-19", "320"),
    ("A6", ACME, "2025-04-01", "2025-04-01", "45"),
    ("B1", OTHER, "2025-01-02", "2025-01-02", "700"),
    ("B2", OTHER, "2025-01-31", "2025-03-02", "910"),
    ("B3", OTHER, "2025-02-28", "2025-03-30", "15.25"),
    ("B4", OTHER, "2025-03-01", "2025-04-30", "2000"),
    ("B5", OTHER, "2025-03-03", "2025-03-03", "99"),
    ("B6", OTHER, "2025-04-10", "2025-05-10", "60"),
)


def page() -> list[Entry]:
    def posted(name: str, party: str, on: str, due: str, amount: str) -> Entry:
        return invoice(name, on, amount, party, due_date=day(due))

    items = list(starmap(posted, _ITEMS))
    return [
        *items,
        payment("pa1", "2025-02-20", 400, ACME, settles="books/A1"),
        payment("pa2", "2025-01-31", 250, ACME, settles="books/A2"),
        payment("ca5", "2025-04-02", 120, ACME, settles="books/A5", source_type="credit_note"),
        payment("pb1", "2025-04-01", 700, OTHER, settles="books/B1"),
        payment("pb5", "2025-03-10", 150, OTHER, settles="books/B5"),
        reversal(items[9], "2025-04-15"),
    ]


@pytest.mark.parametrize(
    ("on", "acme", "other"),
    [
        ("2025-01-31", {"not_due": "1000"}, {"not_due": "910", "days_1_30": "700"}),
        (
            "2025-03-03",
            {"not_due": "680.50", "days_1_30": "600"},
            {"not_due": "2114.25", "days_1_30": "910", "days_31_60": "700"},
        ),
        (
            "2025-03-31",
            {"not_due": "400.50", "days_1_30": "600", "days_31_60": "600"},
            {"not_due": "2000", "days_1_30": "925.25", "days_61_90": "700", "unallocated_credits": "-51"},
        ),
        (
            "2025-05-01",
            {"days_1_30": "245", "days_31_60": "680.50", "days_61_90": "600"},
            {"not_due": "60", "days_31_60": "925.25", "unallocated_credits": "-51"},
        ),
    ],
)
def test_the_page_by_hand(on: str, acme: dict[str, str], other: dict[str, str]) -> None:
    found = books(*page(), until="2025-05-31")
    items = left_on(found.ledger.rows, found.ledger.transactions, on)
    aged = age(items, day(on))
    for party, expected in ((ACME, acme), (OTHER, other)):
        told = {name: getattr(aged[party, "EUR"], name) for name in COLUMNS}
        assert {name: amount for name, amount in told.items() if amount} == {
            name: Decimal(amount) for name, amount in expected.items()
        }
    # The sum is the sub-ledger's balance.
    assert sum(one.total for one in aged.values()) == sum(amount for *_, amount in items)


def left_on(rows: pa.Table, transactions: pa.Table, on: str) -> list[tuple[str, str, date | None, Decimal]]:
    """What is left of each item on a day: party, currency, due, amount."""
    facts = {row["item"]: (row["party"], row["currency"], row["due_date"]) for row in rows.to_pylist()}
    left: dict[str, Decimal] = {}
    for row in transactions.to_pylist():
        if row["date"] <= day(on):
            left[row["item"]] = left.get(row["item"], Decimal(0)) + row["amount"]
    return [(*facts[item], amount) for item, amount in left.items()]
