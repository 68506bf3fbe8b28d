"""Which months keep a service period, and what is known of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.closing.restatement import IS_PERIOD, IS_REMOVED, MONTH, rows_with, rows_without
from ledger_pipelines.columns import array
from ledger_pipelines.invoicing.service_periods import Memberships, month_periods, present_periods
from ledger_pipelines_tests.invoicing.building import months_of, periods

MONTHS = [date(2024, number, 1) for number in range(1, 13)]
JAN, FEB, MAR, APR, MAY, JUN = MONTHS[:6]
COURSE = {"id": 1, "start_date": date(2024, 2, 5), "end_date": date(2024, 4, 20)}
EARLY = {"id": 1, "start_date": date(2024, 1, 1), "end_date": date(2024, 5, 19)}


NOTHING = pa.schema([MONTH, *periods().schema, IS_REMOVED, IS_PERIOD]).empty_table()


class Ledger:
    """What the months hold, each written as the steps write them; every reading is an hour after the one before."""

    def __init__(self) -> None:
        self.rows: pa.Table | None = None
        self.read_at: dict[date, datetime] = {}
        self.closed: set[date] = set()
        self.readings = 0

    def read(
        self,
        *given: dict[str, Any],
        months: list[date] = MONTHS,
        without_period: Collection[int] = (),
        unusable: Collection[int] = (),
        is_complete: bool = True,
    ) -> pa.Table:
        """Reads these periods for these months, and answers what the months are to hold."""
        found = Memberships(
            periods(*given),
            array(list(without_period), pa.int64()),
            array(list(unusable), pa.int64()),
            is_complete,
        )
        frame = month_periods(found, self.held(), months=months, closed=self.closed, read_at=self.read_at)
        keys = [(row["month"], row["id"]) for row in frame.to_pylist()]
        assert len(set(keys)) == len(keys)
        written = [month for month in months if month not in self.closed]
        open_months = array(written, pa.date32())
        fresh = rows_with(frame, "month", open_months).select(NOTHING.column_names).cast(NOTHING.schema)
        self.rows = pa.concat_tables([rows_without(self.held(), "month", open_months), fresh])
        self.readings += 1
        self.read_at |= dict.fromkeys(
            written, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self.readings)
        )
        return frame

    def held(self) -> pa.Table:
        """The rows of all months."""
        return NOTHING if self.rows is None else self.rows

    def present(self) -> list[dict[str, Any]]:
        """What the rule gets, by id."""
        frame = present_periods(self.held(), self.read_at)
        assert frame.column_names[-1] == "is_removed"
        return frame.sort_by("id").to_pylist()

    def told(self, number: int = 1) -> list[tuple[date, bool, bool]]:
        """Month, whether it is gone, and whether it is a period, of each row of a membership."""
        rows = [row for row in self.held().to_pylist() if row["id"] == number]
        return sorted((row["month"], row["is_removed"], row["is_period"]) for row in rows)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_period_is_kept_in_every_month_that_it_touches(ledger: Ledger) -> None:
    assert months_of(ledger.read(COURSE), 1) == [FEB, MAR, APR]
    assert months_of(Ledger().read(COURSE, months=[MAR]), 1) == [MAR]


def test_a_period_is_known_from_when_it_was_made_though_it_begins_later(ledger: Ledger) -> None:
    early = COURSE | {"created_at": datetime(2024, 1, 10, tzinfo=UTC)}
    assert months_of(ledger.read(early), 1) == [JAN, FEB, MAR, APR]


def test_a_status_that_changed_after_the_end_is_known_in_the_month_of_the_change(ledger: Ledger) -> None:
    graduated = COURSE | {"status": "ENDED", "status_change_date": date(2024, 6, 3)}
    assert months_of(ledger.read(graduated), 1) == [FEB, MAR, APR, MAY, JUN]


def test_a_drop_back_dated_into_closed_months_is_kept_in_the_first_open_one(ledger: Ledger) -> None:
    ledger.read(COURSE)
    ledger.closed = {JAN, FEB, MAR, APR}
    assert MAY not in months_of(ledger.read(COURSE), 1)
    dropped = COURSE | {"status": "DROPPED", "status_change_date": date(2024, 3, 10)}
    for months in (MONTHS, MONTHS):
        assert [month for month in months_of(ledger.read(dropped, months=months), 1) if month > APR] == [MAY]
    assert [row["status"] for row in ledger.present()] == ["DROPPED"]


def test_news_of_months_that_are_not_read_again_is_told_in_one_that_is(ledger: Ledger) -> None:
    ledger.read(COURSE)
    dropped = COURSE | {"status": "DROPPED", "status_change_date": date(2024, 3, 10)}
    assert months_of(ledger.read(dropped, months=[JUN]), 1) == [JUN]
    assert [row["status"] for row in ledger.present()] == ["DROPPED"]


def test_a_period_from_before_the_ledger_is_news_of_its_first_month(ledger: Ledger) -> None:
    old = {"id": 7, "start_date": date(2023, 9, 1), "end_date": date(2023, 12, 20)}
    assert months_of(ledger.read(old), 7) == [JAN]


def test_one_that_could_not_be_read_or_used_stays_as_it_was(ledger: Ledger) -> None:
    ledger.read(COURSE)
    for unusable in ({1}, {1, 2}):
        assert months_of(ledger.read(unusable=unusable), 1) == [FEB, MAR, APR]
    ledger.closed = {FEB}
    assert months_of(ledger.read(unusable={1}), 1) == [FEB, MAR, APR]
    assert [row["status"] for row in ledger.present()] == ["ACTIVE"]


def test_what_is_known_is_the_row_that_was_read_last(ledger: Ledger) -> None:
    ledger.read(COURSE)
    # The cohort was extended, which moves no `updated_at` of a membership.
    extended = COURSE | {"end_date": date(2024, 6, 28)}
    ledger.read(extended, months=[FEB])
    [present] = ledger.present()
    assert present["end_date"] == date(2024, 6, 28)


def test_without_reading_times_it_is_the_row_that_was_updated_last(ledger: Ledger) -> None:
    later = datetime(2024, 5, 1, tzinfo=UTC)
    ledger.read(COURSE | {"end_date": date(2024, 3, 1), "updated_at": later}, months=[FEB])
    ledger.read(COURSE, months=[APR])
    [present] = present_periods(ledger.held()).to_pylist()
    assert present["end_date"] == date(2024, 3, 1)


def stopped(ledger: Ledger) -> tuple[str, date | None, bool]:
    [row] = ledger.present()
    return row["status"], row["status_change_date"], row["is_removed"]


def test_one_that_is_gone_is_postponed_on_the_last_day_of_the_last_month_that_knew_it(ledger: Ledger) -> None:
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB, MAR}
    for months in ([APR], [APR], [MAY], [APR, MAY, JUN]):
        ledger.read(months=months)
        assert stopped(ledger) == ("POSTPONED", date(2024, 3, 31), True)
    ledger.closed = {JAN, FEB, MAR, APR}
    for months in ([MAY], MONTHS):
        ledger.read(months=months)
        assert stopped(ledger) == ("POSTPONED", date(2024, 3, 31), True)


def test_it_is_so_in_months_that_were_never_closed_too(ledger: Ledger) -> None:
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    for months in ([APR], [JAN, FEB, MAR], [APR], [JAN], MONTHS[:6], [MAR], [JUN]):
        ledger.read(months=months)
        assert stopped(ledger) == ("POSTPONED", date(2024, 3, 31), True), months


@pytest.mark.parametrize("order", list(permutations([[JAN], [FEB], [MAR], [APR]])))
def test_it_is_so_whatever_order_months_are_read_in_again(order: tuple[list[date], ...]) -> None:
    ledger = Ledger()
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    for months in (*order, *order):
        ledger.read(months=months)
        assert stopped(ledger) == ("POSTPONED", date(2024, 3, 31), True)
    settled = ledger.held().sort_by([("month", "ascending"), ("id", "ascending")])
    ledger.read(months=MONTHS[:4])
    ledger.read(months=MONTHS[:4])
    assert stopped(ledger) == ("POSTPONED", date(2024, 3, 31), True)
    assert settled.num_rows >= 1


def test_reading_again_writes_the_same(ledger: Ledger) -> None:
    ledger.read(EARLY, COURSE | {"id": 2}, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB}
    first = ledger.read(COURSE | {"id": 2}, months=MONTHS[:6], without_period={3})
    again = ledger.read(COURSE | {"id": 2}, months=MONTHS[:6], without_period={3})
    order = [("month", "ascending"), ("id", "ascending")]
    assert first.sort_by(order).equals(again.sort_by(order))


@pytest.mark.parametrize(
    ("status", "changed", "told"),
    [
        ("DROPPED", date(2024, 2, 10), ("DROPPED", date(2024, 2, 10), True)),
        ("ENDED", date(2024, 2, 10), ("ENDED", date(2024, 2, 10), True)),
        ("POSTPONED", date(2024, 1, 15), ("POSTPONED", date(2024, 1, 15), True)),
        ("DROPPED", date(2024, 4, 10), ("POSTPONED", date(2024, 3, 31), True)),
    ],
)
def test_one_that_had_stopped_before_it_was_gone_stays_stopped(
    status: str, changed: date, told: tuple[str, date, bool], ledger: Ledger
) -> None:
    ledger.read(EARLY | {"status": status, "status_change_date": changed}, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB, MAR}
    ledger.read(months=[APR])
    assert stopped(ledger) == told


def test_one_that_comes_back_is_there_again(ledger: Ledger) -> None:
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB, MAR}
    ledger.read(months=[APR])
    for months in ([MAY], [APR, MAY]):
        ledger.read(EARLY, months=months)
        assert stopped(ledger) == ("ACTIVE", None, False)
    ledger.read(months=[APR])
    ledger.closed |= {APR}
    over = EARLY | {"end_date": date(2024, 3, 20)}
    ledger.read(over, months=[MAY])
    assert stopped(ledger) == ("ACTIVE", None, False)


def test_an_incomplete_list_takes_nothing_back(ledger: Ledger) -> None:
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    for months in ([FEB], [APR], [JAN, FEB, MAR]):
        ledger.read(months=months, is_complete=False)
        assert stopped(ledger) == ("ACTIVE", None, False)
    assert [month for month, _, _ in ledger.told()] == [JAN, FEB, MAR]
    ledger.read(months=[APR])
    ledger.read(months=[APR], is_complete=False)
    assert stopped(ledger) == ("POSTPONED", date(2024, 3, 31), True)


def test_one_that_is_there_and_is_no_period_any_more_counts_nowhere(ledger: Ledger) -> None:
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB}
    for months in ([APR], [MAR, APR], MONTHS):
        ledger.read(months=months, without_period={1})
        assert ledger.present() == []
    # Once gone, it is still none.
    ledger.read(months=MONTHS)
    assert ledger.present() == []
    ledger.read(EARLY, months=MONTHS)
    assert stopped(ledger) == ("ACTIVE", None, False)


def test_a_membership_in_whose_place_another_of_the_same_cohort_is_leaves_the_period_to_it(
    ledger: Ledger,
) -> None:
    ledger.read(EARLY | {"cohort_slug": "x"}, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB, MAR}
    ledger.read(EARLY | {"id": 2, "cohort_slug": "x"}, months=[APR])
    assert [(row["id"], row["status"]) for row in ledger.present()] == [(2, "ACTIVE")]


def test_it_has_had_its_status_since_the_one_that_it_replaces_had_it(ledger: Ledger) -> None:
    stopped_early = {"cohort_slug": "x", "status": "POSTPONED", "status_change_date": date(2024, 1, 15)}
    ledger.read(EARLY | stopped_early, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB, MAR}
    again = EARLY | stopped_early | {"id": 2, "status_change_date": date(2024, 4, 2)}
    for months in ([APR], [MAY], [APR, MAY]):
        ledger.read(again, months=months)
        assert stopped(ledger) == ("POSTPONED", date(2024, 1, 15), False)
    ledger.read(again | {"status": "DROPPED"}, months=[MAY])
    assert stopped(ledger) == ("DROPPED", date(2024, 4, 2), False)


def test_closed_months_are_compared_with_what_they_hold_news_included(ledger: Ledger) -> None:
    gone, second = {"id": 2, "start_date": date(2024, 1, 3), "end_date": date(2024, 3, 3)}, EARLY | {"id": 3}
    ledger.read(EARLY, gone, second, months=[JAN, FEB, MAR])
    ledger.closed = {JAN, FEB, MAR}
    short = EARLY | {"end_date": date(2024, 3, 1)}
    ledger.read(short, months=[APR], without_period={3})
    held = ledger.held()
    ledger.closed |= {APR}
    now = ledger.read(short, months=[APR], without_period={3})
    order = [("month", "ascending"), ("id", "ascending")]
    of_april = rows_with(held, "month", array([APR], pa.date32())).select(now.column_names)
    assert now.sort_by(order).to_pylist() == of_april.sort_by(order).to_pylist()
    assert {row["id"] for row in of_april.to_pylist()} == {1, 2, 3}


def test_rows_of_older_ledgers_that_only_say_that_a_period_is_gone_are_understood(ledger: Ledger) -> None:
    ledger.read(EARLY, months=[JAN, FEB, MAR])
    held = ledger.held().drop_columns(["is_period"])
    row = {**held.slice(0, 1).to_pylist()[0], "month": APR, "is_removed": True}
    rows = pa.concat_tables([held, pa.Table.from_pylist([row], held.schema)])
    [present] = present_periods(rows).to_pylist()
    assert (present["status"], present["status_change_date"], present["is_removed"]) == (
        "POSTPONED",
        date(2024, 3, 31),
        True,
    )
