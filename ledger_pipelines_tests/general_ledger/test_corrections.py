"""What is posted never changes: whatever becomes of a document, its entries together come to what it is now."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.general_ledger.corrections import corrections, reversals, with_revisions
from ledger_pipelines.general_ledger.drafts import joined
from ledger_pipelines.general_ledger.invoices import GONE
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, no_entries, sealed
from ledger_pipelines.months import add_months
from ledger_pipelines_tests.general_ledger.books import balances

FIRST = date(2025, 1, 1)
_SYSTEMS = frozenset({"holded"})
_POSTED = ["month", "id", "source_type", "source_system", "source_id", "revision", "reverses", "content"]


def posted_again(books: Journal, desired: Journal, gone: pa.Table, months: set[date]) -> Journal:
    """The books with the drafts that these desired entries make beside what is posted."""
    plan = corrections(desired.entries, books.entries.select(_POSTED), gone, months=months, systems=_SYSTEMS)
    wanted = pa.array([row["id"] for row in plan.reversals], pa.string())
    lines = books.lines.filter(pc.is_in(books.lines["entry_id"], value_set=wanted))
    return joined([books, with_revisions(desired, plan), reversals(plan.reversals, lines)])


def _desired(month: date, states: dict[str, int | None]) -> tuple[Journal, pa.Table]:
    """The entries of documents that come to these amounts in this month, and those that come to nothing."""
    entries, lines = [], []
    for name, amount in states.items():
        if amount:
            entry = {"month": month, "id": f"holded/{name}", "posting_date": month, "document_date": FIRST}
            entry |= {"source_type": "customer_invoice", "source_system": "holded", "source_id": name}
            entries.append(entry | {"revision": 0, "status": "draft"})
            line = {"month": month, "entry_id": entry["id"], "currency": "EUR"}
            lines.append(line | {"line": 1, "account": "1500", "debit": Decimal(amount)})
            lines.append(line | {"line": 2, "account": "3000", "credit": Decimal(amount)})
    gone = [
        {"month": month, "source_system": "holded", "source_id": name}
        for name, amount in states.items()
        if not amount
    ]
    journal = sealed(pa.Table.from_pylist(entries, UNSEALED_ENTRIES), pa.Table.from_pylist(lines, LINES))
    return journal, pa.Table.from_pylist(gone, GONE)


#: What a month's close brings of each document: nothing new, an amount, or that it is gone.
_NEWS = st.sampled_from(["same", None, 100, 200, 0])
_STORIES = st.lists(st.dictionaries(st.sampled_from("abcde"), _NEWS, min_size=1), min_size=1, max_size=7)


@given(story=_STORIES)
def test_all_entries_of_a_document_come_to_what_it_is_now(story: list[dict[str, Any]]) -> None:
    """Each month takes the news of the closed ones before it, and is closed."""
    books, known = no_entries(), dict[str, int | None]()
    for place, news in enumerate(story):
        month = add_months(FIRST, place)
        told = {name: known.get(name) if amount == "same" else amount for name, amount in news.items()}
        known |= told
        desired, gone = _desired(month, told)
        before = books.entries.num_rows
        books = posted_again(books, desired, gone, {month})
        again = posted_again(books, desired, gone, set())
        assert again.entries.num_rows == books.entries.num_rows, (
            "what is posted as it is has no further entry"
        )
        assert books.entries.num_rows - before <= 2 * len(told)
        assert balances(books).get("1500", Decimal(0)) == sum(amount or 0 for amount in known.values())
    ids = books.entries["id"].to_pylist()
    assert len(set(ids)) == len(ids)


_STATES = st.dictionaries(st.sampled_from("abcde"), st.sampled_from([100, 200]))


@given(states=st.lists(_STATES, min_size=1, max_size=6))
def test_a_month_that_is_reopened_again_and_again_comes_to_what_it_says_last(
    states: list[dict[str, int | None]],
) -> None:
    """What it says no more is reversed, though nobody says that it is gone."""
    books = no_entries()
    for state in states:
        desired, _ = _desired(FIRST, state)
        books = posted_again(books, desired, GONE.empty_table(), {FIRST})
        assert balances(books).get("1500", Decimal(0)) == sum(amount or 0 for amount in state.values())


def test_entries_that_were_imported_are_nobody_s_to_correct() -> None:
    desired, _ = _desired(FIRST, {"a": 100})
    entries = desired.entries.set_column(
        desired.entries.schema.get_field_index("source_system"), "source_system", pa.array(["saft"])
    )
    plan = corrections(
        no_entries().entries, entries.select(_POSTED), GONE.empty_table(), months={FIRST}, systems=_SYSTEMS
    )
    assert plan.reversals == []
