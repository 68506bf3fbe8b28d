"""Which months keep a service period, and what is known of it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa

from ledger_pipelines.invoicing.frames import in_month, marked
from ledger_pipelines.invoicing.service_periods import month_periods, newest_periods, present_periods
from ledger_pipelines_tests.invoicing.building import months_of, periods

MONTHS = [date(2024, number, 1) for number in range(1, 13)]
JAN, FEB, MAR, APR, MAY, JUN = MONTHS[:6]
COURSE = {"id": 1, "start_date": date(2024, 2, 5), "end_date": date(2024, 4, 20)}
NOTHING = in_month(marked(periods(), is_removed=False), JAN)


def kept(
    found: pa.Table,
    *,
    months: list[date] = MONTHS,
    known: pa.Table = NOTHING,
    stored: pa.Table = NOTHING,
    closed: set[date] | None = None,
    unreadable: set[int] | None = None,
) -> pa.Table:
    return month_periods(
        found,
        stored,
        known,
        months=months,
        first_month=JAN,
        closed=closed or set(),
        unreadable=unreadable or set(),
    )


def test_a_period_is_kept_in_every_month_that_it_touches() -> None:
    assert months_of(kept(periods(COURSE)), 1) == [FEB, MAR, APR]
    assert months_of(kept(periods(COURSE), months=[MAR]), 1) == [MAR]


def test_a_period_is_known_from_when_it_was_made_though_it_begins_later() -> None:
    early = COURSE | {"created_at": datetime(2024, 1, 10, tzinfo=UTC)}
    assert months_of(kept(periods(early)), 1) == [JAN, FEB, MAR, APR]


def test_a_status_that_changed_after_the_end_is_known_in_the_month_of_the_change() -> None:
    graduated = COURSE | {"status": "ENDED", "status_change_date": date(2024, 6, 3)}
    assert months_of(kept(periods(graduated)), 1) == [FEB, MAR, APR, MAY, JUN]


def test_a_drop_back_dated_into_closed_months_is_kept_in_the_first_open_one() -> None:
    closed = {JAN, FEB, MAR, APR}
    booked = kept(periods(COURSE))
    known = newest_periods(booked)
    dropped = periods(
        COURSE
        | {
            "status": "DROPPED",
            "status_change_date": date(2024, 3, 10),
            "updated_at": datetime(2024, 3, 10, tzinfo=UTC),
        }
    )
    result = kept(dropped, known=known, closed=closed)
    assert MAY in months_of(result, 1)
    (present,) = present_periods(pa.concat_tables([booked, result])).to_pylist()
    assert present["status"] == "DROPPED"
    unchanged = kept(periods(COURSE), known=known, closed=closed)
    assert MAY not in months_of(unchanged, 1)


def test_a_period_that_is_gone_from_closed_months_is_known_to_be_gone() -> None:
    closed = {JAN, FEB, MAR, APR}
    booked = kept(periods(COURSE))
    gone = kept(periods(), known=newest_periods(booked), closed=closed)
    assert [(row["month"], row["is_removed"]) for row in gone.to_pylist()] == [(MAY, True)]
    assert present_periods(pa.concat_tables([booked, gone])).num_rows == 0


def test_a_period_from_before_the_ledger_is_news_of_its_first_month() -> None:
    old = {"id": 7, "start_date": date(2023, 9, 1), "end_date": date(2023, 12, 20)}
    assert months_of(kept(periods(old)), 7) == [JAN]


def test_one_that_could_not_be_read_stays_as_it_was() -> None:
    stored = kept(periods(COURSE))
    result = kept(periods(), stored=stored, unreadable={1})
    assert months_of(result, 1) == [FEB, MAR, APR]


def test_what_is_known_is_the_row_that_was_updated_last_in_whatever_month() -> None:
    old = kept(periods(COURSE), months=[APR])
    new = kept(
        periods(COURSE | {"end_date": date(2024, 3, 1), "updated_at": datetime(2024, 5, 1, tzinfo=UTC)}),
        months=[FEB],
    )
    (present,) = present_periods(pa.concat_tables([old, new])).to_pylist()
    assert present["end_date"] == date(2024, 3, 1)
