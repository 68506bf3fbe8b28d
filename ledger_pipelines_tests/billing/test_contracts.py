"""When a contract ends."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger_pipelines_tests.billing.building import MARCH, statement_of

TERMS = ("Month to Month", "1 Year", "2 Year", "3 Year")


def contract_of(
    term: str | None, start: date | None, end: date | None = None, month: date = MARCH
) -> dict[str, Any]:
    """A company's statement with this contract."""
    return statement_of(
        month=month,
        companies=[{"contract_term_length": term, "contract_start_date": start, "contract_end_date": end}],
        plans=[{"term_length": one} for one in TERMS],
    )


@pytest.mark.parametrize(
    ("term", "start", "end"),
    [
        ("1 Year", date(2024, 6, 1), date(2025, 5, 31)),
        ("2-year", date(2024, 6, 15), date(2026, 6, 14)),
        ("3 Year", date(2024, 1, 1), date(2026, 12, 31)),
        ("1 Year", date(2023, 3, 1), date(2024, 2, 29)),
        ("1 Year", date(2024, 2, 29), date(2025, 2, 27)),
        ("1 Year", date(2024, 3, 31), date(2025, 3, 30)),
        ("Month to Month", date(2024, 6, 1), None),
        (None, date(2024, 6, 1), None),
        ("1 Year", None, None),
        ("1 Year", date(1969, 6, 1), date(1970, 5, 31)),
        ("3 Year", date(9998, 1, 1), None),
    ],
)
def test_the_end_is_a_day_before_the_term_is_over(
    term: str | None, start: date | None, end: date | None
) -> None:
    assert contract_of(term, start)["contract_end_date"] == end


@pytest.mark.parametrize("term", [None, "Month to Month", "1 Year"])
def test_an_end_that_was_sent_holds_also_without_a_term(term: str | None) -> None:
    assert contract_of(term, date(2020, 1, 1), date(2027, 8, 9))["contract_end_date"] == date(2027, 8, 9)


@pytest.mark.parametrize(
    ("end", "expired"), [(date(2025, 3, 30), True), (date(2025, 3, 31), False), (None, False)]
)
def test_expiry_is_judged_at_the_months_last_day_and_changes_no_charge(
    end: date | None, expired: bool
) -> None:
    statement = contract_of("1 Year", None, end)
    assert statement["contract_expired"] is expired
    assert statement["per_user_cost"] == 15
