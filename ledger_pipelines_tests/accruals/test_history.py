"""Contracts of services that began before the ledger are named with their amounts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.accruals.history import begun_before_the_ledger
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import make_inputs, months

FIRST = date(2024, 1, 1)


def begun(count: int = 1, **records: Any) -> list[tuple[Any, ...]]:
    """Month, client, amount and note of what is found in the months from January 2024 on."""
    inputs = make_inputs(**records)
    asked = months("2024-01", count)
    found = begun_before_the_ledger(accrue(inputs, asked).accruals, inputs, first_month=FIRST, months=asked)
    names = ("month", "contact_id", "contract_amount", "note")
    return [tuple(row[name] for name in names) for row in found.to_pylist()]


OLD = {"start_date": "2023-10-02", "end_date": "2024-02-18"}


def test_an_instalment_of_a_service_that_began_before_is_named_while_it_is_accrued() -> None:
    found = begun(3, contracts=[{"month": "2024-01-05", "amount": "1000"}], periods=[OLD])
    assert found == [
        (date(2024, 1, 1), "ann", Decimal(1000), None),
        (date(2024, 2, 1), "ann", Decimal(1000), None),
    ]


def test_a_client_who_was_invoiced_before_the_ledger_only_is_named_while_the_service_lasts() -> None:
    note = "no invoice in the ledger"
    assert begun(3, periods=[OLD]) == [(month, "ann", None, note) for month in months("2024-01", 2)]


def test_what_began_or_ended_elsewhere_is_not_named() -> None:
    invoice = {"month": "2024-01-05", "amount": "1000"}
    assert begun(2, contracts=[invoice], periods=[{**OLD, "start_date": "2024-01-01"}]) == []
    assert begun(2, contracts=[invoice], periods=[{**OLD, "end_date": "2023-12-31"}]) == []
    assert begun(2, contracts=[invoice], periods=[{**OLD, "user_id": 99}]) == []


def test_a_later_course_is_another_contract() -> None:
    later = {"start_date": "2024-03-04", "end_date": "2024-07-21"}
    found = begun(4, contracts=[{"month": "2024-03-01", "amount": "1000"}], periods=[OLD, later])
    assert [row for row in found if row[2] is not None] == []
