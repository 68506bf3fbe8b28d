"""Each invariant catches the one thing that it is there to catch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.accruals.invariants import (
    accruals_and_deferred_revenue_that_disagree,
    accruals_that_do_not_follow,
    completed_with_money_left,
    deferred_revenue_that_does_not_roll,
    recognised_beyond_contract,
    stalled_contracts,
)
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import day, make_inputs, months

INPUTS = make_inputs(
    contracts=[
        {"month": "2024-01-01", "amount": "6000"},
        {"month": "2024-02-01", "amount": "60", "currency": "USD"},
        {"month": "2024-01-10", "amount": "-500", "contact_id": "bob"},
    ],
    periods=[{"start_date": "2024-01-01", "end_date": "2024-05-19"}],
)
RESULT = accrue(INPUTS, months("2024-01", 5))


def with_value(frame: pa.Table, row: int, **values: Any) -> pa.Table:
    """The frame with other values in one row."""
    rows = frame.to_pylist()
    rows[row] |= values
    return pa.Table.from_pylist(rows, schema=frame.schema)


def test_nothing_is_wrong_with_what_the_rule_makes() -> None:
    """Properties say so of any contracts."""
    assert RESULT.accruals.num_rows == 10
    assert accruals_that_do_not_follow(RESULT.accruals).num_rows == 0
    disagreeing = accruals_and_deferred_revenue_that_disagree(RESULT.accruals, RESULT.deferred_revenue)
    assert disagreeing.num_rows == 0


@pytest.mark.parametrize(
    ("amount", "to_date", "beyond"),
    [
        ("6000", "6000.01", True),
        ("6000", "6000", False),
        ("-500", "-500.01", True),
        ("-500", "-499", False),
        ("500", "-1", True),
        ("-500", "1", True),
        ("0", "0.01", True),
        ("500", "0", False),
    ],
)
def test_recognised_beyond_the_contract(amount: str, to_date: str, beyond: bool) -> None:
    values = {"contract_amount": Decimal(amount), "recognised_to_date": Decimal(to_date)}
    found = recognised_beyond_contract(with_value(RESULT.accruals, 0, **values)).to_pylist()
    assert [row["recognised_to_date"] for row in found] == ([Decimal(to_date)] if beyond else [])


@pytest.mark.parametrize(
    ("state", "wrong"), [("COMPLETED", True), ("CANCELED", True), ("ACTIVE", False), ("PAUSED", False)]
)
def test_completed_with_money_left(state: str, wrong: bool) -> None:
    found = completed_with_money_left(with_value(RESULT.accruals, 0, state=state)).to_pylist()
    assert [(row["month"], row["state"]) for row in found] == ([(day("2024-01"), state)] if wrong else [])


@pytest.mark.parametrize(
    "name", ["pending", "recognised", "invoiced", "recognised_to_date", "contract_amount"]
)
def test_accruals_that_do_not_follow(name: str) -> None:
    """The row of March; what it says to date, April does not go on from either."""
    rows = RESULT.accruals.to_pylist()
    at = next(index for index, row in enumerate(rows) if row["month"] == day("2024-03"))
    changed = with_value(RESULT.accruals, at, **{name: rows[at][name] + 1})
    found = [f"{row['month']:%Y-%m}" for row in accruals_that_do_not_follow(changed).to_pylist()]
    follows = ["2024-04"] if name in {"recognised_to_date", "contract_amount"} else []
    assert found == ["2024-03", *follows]


@pytest.mark.parametrize("name", ["opening", "invoiced", "recognised", "closing"])
def test_deferred_revenue_that_does_not_roll(name: str) -> None:
    rows = RESULT.deferred_revenue.to_pylist()
    at = next(index for index, row in enumerate(rows) if row["month"] == day("2024-03"))
    changed = with_value(RESULT.deferred_revenue, at, **{name: rows[at][name] + 1})
    found = deferred_revenue_that_does_not_roll(changed).to_pylist()
    following = [day("2024-04")] if name == "closing" else []
    assert [row["month"] for row in found] == [day("2024-03"), *following]


def test_deferred_revenue_that_opens_with_something_else_than_the_month_before_closed_with() -> None:
    rows = RESULT.deferred_revenue.to_pylist()
    shifted = {name: rows[-1][name] + 1 for name in ("opening", "closing")}
    found = deferred_revenue_that_does_not_roll(with_value(RESULT.deferred_revenue, len(rows) - 1, **shifted))
    assert [(row["month"], row["currency"]) for row in found.to_pylist()] == [(day("2024-05"), "USD")]
    first = {"opening": Decimal(7), "closing": rows[0]["closing"] + 7}
    alone = with_value(RESULT.deferred_revenue.slice(0, 1), 0, **first)
    assert deferred_revenue_that_does_not_roll(alone).num_rows == 0


def test_a_currency_that_appears_opens_with_nothing() -> None:
    without = RESULT.deferred_revenue.filter(pa.array([row != 2 for row in range(9)]))
    found = deferred_revenue_that_does_not_roll(without).to_pylist()
    assert [(row["month"], row["currency"]) for row in found] == [(day("2024-03"), "USD")]


@pytest.mark.parametrize("name", ["invoiced", "recognised", "pending"])
def test_accruals_and_deferred_revenue_that_disagree(name: str) -> None:
    value = RESULT.accruals[name][0].as_py() + Decimal("0.01")
    changed = with_value(RESULT.accruals, 0, **{name: value})
    (row,) = accruals_and_deferred_revenue_that_disagree(changed, RESULT.deferred_revenue).to_pylist()
    differing = {key for key, one in row.items() if key not in {"month", "currency"} and one}
    assert (row["month"], row["currency"]) == (day("2024-01"), "EUR")
    assert differing == {"closing" if name == "pending" else name}


def test_a_missing_side_disagrees() -> None:
    frames = (RESULT.accruals, RESULT.deferred_revenue)
    assert accruals_and_deferred_revenue_that_disagree(frames[0], frames[1].slice(1)).num_rows == 1
    assert accruals_and_deferred_revenue_that_disagree(frames[0].slice(2), frames[1]).num_rows == 1


def test_stalled_contracts_come_by_amount() -> None:
    short = {"start_date": "2024-01-01", "end_date": "2024-01-28"}
    inputs = make_inputs(
        clients=[{}, {"contact_id": "bob", "user_id": 8}],
        contracts=[
            {"month": "2024-01-01", "amount": "1200"},
            {"month": "2024-01-01", "amount": "6000", "contact_id": "bob"},
            {"month": "2024-01-20", "amount": "9000", "contact_id": "cy"},
        ],
        periods=[short, {**short, "user_id": 8}],
    )
    found = stalled_contracts(accrue(inputs, months("2024-01", 1)).notices).to_pylist()
    assert [(row["contact_id"], row["amount"], row["period_id"]) for row in found] == [
        ("bob", Decimal(4800), 2),
        ("ann", Decimal(960), 1),
    ]
