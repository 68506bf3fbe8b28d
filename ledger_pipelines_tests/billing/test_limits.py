"""Records that break the arithmetic: their company stands alone and is named, all others are billed."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.billing.invariants import statements_missing_or_doubled
from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines_tests.billing.building import MARCH, TERABYTE, bill_month, enabled, make_inputs
from ledger_pipelines_tests.conftest import SHARED_DATA

COMPANIES = [{"account_number": "good"}, {"account_number": "absurd"}]
GOOD = {"account_number": "good", "hours": "2"}
HUGE = "9000000000"


def _only_good_is_billed(result: BillingResult) -> str:
    """The one problem's sentence."""
    assert result.statements["account_number"].to_pylist() == ["good"]
    assert result.statements["total"].to_pylist() == [Decimal("300.00")]
    (problem,) = result.problems
    assert (problem.entity_type, problem.external_id, problem.is_blocking) == ("company", "absurd", True)
    return problem.message


def test_hours_and_a_rate_that_no_statement_can_hold_name_company_and_ticket() -> None:
    file = SHARED_DATA / "hostile" / "11_absurd_record.json"
    if not file.is_file():
        pytest.skip("../shared/data/hostile is not here")
    absurd = json.loads(file.read_text(), parse_float=Decimal)["companies"]["absurd"]
    (ticket,) = absurd["tickets"]
    inputs = make_inputs(
        companies=COMPANIES,
        client_billing_overrides=[{"account_number": "absurd", **enabled(**absurd["plan"])}],
        tickets=[
            GOOD,
            {
                "account_number": "absurd",
                "ticket_number": ticket["ticket_number"],
                "hours": ticket["total_hours_spent"],
            },
        ],
    )
    result = bill(inputs, [MARCH], currency="USD")
    assert _only_good_is_billed(result) == (
        "Company absurd gets no statement for 2025-03, its 9,000,000,000.00 ticket hours at 9,000,000,000.00 (ticket A1 "
        "has 9,000,000,000.00) are more than one can hold: correct the record, or the rates of its plan."
    )
    assert statements_missing_or_doubled(inputs, result.statements, [MARCH]).num_rows == 0


def test_tickets_that_only_together_are_too_many() -> None:
    tickets = [
        {"account_number": "absurd", "month": month, "hours": HUGE} for month in (date(2025, 1, 1), MARCH)
    ]
    message = _only_good_is_billed(bill_month(companies=COMPANIES, tickets=[GOOD, *tickets]))
    assert "18,000,000,000.00 ticket hours at 150.00 (ticket T2 has" in message


@pytest.mark.parametrize(
    ("records", "told"),
    [
        (
            {
                "assets": [
                    {"account_number": "absurd", "id": number, "backup_data_bytes": 2**62}
                    for number in (1, 2)
                ]
            },
            "8,388,608.00 TB of backup (the device 'PC' (1) has 4,611,686,018,427,387,904 bytes)",
        ),
        (
            {
                "assets": [{"account_number": "absurd", "backup_data_bytes": 8_000_000 * TERABYTE}],
                "client_billing_overrides": [{"account_number": "absurd", **enabled(backup_per_tb_fee=HUGE)}],
            },
            "8,000,000.00 TB of backup",
        ),
    ],
    ids=["bytes", "fee"],
)
def test_backups_that_no_statement_can_hold(records: dict[str, Any], told: str) -> None:
    assert told in _only_good_is_billed(bill_month(companies=COMPANIES, tickets=[GOOD], **records))


def test_many_records_at_an_impossible_price() -> None:
    override = {"account_number": "absurd", **enabled(per_user_cost="9999999999.9999")}
    people = [{"account_number": "absurd", "id": number} for number in range(10_001)]
    message = _only_good_is_billed(
        bill_month(companies=COMPANIES, tickets=[GOOD], contacts=people, client_billing_overrides=[override])
    )
    assert "its prices or charges are more than one can hold" in message


def test_the_months_before_an_absurd_ticket_are_billed() -> None:
    months = [date(2025, 2, 1), MARCH]
    inputs = make_inputs(
        companies=[{"month": month} for month in months],
        plans=[{"month": month} for month in months],
        tickets=[{"month": MARCH, "hours": HUGE}, {"month": MARCH, "hours": HUGE}],
    )
    result = bill(inputs, months, currency="USD")
    assert result.statements["month"].to_pylist() == months[:1]
    assert [problem.month for problem in result.problems] == ["2025-03"]


def test_large_numbers_that_a_statement_can_hold_are_billed() -> None:
    (statement,) = bill_month(
        tickets=[{"hours": "10000000"}], assets=[{"backup_data_bytes": 1_000_000 * TERABYTE}]
    ).statements.to_pylist()
    assert statement["total"] == Decimal("1500000000") + 50 + 5 + 10 * 999_999
