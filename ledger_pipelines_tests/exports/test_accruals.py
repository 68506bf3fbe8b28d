"""The accruals as a sheet: a row for each contract and service period, a column for each month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines.exports.accruals import COLUMNS, AccrualRow, accrual_rows, month_title
from ledger_pipelines_tests.accruals.building import make_inputs, months

RESUMED: Sequence[dict[str, Any]] = [
    {
        "start_date": "2024-01-01",
        "end_date": "2024-05-19",
        "status": "POSTPONED",
        "status_change_date": "2024-01-15",
        "cohort_slug": "spain-41",
    },
    {"start_date": "2024-03-04", "end_date": "2024-07-21", "cohort_slug": "spain-42"},
]


def sheet(first: str, count: int, **records: Any) -> list[AccrualRow]:
    inputs = make_inputs(contracts=[{"month": "2024-01", "amount": "6000"}], **records)
    return list(accrual_rows(inputs, accrue(inputs, months(first, count)).accruals))


def test_a_contract_that_was_resumed_has_a_row_for_each_period() -> None:
    one, two = sheet("2024-01", 7, periods=RESUMED)
    assert dict(zip(COLUMNS, one.facts, strict=True)) == {
        "Contract start date": date(2024, 1, 1),
        "Client": "Ann Lee",
        "Email": "ann@example.com",
        "Contract Status": "CLOSED",
        "Service": "ES - Full Stack Bootcamp",
        "Period": "spain-41",
        "Period Status": "POSTPONED",
        "Status Change Date": date(2024, 1, 15),
        "Total to accrue": Decimal("6000.00"),
        "Pending to accrue": Decimal("0.00"),
        "Period start date": date(2024, 1, 1),
        "Period end date": date(2024, 5, 19),
        "Currency": "EUR",
    }
    assert one.recognised == {date(2024, 1, 1): Decimal("600.00")}
    assert (two.period, two.period_status) == ("spain-42", "ACTIVE")
    assert list(two.recognised.values()) == list(map(Decimal, ("1100", "1100", "1200", "1200", "800")))


def test_the_rows_together_recognise_what_the_accruals_do() -> None:
    rows = sheet("2024-01", 7, periods=RESUMED)
    assert sum(amount for row in rows for amount in row.recognised.values()) == Decimal("6000.00")


def test_of_some_months_only_their_amounts_and_the_contract_as_it_stands_after_them() -> None:
    one, two = sheet("2024-03", 2, periods=RESUMED)
    assert one.recognised == {}
    assert two.recognised == {date(2024, 3, 1): Decimal("1100.00"), date(2024, 4, 1): Decimal("1100.00")}
    assert (one.pending, two.pending) == (Decimal("3200.00"), None)
    assert (one.total, two.total) == (Decimal("6000.00"), None)


def test_a_contract_without_a_period_has_one_row() -> None:
    (row,) = sheet("2024-01", 2)
    assert (row.period, row.start_date, row.contract_status) == (None, None, "CANCELED")
    assert sum(row.recognised.values()) == Decimal("6000.00")


def test_a_month_is_headed_by_its_name() -> None:
    assert month_title(date(2024, 3, 1)) == "March 2024"
