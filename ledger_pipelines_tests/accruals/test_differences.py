"""What a closed month would recognise today against what it booked, and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings

from ledger_pipelines.accruals.differences import AccrualDifference, accrual_difference
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import booked_rows, make_inputs, months
from ledger_pipelines_tests.accruals.generated import MONTHS, Drawn, drawn_inputs

COURSE = {"start_date": "2024-01-01", "end_date": "2024-05-19"}
INVOICE = {"month": "2024-01-01", "amount": "6000"}
DROPPED = {**COURSE, "status": "DROPPED", "status_change_date": "2024-02-20"}


def accruals(count: int = 1, first: str = "2024-02", **records: Any) -> pa.Table:
    """The accruals of February."""
    given_records = {"contracts": [INVOICE], "periods": [COURSE], **records}
    return accrue(make_inputs(**given_records), months(first, count)).accruals


def shown(found: AccrualDifference) -> list[tuple[Any, ...]]:
    """Change, amounts, reason and causes of each row."""
    names = ("change", "booked", "computed", "reason", "causes")
    return [tuple(row[name] for name in names) for row in found.rows.to_pylist()]


def test_the_same_again_differs_in_nothing_whatever_the_order() -> None:
    booked = accruals(3)
    found = accrual_difference(booked.take([2, 0, 1]), booked)
    assert not found
    assert (found.amount, found.by_reason, found.count("changed")) == (0, {}, 0)


def test_a_drop_is_a_change_of_status() -> None:
    found = accrual_difference(accruals(periods=[DROPPED]), accruals())
    assert found
    assert shown(found) == [("changed", Decimal(1300), Decimal(4700), "dropped", "status, periods")]
    assert found.rows["columns"].to_pylist() == [
        "recognised, recognised_to_date, pending, fraction, state, contract_status, reason"
    ]
    assert found.by_reason == {"dropped": Decimal(3400)}


def test_a_restated_document_another_period_and_an_earlier_date_are_causes_of_their_own() -> None:
    restated = accrual_difference(
        accruals(contracts=[{**INVOICE, "month": "2024-02-01", "amount": "7200"}]), accruals()
    )
    assert shown(restated)[0][-1] == "amount, contract, earlier_months"
    longer = accrual_difference(accruals(periods=[{**COURSE, "end_date": "2024-06-30"}]), accruals())
    assert shown(longer)[0][-1] == "periods, earlier_months"


def test_what_the_months_before_booked_is_a_cause() -> None:
    booked = booked_rows(accruals(first="2024-01"))
    booked[0]["recognised"] = Decimal(1000)
    found = accrual_difference(accruals(booked=booked, closed=["2024-01"]), accruals())
    assert shown(found) == [("changed", Decimal(1300), Decimal(1600), "catch_up", "earlier_months")]


def test_an_amount_that_this_rule_did_not_book_is_its_own_cause() -> None:
    booked = accruals().to_pylist()
    booked[0] |= {"recognised": Decimal(1400), "recognised_to_date": Decimal(2700), "pending": Decimal(3300)}
    found = accrual_difference(accruals(), pa.Table.from_pylist(booked, schema=accruals().schema))
    assert shown(found) == [("changed", Decimal(1400), Decimal(1300), "portion", "booking")]


def test_contracts_that_came_or_went_and_months_that_recognise_nothing() -> None:
    two = accruals(contracts=[INVOICE, {**INVOICE, "currency": "USD", "amount": "60"}])
    assert shown(accrual_difference(two, accruals())) == [("added", None, Decimal(13), "portion", None)]
    assert shown(accrual_difference(accruals(), two)) == [("removed", Decimal(13), None, "portion", None)]
    later = {**COURSE, "start_date": "2024-03-01", "end_date": "2024-07-19"}
    waiting = accrual_difference(accruals(periods=[later]), accruals())
    assert waiting.by_reason == {"": Decimal(-1300)}


@settings(max_examples=10, deadline=None)
@given(drawn_inputs(), drawn_inputs())
def test_every_difference_of_what_the_rule_booked_has_a_cause(drawn: Drawn, later: Drawn) -> None:
    booked = accrue(drawn.changed(booked=[]), MONTHS).accruals
    closed = MONTHS[:5]
    news = {name: later.records[name] for name in ("contracts", "periods", "pages")}
    computed = accrue(drawn.changed(closed, booked=booked_rows(booked), **news), closed).accruals
    were = booked.filter(pa.array([month in closed for month in booked["month"].to_pylist()], pa.bool_()))
    found = accrual_difference(computed, were)
    for row in found.rows.to_pylist():
        assert row["change"] != "changed" or row["causes"]
        assert "booking" not in (row["causes"] or "")
    explained = sum(row["recognised"] for row in computed.to_pylist()) - sum(
        row["recognised"] for row in were.to_pylist()
    )
    assert found.amount == explained
    assert {row["month"] for row in found.rows.to_pylist()} <= set(closed)
