"""Which months are billed in one call."""

from __future__ import annotations

from datetime import date

import pytest

from ledger_pipelines.months import month_range
from ledger_pipelines.workflows.billing import months_together

YEAR = month_range(date(2025, 1, 1), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("companies", "sizes"),
    [(0, [12]), (40, [12]), (500, [4, 4, 4]), (700, [2] * 6), (2_000, [1] * 12), (10_000, [1] * 12)],
)
def test_small_months_are_billed_together_and_large_ones_alone(companies: int, sizes: list[int]) -> None:
    parts = months_together(YEAR, dict.fromkeys(YEAR, companies))
    assert [len(part) for part in parts] == sizes
    assert [month for part in parts for month in part] == YEAR


def test_a_large_month_among_small_ones_stands_alone() -> None:
    companies = dict.fromkeys(YEAR, 10) | {YEAR[3]: 10_000}
    assert months_together(YEAR, companies) == [YEAR[:3], [YEAR[3]], YEAR[4:]]
