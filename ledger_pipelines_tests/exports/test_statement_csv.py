"""The statement as a file."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.billing.statements import bill
from ledger_pipelines.exports.statement_csv import COLUMNS, neutralised, statement_csv, statement_rows
from ledger_pipelines_tests.billing.building import MARCH, TERABYTE, bill_month, make_inputs


def parsed(**records: Any) -> list[list[str]]:
    """The rows of a month's file, as a spreadsheet reads them."""
    result = bill_month(**records)
    return list(csv.reader(io.StringIO(statement_csv(result.lines, result.statements), newline="")))


def test_a_statement_line_by_line() -> None:
    header, *rows = parsed(
        companies=[{"account_number": "620547", "name": "Łódź Logistics Sp. z o.o."}],
        contacts=[{"account_number": "620547", "name": 'Ann "Bo" Lee, Jr.'}],
        assets=[{"account_number": "620547", "hostname": "SRV-1", "backup_data_bytes": 3 * TERABYTE // 2}],
        tickets=[{"account_number": "620547", "hours": "2.5"}],
        custom_line_items=[{"account_number": "620547", "name": "Refund", "monthly_fee": "-12.5"}],
        plans=[{"per_workstation_cost": "19.0125"}],
    )
    assert (
        tuple(header)
        == COLUMNS
        == (
            "InvoiceNo",
            "Customer",
            "InvoiceDate",
            "DueDate",
            "Item(Product/Service)",
            "Description",
            "Qty",
            "Rate",
            "Amount",
        )
    )
    assert {tuple(row[:4]) for row in rows} == {
        ("620547-202503", "Łódź Logistics Sp. z o.o.", "2025-03-31", "2025-04-30")
    }
    assert [row[4:] for row in rows] == [
        ["Managed Services", 'Ann "Bo" Lee, Jr. (Paid)', "1", "15.00", "15.00"],
        ["Managed Services", "Workstation: SRV-1", "1", "19.0125", "19.01"],
        ["Backup Services", "Backup base fee, workstations", "1", "5.00", "5.00"],
        ["Backup Services", "Backup storage over the included TB", "0.5", "10.00", "5.00"],
        ["Hourly Labor", "Ticket hours over the prepaid allowance", "2.5", "150.00", "375.00"],
        ["Custom Charge", "Refund", "1", "-12.50", "-12.50"],
    ]


def test_lines_of_nothing_are_left_out() -> None:
    rows = parsed(contacts=[{"active": False, "name": "Gone"}, {"name": "Here"}])
    assert [row[5] for row in rows[1:]] == ["Here (Paid)"]


def test_many_statements_come_by_month_and_account_and_others_lines_are_left_out() -> None:
    months = [date(2025, 2, 1), MARCH]
    accounts = ["A2", "A1"]
    inputs = make_inputs(
        companies=[{"month": month, "account_number": account} for month in months for account in accounts],
        plans=[{"month": month} for month in months],
        contacts=[{"month": month, "account_number": account} for month in months for account in accounts],
    )
    result = bill(inputs, months, currency="USD")
    numbers = [row.number for row in statement_rows(result.lines, result.statements)]
    assert numbers == ["A1-202502", "A2-202502", "A1-202503", "A2-202503"]
    one = result.statements.slice(3, 1)
    assert [(row.number, row.amount) for row in statement_rows(result.lines, one)] == [
        ("A2-202503", Decimal(15))
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1-555-0101", "-lab", "@SUM(A1)", "\tx", "\rx", "  =1+1", "=5"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert neutralised(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "PC-1", "Ann Lee", "-12.50", "+3", "a=b", "'quoted", "Søndre Fjord"])
def test_other_text_and_plain_numbers_stay_as_they_are(text: str) -> None:
    assert neutralised(text) == text


def test_names_cannot_run_formulas_wherever_they_stand() -> None:
    (row,) = parsed(companies=[{"name": '=HYPERLINK("http://x.example")'}], contacts=[{"name": "@import"}])[
        1:
    ]
    assert (row[1], row[5]) == ('\'=HYPERLINK("http://x.example")', "'@import (Paid)")


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "19"), ("KWD", "19.013"), ("EUR", "19.01")])
def test_an_amount_has_the_decimals_of_its_currency(currency: str, amount: str) -> None:
    inputs = make_inputs(assets=[{}], plans=[{"per_workstation_cost": "19.0125"}])
    result = bill(inputs, [MARCH], currency=currency)
    _, row = csv.reader(io.StringIO(statement_csv(result.lines, result.statements), newline=""))
    assert row[-2:] == ["19.0125", amount]
