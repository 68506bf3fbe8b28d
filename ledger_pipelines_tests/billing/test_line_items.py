"""Custom charges: recurring, one-off, yearly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ledger_pipelines.billing.statements import bill
from ledger_pipelines_tests.billing.building import bill_month, lines_of, make_inputs


def test_each_kind_falls_due_in_its_months() -> None:
    months = [date(year, month, 1) for year in (2024, 2025) for month in range(1, 13)]
    inputs = make_inputs(
        companies=[{"month": month} for month in months],
        plans=[{"month": month} for month in months],
        custom_line_items=[
            {"monthly_fee": "1"},
            {"one_off_fee": "10", "one_off_year": 2025, "one_off_month": 3},
            {"yearly_fee": "100", "yearly_month": 3},
        ],
    )
    totals = bill(inputs, months, currency="USD").statements["total"].to_pylist()
    expected = {date(2024, 3, 1): "101.00", date(2025, 3, 1): "111.00"}
    assert totals == [Decimal(expected.get(month, "1.00")) for month in months]


def test_a_line_says_what_it_is_for() -> None:
    (line,) = lines_of(
        bill_month(custom_line_items=[{"id": 4, "name": "Web hosting", "monthly_fee": "9.005"}]), "custom"
    )
    assert (line["source_type"], line["source_id"], line["type"]) == ("line_item", "4", "recurring")
    assert (line["item"], line["description"]) == ("Custom Charge", "Web hosting")
    assert (line["quantity"], line["rate"], line["amount"]) == (Decimal(1), Decimal("9.005"), Decimal("9.01"))


def test_a_credit_rounds_like_its_charge() -> None:
    (line,) = lines_of(bill_month(custom_line_items=[{"monthly_fee": "-9.005"}]), "custom")
    assert line["amount"] == Decimal("-9.01")


def test_an_item_of_another_company_or_of_none_is_not_billed() -> None:
    result = bill_month(custom_line_items=[{"account_number": "A2", "monthly_fee": "5"}])
    assert result.lines.num_rows == 0
