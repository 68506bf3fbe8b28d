"""What cannot be accrued, and nothing at all."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ledger_pipelines.accruals.outputs import ACCRUAL_NOTICES, DEFERRED_REVENUE, MONTHLY_ACCRUALS
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines.errors import FrameError, LedgerError
from ledger_pipelines_tests.accruals.building import make_inputs, months

INVOICE = {"month": "2024-01-20", "amount": "1000"}
COURSE = {"start_date": "2024-01-01", "end_date": "2024-05-19"}


@pytest.mark.parametrize(
    ("inputs", "first", "count"),
    [
        (make_inputs(), "2024-01", 3),
        (make_inputs(services=[], clients=[], periods=[COURSE], closed=["2024-01"]), "2024-01", 3),
        (make_inputs(contracts=[INVOICE], periods=[COURSE]), "2024-01", 0),
        (make_inputs(contracts=[INVOICE], periods=[COURSE]), "2020-01", 3),
    ],
)
def test_nothing_comes_of_nothing(inputs: Any, first: str, count: int) -> None:
    result = accrue(inputs, months(first, count))
    assert result.accruals.schema.equals(MONTHLY_ACCRUALS)
    assert result.deferred_revenue.schema.equals(DEFERRED_REVENUE)
    assert result.notices.schema.equals(ACCRUAL_NOTICES)
    assert result.accruals.num_rows + result.deferred_revenue.num_rows + result.notices.num_rows == 0


def test_a_missing_column_and_a_wrong_type_are_said() -> None:
    inputs = make_inputs(contracts=[INVOICE])
    lacking = dataclasses.replace(inputs, contracts=inputs.contracts.drop_columns("amount"))
    with pytest.raises(FrameError, match=r"contracts lacks the column\(s\) amount"):
        accrue(lacking, months("2024-01", 1))
    named = inputs.contracts.set_column(0, "month", inputs.contracts["contact_id"])
    with pytest.raises(FrameError, match="contracts does not have the types"):
        accrue(dataclasses.replace(inputs, contracts=named), months("2024-01", 1))


def test_a_column_more_does_no_harm() -> None:
    inputs = make_inputs(contracts=[INVOICE])
    more = dataclasses.replace(inputs, clients=inputs.clients.append_column("month", inputs.clients["name"]))
    assert accrue(more, months("2024-01", 2)) == accrue(inputs, months("2024-01", 2))


@pytest.mark.parametrize("terms", [{"total_sessions": 0}, {"sessions_per_week": -3}, {"method": "weeks"}])
def test_terms_that_cannot_be_are_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match="service bootcamp has"):
        accrue(make_inputs(contracts=[INVOICE], services=[terms]), months("2024-01", 1))


@pytest.mark.parametrize("wrong", [{"end_date": "2023-12-31"}, {"status": "ON_LEAVE"}])
def test_a_period_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match="service period 1 runs"):
        accrue(make_inputs(contracts=[INVOICE], periods=[{**COURSE, **wrong}]), months("2024-01", 1))


def test_amounts_that_no_book_can_hold_are_refused() -> None:
    contracts = [{**INVOICE, "amount": "9" * 16, "service_id": service} for service in ("a", "b")]
    with pytest.raises(LedgerError, match="19999999999999998"):
        accrue(make_inputs(contracts=contracts), months("2024-01", 1))
