"""Which month keeps which payment, and what becomes of news about closed months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.closing.restatement import newest
from ledger_pipelines.invoicing.payments import (
    PaymentReading,
    live_payments,
    month_payments,
    unclaimed_payment_problems,
    unclaimed_payments,
)
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.tables.invoicing import INVOICE_PAYMENTS
from ledger_pipelines_tests.invoicing.building import documents

JAN, FEB, MAR, APR, MAY, JUN = month_range(date(2024, 1, 1), date(2024, 7, 1))
READ = INVOICE_PAYMENTS.without("is_removed")
NOTHING = INVOICE_PAYMENTS.schema.empty_table()
Kept = tuple[date, str, str, bool]


def payment(number: str, day: date, amount: str = "100.00", document: str = "inv") -> dict[str, Any]:
    return {
        "id": f"{document}/{number}",
        "document_id": document,
        "document_type": "invoice",
        "document_number": f"F-{document}",
        "contact_id": "ada",
        "contact_name": "Ada",
        "date": day,
        "amount": Decimal(amount),
        "currency": "EUR",
    }


@dataclass
class Books:
    """The table month by month, and which months are closed: what the import does with it, in a few lines."""

    months: dict[date, pa.Table] = field(default_factory=dict)
    closed: set[date] = field(default_factory=set)
    first: date = JAN

    def read(
        self,
        source: Sequence[dict[str, Any]],
        months: Sequence[date],
        *,
        unread: Collection[str] = (),
        gone: Collection[str] = ("inv",),
    ) -> pa.Table:
        """Reads these payments, all of their documents, for the months; `gone` are documents that have none left."""
        judged = ({row["document_id"] for row in source} | set(gone)) - set(unread)
        held = [self.months.get(month, NOTHING) for month in sorted({*self.closed, *months})]
        found = month_payments(
            PaymentReading(pa.Table.from_pylist(list(source), READ), frozenset(judged)),
            pa.concat_tables(held),
            months=months,
            closed=self.closed,
            first_month=self.first,
        )
        for month in set(months) - self.closed:
            self.months[month] = _of(found, month).combine_chunks()
        return found

    def rows(self, *months: date) -> list[Kept]:
        return _rows(pa.concat_tables([self.months[month] for month in months or sorted(self.months)]))

    def truth(self) -> list[tuple[str, date, Decimal]]:
        """What is known of each payment that is there: its newest row."""
        known = live_payments(newest(pa.concat_tables(list(self.months.values())), ["id"]))
        return sorted((row["id"], row["date"], row["amount"]) for row in known.to_pylist())


def _of(frame: pa.Table, month: date) -> pa.Table:
    return frame.filter(pa.array([one == month for one in frame["month"].to_pylist()], pa.bool_()))


def _rows(frame: pa.Table) -> list[Kept]:
    return sorted(
        (row["month"], row["id"].rpartition("/")[2], str(row["amount"]), row["is_removed"])
        for row in frame.to_pylist()
    )


def test_a_payment_is_kept_in_the_month_of_its_own_date_whatever_its_document_s() -> None:
    books = Books()
    books.read([payment("1", date(2024, 1, 31)), payment("2", date(2024, 3, 1))], [JAN, FEB, MAR])
    assert books.rows() == [(JAN, "1", "100.00", False), (MAR, "2", "100.00", False)]


def test_an_invoice_paid_in_two_months_and_refunded_in_a_third() -> None:
    """1210.00 of January: 500.00 in January, 710.00 in February, and 210.00 paid back in March."""
    books = Books()
    paid = [payment("1", date(2024, 1, 20), "500.00"), payment("2", date(2024, 2, 20), "710.00")]
    books.read(paid, [JAN])
    books.closed = {JAN}
    books.read([*paid, payment("3", date(2024, 3, 5), "-210.00")], [FEB, MAR])
    assert books.rows() == [
        (JAN, "1", "500.00", False),
        (FEB, "2", "710.00", False),
        (MAR, "3", "-210.00", False),
    ]
    assert sum(amount for _, _, amount in books.truth()) == Decimal("1000.00")


def test_a_payment_of_a_closed_month_that_is_entered_later_is_news_of_the_first_open_one() -> None:
    books = Books(closed={JAN, FEB})
    found = books.read([payment("1", date(2024, 1, 20))], [JAN, FEB, MAR])
    assert books.rows() == [(MAR, "1", "100.00", False)]
    # January would have it today, and says so.
    assert _rows(_of(found, JAN)) == [(JAN, "1", "100.00", False)]


def test_a_payment_that_is_taken_out_is_gone_from_an_open_month_and_marked_for_a_closed_one() -> None:
    books = Books()
    both = [payment("1", date(2024, 1, 20)), payment("2", date(2024, 2, 20))]
    books.read(both, [JAN, FEB])
    books.read(both[1:], [JAN, FEB])
    assert books.rows() == [(FEB, "2", "100.00", False)]
    books.closed = {JAN, FEB}
    books.read([], [MAR, APR])
    assert books.rows(MAR, APR) == [(MAR, "2", "100.00", True)]
    books.closed |= {MAR}
    books.read([], [APR])
    assert books.rows(APR) == []
    # And put in again.
    books.read(both[1:], [APR])
    assert books.rows(APR) == [(APR, "2", "100.00", False)]


def test_an_amount_that_was_corrected_is_news_and_what_is_as_it_was_is_none() -> None:
    books = Books()
    books.read([payment("1", date(2024, 1, 20)), payment("2", date(2024, 1, 21))], [JAN])
    books.closed = {JAN}
    books.read([payment("1", date(2024, 1, 20), "90.00"), payment("2", date(2024, 1, 21))], [FEB, MAR])
    assert books.rows(FEB, MAR) == [(FEB, "1", "90.00", False)]


def test_a_payment_that_moved_to_another_month_counts_once() -> None:
    books = Books()
    books.read([payment("1", date(2024, 2, 20))], [JAN, FEB])
    books.closed = {FEB}
    for day, month in ((date(2024, 1, 5), MAR), (date(2024, 4, 5), APR)):
        books.read([payment("1", day)], [JAN, MAR, APR])
        assert books.rows(JAN, MAR, APR) == [(month, "1", "100.00", False)]
        assert [found for _, found, _ in books.truth()] == [day]


def test_what_was_paid_before_the_ledger_begins_is_in_its_first_open_month() -> None:
    books = Books(first=FEB)
    before = [payment("1", date(2023, 12, 20))]
    books.read(before, [FEB, MAR])
    assert books.rows() == [(FEB, "1", "100.00", False)]
    books.closed = {FEB}
    found = books.read([*before, payment("2", date(2023, 12, 21))], [FEB, MAR])
    assert books.rows(MAR) == [(MAR, "2", "100.00", False)]
    assert _rows(_of(found, FEB)) == [(FEB, "1", "100.00", False)]


def test_what_could_not_be_read_is_not_absent() -> None:
    books = Books()
    known = [
        payment("1", date(2024, 1, 20)),
        payment("2", date(2024, 2, 20)),
        payment("3", date(2024, 2, 21)),
    ]
    books.read(known, [JAN, FEB])
    books.closed = {JAN}
    before = books.rows()
    # All of the document, or one of its payments.
    for source in ([], known[:1], known[2:]):
        found = books.read(source, [JAN, FEB, MAR], unread={"inv"})
        assert books.rows(JAN, FEB) == before
        assert books.rows(MAR) == []
        assert _rows(_of(found, JAN)) == [(JAN, "1", "100.00", False)]
    # What could be read counts as it is.
    books.read([payment("2", date(2024, 2, 20), "70.00")], [FEB], unread={"inv"})
    assert books.rows(FEB) == [(FEB, "2", "70.00", False), (FEB, "3", "100.00", False)]


def test_payments_of_documents_that_do_not_count_are_told_with_their_amounts() -> None:
    books = Books()
    kinds = {"ok": {}, "draft": {"is_draft": True}, "void": {"is_cancelled": True}}
    headers = documents(
        *(
            {"id": name, "date": JAN, "lines": [("bootcamp", "100.00")], **more}
            for name, more in kinds.items()
        )
    ).headers
    found = books.read([payment("1", date(2024, 2, 5), "12.50", name) for name in (*kinds, "unknown")], [FEB])
    rows = unclaimed_payments(found, headers)
    problems = unclaimed_payment_problems(rows)
    assert {problem.month for problem in problems} == {"2024-02"}
    assert [problem.message for problem in problems] == [
        f"The payment of 12.50 EUR on 2024-02-05 of F-{name} is of a document that is {why}, so that it pays nothing: "
        "issue the document, or take the payment out, in Holded."
        for name, why in (("draft", "a draft"), ("void", "cancelled"))
    ]


# --- Properties -------------------------------------------------------------------------------------------------------

_DAYS = st.dates(date(2023, 12, 1), date(2024, 6, 30))
_AMOUNTS = st.sampled_from(["-30.00", "0.00", "10.00"])
_DOCUMENTS = ("a", "b", "c")
_NAMES = [f"{document}/{number}" for document in _DOCUMENTS for number in range(4)]
#: Few that are large: each reading costs as much for one payment as for many.
_WORLDS = st.dictionaries(st.sampled_from(_NAMES), st.tuples(_DAYS, _AMOUNTS), max_size=len(_NAMES))
_FEW = settings(max_examples=10)
#: So many at once, each with documents of its own.
_AT_ONCE = 5
_SEVERAL_WORLDS = st.lists(_WORLDS, min_size=_AT_ONCE, max_size=_AT_ONCE).map(
    lambda worlds: {f"{at}{name}": paid for at, world in enumerate(worlds) for name, paid in world.items()}
)
_ALL_DOCUMENTS = [f"{at}{document}" for at in ("", *range(_AT_ONCE)) for document in _DOCUMENTS]
_MONTHS = [JAN, FEB, MAR, APR, MAY, JUN]


def _source(world: dict[str, tuple[date, str]]) -> list[dict[str, Any]]:
    return [
        payment(name.partition("/")[2], day, amount, name.partition("/")[0])
        for name, (day, amount) in sorted(world.items())
    ]


def _runs(books: Books, world: dict[str, tuple[date, str]], runs: Sequence[Sequence[date]]) -> None:
    for months in runs:
        books.read(_source(world), months, gone=_ALL_DOCUMENTS)


def _open(books: Books) -> dict[date, list[Kept]]:
    return {month: books.rows(month) for month in _MONTHS if month not in books.closed}


@st.composite
def _any_runs(draw: st.DrawFn) -> list[list[date]]:
    """The months in some order, alone and in ranges, each at least once."""
    order = draw(st.permutations(_MONTHS))
    ranges = []
    for month in order:
        last = draw(st.integers(0, 3))
        ranges.append([one for one in month_range(month, add_months(month, 1 + last)) if one in _MONTHS])
    return ranges


@settings(max_examples=20)
@given(
    _SEVERAL_WORLDS,
    st.sets(st.sampled_from(_MONTHS[:4])),
    _SEVERAL_WORLDS,
    st.sets(st.sampled_from(_MONTHS[:5])),
    _SEVERAL_WORLDS,
)
def test_whatever_happens_the_newest_rows_are_what_the_source_says_and_closed_months_stay(
    first: Any, closed: set[date], second: Any, more: set[date], third: Any
) -> None:
    books = Books()
    _runs(books, first, [_MONTHS])
    for world, now_closed in ((second, closed), (third, closed | more)):
        books.closed = set(now_closed)
        before = {month: books.months[month] for month in books.closed}
        _runs(books, world, [_MONTHS])
        assert all(books.months[month].equals(rows) for month, rows in before.items())
        said = sorted((row["id"], row["date"], row["amount"]) for row in _source(world))
        assert books.truth() == said
        # Again: nothing changes.
        once = _open(books)
        _runs(books, world, [_MONTHS])
        assert _open(books) == once


@_FEW
@given(_WORLDS, st.sets(st.sampled_from(_MONTHS[:4])), _WORLDS, _any_runs(), _any_runs())
def test_months_in_any_order_alone_or_in_a_range_give_the_same_rows(
    first: Any, closed: set[date], second: Any, runs: list[list[date]], others: list[list[date]]
) -> None:
    results = []
    for one in ([_MONTHS], runs, others):
        books = Books()
        _runs(books, first, [_MONTHS])
        books.closed = set(closed)
        _runs(books, second, one)
        results.append(_open(books))
    assert results[0] == results[1] == results[2]


@_FEW
@given(_WORLDS, st.sets(st.sampled_from(_MONTHS[:4])), _WORLDS)
def test_a_closed_month_would_have_the_payments_that_are_dated_in_it_and_the_news_that_still_is_so(
    first: Any, closed: set[date], second: Any
) -> None:
    books = Books()
    _runs(books, first, [_MONTHS])
    books.closed = set(closed)
    unchanged = books.read(_source(first), _MONTHS, gone=_DOCUMENTS)
    assert all(_rows(_of(unchanged, month)) == books.rows(month) for month in closed)
    found = books.read(_source(second), _MONTHS, gone=_DOCUMENTS)
    for month in closed:
        dated = {(row["id"], row["amount"]) for row in _source(second) if month_of(row["date"]) == month}
        own = _of(found, month).to_pylist()
        assert {(row["id"], row["amount"]) for row in own if month_of(row["date"]) == month} == dated
