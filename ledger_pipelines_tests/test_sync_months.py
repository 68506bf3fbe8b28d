"""Which steps and months a sync means."""

from __future__ import annotations

from datetime import date

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import first_open_after
from ledger_pipelines.workflows.sync_steps import steps_from, sync_months

TODAY, FIRST = date(2026, 4, 17), date(2024, 6, 1)


def months(year: int | None = None, start: str | None = None, end: str | None = None) -> tuple[date, date]:
    found = sync_months(year, start, end, first_month=FIRST, today=TODAY)
    return found[0], found[-1]


def test_without_anything_it_is_this_year_up_to_now() -> None:
    assert months() == (date(2026, 1, 1), date(2026, 4, 1))


def test_a_year_is_its_months_that_the_ledger_has() -> None:
    assert months(2025) == (date(2025, 1, 1), date(2025, 12, 1))
    assert months(2024) == (date(2024, 6, 1), date(2024, 12, 1))


def test_dates_win_over_the_year_and_the_end_is_not_included() -> None:
    assert months(2025, "2024-07-01", "2024-10-01") == (date(2024, 7, 1), date(2024, 9, 1))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((2023, None, None), "2023 is outside the ledger: its months are 2024-06 to 2026-04."),
        ((None, "2024-07-02", "2024-10-01"), "is not the first day of a month"),
        ((None, "2024-07-01", None), "Say both the start date"),
        ((None, "2024-07-01", "2024-07-01"), "has no month"),
    ],
)
def test_what_is_no_span_is_refused(given: tuple[int | None, str | None, str | None], sentence: str) -> None:
    with pytest.raises(LedgerError, match=sentence.replace(".", r"\.")):
        months(*given)


def test_from_a_step_on_all_that_come_after_it() -> None:
    assert [step.id for step in steps_from("service-periods")] == ["service-periods", "notion-external-id"]
    assert [step.id for step in steps_from("accruals")] == ["accruals"]
    assert [step.id for step in steps_from(None)] == [
        "services",
        "invoices",
        "crm-clients",
        "service-periods",
        "notion-external-id",
    ]


def test_news_goes_to_the_first_month_after_it_that_is_open() -> None:
    january, february, march = (date(2024, number, 1) for number in (1, 2, 3))
    assert first_open_after(january, set()) == february
    assert first_open_after(january, {january, february}) == march
