"""What holds of any contracts, whatever their documents, periods and pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger_pipelines.accruals.invariants import (
    accruals_and_deferred_revenue_that_disagree,
    accruals_that_do_not_follow,
    completed_with_money_left,
    deferred_revenue_that_does_not_roll,
    recognised_beyond_contract,
)
from ledger_pipelines.accruals.outputs import CONTRACT_KEY
from ledger_pipelines.accruals.recognition import AccrualResult, accrue
from ledger_pipelines.months import add_months, month_range
from ledger_pipelines_tests.accruals.building import booked_rows
from ledger_pipelines_tests.accruals.generated import AT_LAST, MONTHS, Drawn, drawn_inputs

FIRST = MONTHS[0]
WAITING = (
    "missing_crm_data",
    "unusable_membership",
    "crm_not_read",
    "not_in_crm",
    "undated_notion_status",
    "unassigned_period",
)
ALWAYS = month_range(FIRST, add_months(AT_LAST, 1))
NOTHING = Decimal("0.00")

#: Each with four books.
several = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Each with eight, where each takes a call of the rule for every month.
twice_as_many = settings(several, max_examples=10)


def key_of(row: dict[str, Any]) -> tuple[str, ...]:
    """Which contract a row is about."""
    return tuple(row[name] for name in CONTRACT_KEY)


def sale_of(row: dict[str, Any]) -> tuple[str, ...]:
    """Which client, service and currency a row is about: all contracts of a sale."""
    return tuple(row[name] for name in CONTRACT_KEY[:3])


def totals(
    records: list[dict[str, Any]], name: str, key: Callable[[dict[str, Any]], tuple[str, ...]] = key_of
) -> dict[tuple[str, ...], Decimal]:
    """The sum of a column by contract; contracts with 0 left out."""
    sums: dict[tuple[str, ...], Decimal] = {}
    for row in records:
        sums[key(row)] = sums.get(key(row), NOTHING) + row[name]
    return {key: value for key, value in sums.items() if value}


def in_one(results: list[AccrualResult]) -> AccrualResult:
    """The frames of several results, one after another."""
    return AccrualResult(
        *(
            pa.concat_tables([getattr(one, name) for one in results])
            for name in ("accruals", "deferred_revenue", "notices")
        )
    )


@several
@given(drawn_inputs(tidy=True))
def test_in_the_end_a_contract_is_recognised_to_the_cent_or_stalled_with_what_is_left(drawn: Drawn) -> None:
    result = accrue(drawn.inputs, ALWAYS)
    recognised = totals(result.accruals.to_pylist(), "recognised", sale_of)
    # Of a client who could not be read nobody can say that nothing will come.
    kinds = ("stalled", "crm_not_read")
    last = [row for row in result.notices.to_pylist() if row["month"] == AT_LAST and row["kind"] in kinds]
    stalled = totals(last, "amount", sale_of)
    assert {
        key: recognised.get(key, NOTHING) + stalled.get(key, NOTHING) for key in {*recognised, *stalled}
    } == totals(drawn.inputs.contracts.to_pylist(), "amount", sale_of)


@twice_as_many
@given(drawn_inputs(books=8), st.randoms(use_true_random=False))
def test_months_one_by_one_in_any_order_or_in_groups_give_what_the_range_gives(
    drawn: Drawn, random: Any
) -> None:
    whole = accrue(drawn.inputs, drawn.months)
    one_by_one = {
        month: accrue(drawn.inputs, [month]) for month in random.sample(drawn.months, len(drawn.months))
    }
    assert in_one([one_by_one[month] for month in drawn.months]) == whole
    shuffled = random.sample(drawn.months, len(drawn.months))
    assert accrue(drawn.inputs, [*shuffled, shuffled[0]]) == whole
    cut = random.randint(0, len(drawn.months))
    assert in_one([accrue(drawn.inputs, part) for part in (drawn.months[:cut], drawn.months[cut:])]) == whole


@several
@given(drawn_inputs(), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(drawn: Drawn, random: Any) -> None:
    shuffled = {}
    for name in ("contracts", "services", "clients", "periods", "enrolled", "pages", "booked"):
        frame = getattr(drawn.inputs, name)
        order = pa.array(random.sample(range(frame.num_rows), frame.num_rows), pa.int64())
        shuffled[name] = frame.take(order)
    inputs = type(drawn.inputs)(**shuffled, closed_months=drawn.closed, crm_is_complete=drawn.complete)
    assert accrue(inputs, drawn.months) == accrue(drawn.inputs, drawn.months)


@several
@given(drawn_inputs(), st.sets(st.sampled_from(MONTHS)))
def test_closing_months_changes_nothing_that_is_known(drawn: Drawn, closed: set[date]) -> None:
    """Any months, so any prefix as well."""
    open_books = drawn.changed(booked=[])
    before = accrue(open_books, ALWAYS)
    booked = booked_rows(before.accruals)
    after = accrue(drawn.changed(sorted(closed), booked=booked), ALWAYS)
    assert after == before


@several
@given(drawn_inputs(), drawn_inputs(), st.integers(1, len(MONTHS) - 1))
def test_news_about_closed_months_lands_in_the_first_open_one(drawn: Drawn, later: Drawn, count: int) -> None:
    """The periods and pages are found to be others after so many months are closed."""
    closed, first_open = MONTHS[:count], MONTHS[count]
    news = {name: later.records[name] for name in ("periods", "pages")}
    before = accrue(drawn.changed(booked=[]), ALWAYS)
    booked = [row for row in booked_rows(before.accruals) if row["month"] in closed]
    without = accrue(drawn.changed(booked=[], **news), ALWAYS)
    unclosed = without.accruals.to_pylist()
    result = accrue(drawn.changed(closed, booked=booked, **news), ALWAYS[count:])
    held = {key_of(row) for row in result.notices.to_pylist() if row["kind"] == "not_congruent_status"}
    # What a closed month released stays so, and who waits for a period keeps what was recognised: nothing is taken back.
    held |= {key_of(row) for row in booked if row["contract_status"] != "ACTIVE"}
    # With open books nobody waits whose contract was complete before its period fitted it no more; with closed ones some
    # wait in these alone, and are released, not caught up, when it fits again.
    everywhere = accrue(drawn.changed(closed, booked=booked, **news), ALWAYS)
    waiting = [
        row
        for row in (*without.notices.to_pylist(), *everywhere.notices.to_pylist())
        if row["kind"] in WAITING
    ]
    held |= {key_of(row) for row in waiting}
    clients = {row["contact_id"] for row in waiting if row["contract_number"] == 0}
    held |= {key_of(row) for row in (*unclosed, *booked) if row["contact_id"] in clients}
    rows = [row for row in result.accruals.to_pylist() if key_of(row) not in held]

    def later_than(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [
            (row["month"], key_of(row), row["recognised"], row["reason"], row["recognised_to_date"])
            for row in rows
            if row["month"] > first_open and key_of(row) not in held
        ]

    assert later_than(rows) == later_than(unclosed)
    in_closed = [row for row in unclosed if row["month"] in closed and key_of(row) not in held]
    up_to_now = [row for row in unclosed if row["month"] <= first_open and key_of(row) not in held]
    were_booked = [row for row in booked if key_of(row) not in held]
    caught_up = {row["reason"] == "catch_up" and key_of(row) for row in rows if row["month"] == first_open}
    landed = totals([row for row in rows if row["month"] == first_open], "recognised")
    should, did = totals(in_closed, "recognised"), totals(were_booked, "recognised")
    for key in {*landed, *should, *did}:
        expected = totals(up_to_now, "recognised").get(key, NOTHING) - did.get(key, NOTHING)
        assert landed.get(key, NOTHING) == expected
        if landed.get(key):
            assert (key in caught_up) == (should.get(key) != did.get(key))


@several
@given(drawn_inputs())
def test_the_invariants_hold_of_open_months(drawn: Drawn) -> None:
    result = accrue(drawn.changed(booked=[]), ALWAYS)
    assert recognised_beyond_contract(result.accruals).num_rows == 0
    assert completed_with_money_left(result.accruals).num_rows == 0
    assert accruals_that_do_not_follow(result.accruals).num_rows == 0
    assert deferred_revenue_that_does_not_roll(result.deferred_revenue).num_rows == 0


@several
@given(drawn_inputs())
def test_whatever_was_booked_no_open_month_recognises_more_than_there_is(drawn: Drawn) -> None:
    result = accrue(drawn.inputs, drawn.months)
    assert recognised_beyond_contract(result.accruals).num_rows == 0
    assert completed_with_money_left(result.accruals).num_rows == 0
    disagreeing = accruals_and_deferred_revenue_that_disagree(result.accruals, result.deferred_revenue)
    assert disagreeing.num_rows == 0


@several
@given(drawn_inputs())
def test_a_reopened_month_binds_nobody(drawn: Drawn) -> None:
    assume(drawn.closed)
    reopened = accrue(drawn.changed(), drawn.months)
    sales = {sale_of(row) for row in drawn.inputs.contracts.to_pylist()}
    assert {sale_of(row) for row in reopened.accruals.to_pylist()} <= sales
    assert reopened == accrue(drawn.changed(booked=[]), drawn.months)
