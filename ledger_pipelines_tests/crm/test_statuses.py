"""When each membership's status was first seen."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.crm.inputs import MEMBERSHIPS, STATUS_SIGHTINGS
from ledger_pipelines.crm.statuses import STATUSES, new_sightings, status_dates
from ledger_pipelines.frames import to_pandas, values_of

MADRID = ZoneInfo("Europe/Madrid")
NOTHING = STATUS_SIGHTINGS.empty_table()


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2024, 1, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)


def membership(status: str | None, updated: datetime, number: int = 1) -> dict[str, Any]:
    return {"id": number, "educational_status": status, "updated_at": updated}


def remember(known: pa.Table, *memberships: dict[str, Any], seen: int) -> tuple[pa.Table, list[date | None]]:
    """What is known after a reading that began on that day, and the status date of each membership in it."""
    frame = pa.Table.from_pylist(list(memberships), schema=MEMBERSHIPS)
    fresh = new_sightings(frame, known, zone=MADRID, seen_at=at(seen))
    assert fresh.schema.equals(STATUS_SIGHTINGS)
    known = pa.concat_tables([known, fresh])
    dates: list[Any] = values_of(status_dates(to_pandas(frame), known, zone=MADRID)).to_pylist()
    return known, dates


def history(*readings: tuple[str | None, int]) -> list[date | None]:
    """The status date after each reading of one membership: its status, and the day of its updated_at."""
    known, dates = NOTHING, []
    for status, day in readings:
        known, [found] = remember(known, membership(status, at(day)), seen=day)
        dates.append(found)
    return dates


def day(number: int) -> date:
    return at(number).date()


def test_a_later_updated_at_with_the_same_status_moves_nothing() -> None:
    assert history(("ACTIVE", 1), ("DROPPED", 10), ("DROPPED", 30), (" dropped", 40)) == [
        None,
        day(10),
        day(10),
        day(10),
    ]


def test_a_status_that_returns_after_another_one_is_a_new_change() -> None:
    assert history(("DROPPED", 10), ("ACTIVE", 20), ("DROPPED", 30), ("DROPPED", 40)) == [
        day(10),
        None,
        day(30),
        day(30),
    ]
    assert history(("POSTPONED", 10), (None, 20), ("POSTPONED", 30)) == [day(10), None, day(30)]


def test_statuses_that_mean_the_same_to_the_books_stop_a_period_once() -> None:
    assert history(("SUSPENDED", 10), ("DROPPED", 20)) == [day(10), day(10)]
    assert history(("NOT_COMPLETING", 10), ("GRADUATED", 20), ("DROPPED", 25), ("GRADUATED", 30)) == [
        day(10),
        day(10),
        day(25),
        day(30),
    ]


def test_every_change_is_kept_as_it_was_seen() -> None:
    known, _ = remember(NOTHING, membership("SUSPENDED", at(10)), seen=10)
    known, _ = remember(known, membership("DROPPED", at(20)), seen=20)
    assert known["educational_status"].to_pylist() == ["SUSPENDED", "DROPPED"]
    assert known["status_date"].to_pylist() == [day(10), day(20)]


def test_the_day_is_that_of_the_school() -> None:
    late = datetime(2024, 1, 31, 23, 30, tzinfo=UTC)
    _, dates = remember(NOTHING, membership("DROPPED", late), seen=40)
    assert dates == [date(2024, 2, 1)]


def test_a_status_may_change_without_updated_at() -> None:
    known, _ = remember(NOTHING, membership("ACTIVE", at(10)), seen=11)
    known, dates = remember(known, membership("DROPPED", at(10)), seen=20)
    assert (dates, known.num_rows) == ([day(10)], 2)


def test_an_answer_that_a_newer_one_overtook_changes_nothing() -> None:
    known, _ = remember(NOTHING, membership("DROPPED", at(20)), seen=21)
    for updated, seen in ((5, 30), (20, 15)):
        after, dates = remember(known, membership("ACTIVE", at(updated)), seen=seen)
        assert (after.num_rows, dates) == (1, [None])
    _, dates = remember(known, membership("DROPPED", at(25)), seen=31)
    assert dates == [day(20)]


def test_memberships_are_remembered_each_for_itself() -> None:
    known, _ = remember(NOTHING, membership("DROPPED", at(3), 2), membership("ACTIVE", at(4), 1), seen=5)
    known, dates = remember(
        known,
        membership("DROPPED", at(9), 1),
        membership("DROPPED", at(9), 2),
        membership("GRADUATED", at(9), 3),
        seen=10,
    )
    assert dates == [day(9), day(3), day(9)]
    assert known.num_rows == 4


HISTORY = st.lists(st.tuples(st.sampled_from([*STATUSES, None]), st.integers(0, 5)), min_size=1, max_size=12)


@settings(max_examples=10)
@given(st.lists(HISTORY, min_size=10, max_size=10))
def test_the_date_is_the_first_of_the_last_readings_that_mean_the_same(
    histories: list[list[tuple[str | None, int]]],
) -> None:
    """Ten memberships in each reading, as long as they have a history."""
    known = NOTHING
    updated = dict.fromkeys(range(10), 1)
    meanings: dict[int, list[tuple[str, int]]] = {number: [] for number in range(10)}
    for place in range(12):
        shown = {number: steps[place][0] for number, steps in enumerate(histories) if place < len(steps)}
        for number, status in shown.items():
            updated[number] += histories[number][place][1]
            meanings[number].append((STATUSES.get(status or "", "ACTIVE"), updated[number]))
        memberships = [membership(status, at(updated[number]), number) for number, status in shown.items()]
        known, found = remember(known, *memberships, seen=100 + place)
        again, _ = remember(known, *memberships, seen=200)
        assert again.equals(known)
        for number, status_date in zip(shown, found, strict=True):
            own = meanings[number]
            run = len(own)
            while run and own[run - 1][0] == own[-1][0]:
                run -= 1
            assert status_date == (None if own[-1][0] == "ACTIVE" else day(own[run][1]))
