"""Where tickets stand while months are closed, and that no hour of theirs is lost or billed twice."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.billing.credits import MISSING_HOURS, credits_owed, hours_vanished
from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.billing.outputs import BillingResult
from ledger_pipelines.billing.ticket_months import KNOWN, Asked, shrunken_companies
from ledger_pipelines_tests.billing.building import enabled, lines_of
from ledger_pipelines_tests.billing.ticket_world import Row, TicketWorld, billed_hours, ticket

DECEMBER, JANUARY, FEBRUARY, MARCH, APRIL, MAY = (
    date(2024, 12, 1),
    *(date(2025, month, 1) for month in range(1, 6)),
)


def hour_lines(result: BillingResult) -> list[tuple[str, Decimal, Decimal]]:
    return [(line["source_id"], line["quantity"], line["amount"]) for line in lines_of(result, "hours")]


def standing(world: TicketWorld, month: date) -> list[str]:
    return sorted(row["ticket_number"] for row in world.tickets[month])


#: Each such world as it was when the months were closed: many tests go on from the same one.
_closed: dict[str, TicketWorld] = {}


def closed_until_february(*shown: Row) -> TicketWorld:
    """January and February closed, with what Codex showed then."""
    key = repr(shown)
    if key not in _closed:
        _closed[key] = TicketWorld()
        _closed[key].close(JANUARY, shown)
        _closed[key].close(FEBRUARY, shown)
    return deepcopy(_closed[key])


class TestWhatAClosedMonthLacks:
    def test_is_billed_in_the_first_open_one_and_only_there(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        now = [ticket("T1", FEBRUARY, "7"), ticket("T2", JANUARY, "1"), ticket("T3", MARCH, "3")]
        world.read(now, MARCH, APRIL)
        assert (standing(world, MARCH), standing(world, APRIL)) == (["T1", "T2", "T3"], [])
        assert hour_lines(world.bill(MARCH)) == [
            ("T1", 2, Decimal("300.00")),
            ("T2", 1, Decimal("150.00")),
            ("hours", 3, Decimal("450.00")),
        ]
        assert hour_lines(world.bill(APRIL)) == []

    def test_once_that_is_closed_too_it_lacks_nothing_more(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        now = [ticket("T1", FEBRUARY, "7")]
        world.close(MARCH, now)
        world.read(now, APRIL)
        assert standing(world, APRIL) == []
        world.read([ticket("T1", FEBRUARY, "7.5")], APRIL)
        assert hour_lines(world.bill(APRIL)) == [("T1", Decimal("0.5"), Decimal("75.00"))]

    def test_a_ticket_as_closed_months_know_it_stands_nowhere_again(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "0.9166666666666666"))
        world.read([ticket("T1", FEBRUARY, "0.91666666666666663")], MARCH)
        assert standing(world, MARCH) == []

    def test_runs_in_any_order_and_again_give_the_same(self) -> None:
        world, other = (closed_until_february(ticket("T1", FEBRUARY, "5")) for _ in range(2))
        now = [ticket("T1", FEBRUARY, "7"), ticket("T2", APRIL, "1")]
        world.read(now, MARCH)
        world.read(now, APRIL)
        other.read(now, MARCH, APRIL)
        other.read(now, APRIL)
        other.read(now, MARCH)
        assert world.tickets == other.tickets
        for month in (MARCH, APRIL):
            assert hour_lines(world.bill(month)) == hour_lines(other.bill(month))

    def test_a_month_between_that_is_open_is_the_first(self) -> None:
        world = TicketWorld()
        for month in (JANUARY, MARCH):
            world.close(month, [])
        world.read([ticket("T1", JANUARY, "2"), ticket("T2", MARCH, "1")], FEBRUARY, APRIL)
        assert (standing(world, FEBRUARY), standing(world, APRIL)) == (["T1"], ["T2"])

    def test_a_reopened_month_takes_its_tickets_back_and_what_moved_on_is_billed_after_the_closed_ones(
        self,
    ) -> None:
        """February billed 5 h of T1, March 3 more, for it was touched; then February is opened again."""
        world = closed_until_february(ticket("T1", FEBRUARY, "5"), ticket("T2", FEBRUARY, "1"))
        now = [ticket("T1", MARCH, "8"), ticket("T2", FEBRUARY, "2")]
        world.close(MARCH, now)
        world.reopen(FEBRUARY)
        february = world.close(FEBRUARY, now)
        assert hour_lines(february) == [
            ("hours", 1, Decimal("150.00"))
        ]  # T2 has 2 h, of which March billed 1
        april = world.close(APRIL, now)
        assert hour_lines(april) == [("T1", 5, Decimal("750.00"))]


class TestNumbers:
    def test_of_two_companies_are_two_tickets(self) -> None:
        world = TicketWorld(companies=("A1", "A2"))
        both = [ticket("T1", JANUARY, "2"), ticket("T1", JANUARY, "3", account_number="A2")]
        assert [line["amount"] for line in lines_of(world.close(JANUARY, both), "hours")] == [300, 450]
        both[0] |= {"last_updated_at": datetime(2025, 2, 3, tzinfo=UTC), "total_hours_spent": Decimal(5)}
        assert hour_lines(world.close(FEBRUARY, both)) == [("hours", 3, Decimal("450.00"))]

    def test_a_ticket_that_was_moved_to_another_company_is_billed_there_for_what_was_added(self) -> None:
        world = TicketWorld(companies=("A1", "A2"))
        world.close(JANUARY, [ticket("T1", JANUARY, "2", account_number="A2", ticket_id=7)])
        world.read([ticket("T1", FEBRUARY, "5", ticket_id=7)], FEBRUARY)
        assert hour_lines(world.bill(FEBRUARY)) == [("hours", 3, Decimal("450.00"))]
        assert credits_owed(world.inputs(FEBRUARY), FEBRUARY, "USD").num_rows == 0

    def test_another_companys_ticket_that_is_gone_was_not_moved_where_the_id_is_another(self) -> None:
        world = TicketWorld(companies=("A1", "A2"))
        world.close(JANUARY, [ticket("T1", JANUARY, "2", account_number="A2", ticket_id=7)])
        world.read([ticket("T1", FEBRUARY, "5", ticket_id=8)], FEBRUARY)
        assert hour_lines(world.bill(FEBRUARY)) == [("hours", 5, Decimal("750.00"))]
        assert credits_owed(world.inputs(FEBRUARY), FEBRUARY, "USD")["account_number"].to_pylist() == ["A2"]


def owed(world: TicketWorld, month: date) -> list[tuple[str, Decimal, Decimal, str]]:
    """The credits owed in a month: ticket, hours, money, why."""
    found = credits_owed(world.inputs(month), month, "USD")
    assert found.schema == MISSING_HOURS
    return [(row["ticket_number"], row["hours"], row["amount"], row["reason"]) for row in found.to_pylist()]


def vanished(world: TicketWorld, month: date) -> list[tuple[str, Decimal, Decimal, str]]:
    found = hours_vanished(world.inputs(month), world.bill(month).statements, month, "USD")
    return [(row["ticket_number"], row["hours"], row["amount"], row["reason"]) for row in found.to_pylist()]


class TestCredits:
    def test_hours_lowered_below_what_closed_months_billed_are_owed(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"), ticket("T2", JANUARY, "3"))
        world.read([ticket("T1", FEBRUARY, "3.5"), ticket("T2", MARCH, "2")], MARCH)
        assert owed(world, MARCH) == [
            ("T1", Decimal("1.5"), Decimal("225.00"), "has fewer hours now"),
            ("T2", Decimal(1), Decimal("150.00"), "has fewer hours now"),
        ]
        assert vanished(world, MARCH) == []

    def test_they_are_told_in_one_month_and_not_in_the_next(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        now = [ticket("T1", FEBRUARY, "3")]
        world.close(MARCH, now)
        assert [row[:2] for row in owed(world, MARCH)] == [("T1", 2)]
        world.read(now, APRIL)
        assert owed(world, APRIL) == []

    def test_a_ticket_that_is_gone_after_closed_months_billed_it_is_owed_whole(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"), ticket("T2", MARCH, "1"))
        world.read([ticket("T2", MARCH, "1")], MARCH)
        assert owed(world, MARCH) == [("T1", 5, Decimal("750.00"), "is gone from its source")]
        assert hour_lines(world.bill(MARCH)) == [("hours", 1, Decimal("150.00"))]
        world.close(MARCH, [ticket("T2", MARCH, "1")])
        world.read([], APRIL, years={2024})
        assert owed(world, APRIL) == []

    def test_a_ticket_that_comes_back_is_billed_for_what_was_added(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        world.close(MARCH, [])
        assert owed(world, MARCH)
        april = world.close(APRIL, [ticket("T1", FEBRUARY, "6")])
        assert hour_lines(april) == [("T1", 1, Decimal("150.00"))]

    def test_no_ticket_is_gone_of_a_year_or_a_company_that_was_not_read(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        world.read([], MARCH, years={2026})
        assert owed(world, MARCH) == []
        world.read([], MARCH, silent={"A1"})
        assert owed(world, MARCH) == []

    def test_hours_that_an_allowance_covered_are_worth_nothing(self) -> None:
        """4 h a month are prepaid: of January's 5 h one was billed, and 2 of them are taken back."""
        world = TicketWorld(overrides=[enabled(prepaid_hours_monthly="4")])
        world.close(JANUARY, [ticket("T1", JANUARY, "5")])
        world.read([ticket("T1", JANUARY, "3")], FEBRUARY)
        assert owed(world, FEBRUARY) == [("T1", 2, Decimal("150.00"), "has fewer hours now")]

    def test_the_latest_hours_are_given_back_first_at_the_rate_that_they_were_billed_at(self) -> None:
        world = TicketWorld(overrides=[enabled(per_hour_ticket_cost="100")])
        world.close(JANUARY, [ticket("T1", JANUARY, "2")])
        world.overrides = [enabled(per_hour_ticket_cost="120")]
        world.close(FEBRUARY, [ticket("T1", FEBRUARY, "5")])
        world.read([ticket("T1", FEBRUARY, "1")], MARCH)
        # 3 h of February at 120 and one of January at 100.
        assert owed(world, MARCH) == [("T1", 4, Decimal("460.00"), "has fewer hours now")]


class TestHoursThatVanish:
    def test_hours_that_closed_months_billed_and_fall_to_nothing_are_named_and_not_owed_yet(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        world.read([ticket("T1", FEBRUARY, "0")], MARCH)
        assert vanished(world, MARCH) == [("T1", 5, Decimal("750.00"), "closed months billed them")]
        assert owed(world, MARCH) == []

    def test_hours_of_an_open_month_that_fall_to_nothing_are_named_as_long_as_they_do(self) -> None:
        world = TicketWorld()
        world.read([ticket("T1", MARCH, "2"), ticket("T2", MARCH, "1")], MARCH)
        for _ in range(2):
            world.read([ticket("T1", MARCH, "0"), ticket("T2", MARCH, "1")], MARCH)
            assert vanished(world, MARCH) == [("T1", 2, Decimal("300.00"), "not billed yet")]
        world.read([ticket("T1", MARCH, "2.5"), ticket("T2", MARCH, "1")], MARCH)
        assert vanished(world, MARCH) == []

    def test_they_are_billed_when_they_come_back_after_the_month_was_closed(self) -> None:
        world = TicketWorld()
        world.read([ticket("T1", MARCH, "2")], MARCH)
        assert hour_lines(world.close(MARCH, [ticket("T1", MARCH, "0")])) == []
        assert hour_lines(world.close(APRIL, [ticket("T1", MARCH, "2")])) == [("T1", 2, Decimal("300.00"))]

    def test_a_ticket_that_never_had_hours_has_lost_none(self) -> None:
        world = TicketWorld()
        for _ in range(2):
            world.read([ticket("T1", MARCH, "0")], MARCH)
        assert vanished(world, MARCH) == []

    def test_a_ticket_that_is_gone_from_an_open_month_goes(self) -> None:
        world = TicketWorld()
        world.read([ticket("T1", MARCH, "2"), ticket("T2", MARCH, "1")], MARCH)
        world.read([ticket("T2", MARCH, "1")], MARCH)
        assert standing(world, MARCH) == ["T2"]

    def test_of_a_company_that_was_not_read_everything_stays(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        shown = [ticket("T1", FEBRUARY, "6"), ticket("T2", MARCH, "2")]
        world.read(shown, MARCH)
        before = world.tickets[MARCH]
        world.read([], MARCH, silent={"A1"})
        assert world.tickets[MARCH] == before

    def test_a_ticket_whose_record_cannot_be_read_stays_as_it_was_and_is_not_gone(self) -> None:
        world = closed_until_february(ticket("T1", FEBRUARY, "5"))
        world.read([ticket("T2", MARCH, "2")], MARCH, unread={("A1", "T1")})
        assert standing(world, MARCH) == ["T2"]
        world.read([], MARCH, unread={("A1", "T1"), ("A1", "T2")})
        assert [(row["ticket_number"], row["total_hours_spent"]) for row in world.tickets[MARCH]] == [
            ("T2", 2)
        ]


class TestListsThatShrank:
    def doubted(self, before: dict[str, int], now: dict[str, int], *, years: Any = None) -> Any:
        """The companies that are doubted, of those with so many tickets in March before and now."""
        frames = [
            pa.Table.from_pylist(
                [
                    ticket(str(number), MARCH, "1", account_number=account)
                    for account, count in counts.items()
                    for number in range(count)
                ],
                schema=TICKETS,
            )
            for counts in (before, now)
        ]
        asked = Asked([MARCH], years, frozenset())
        return shrunken_companies(frames[1], KNOWN.empty_table(), frames[0], asked)

    def test_a_company_with_many_tickets_that_shows_few_or_none(self) -> None:
        before = {"A1": 10, "A2": 12, "A3": 12, "A4": 50}
        now = {"A2": 5, "A3": 6, "A4": 50}
        assert self.doubted(before, now) == {"A1": (10, 0), "A2": (12, 5)}

    def test_a_short_list_may_be_emptied(self) -> None:
        assert self.doubted({"A1": 9, "A2": 9}, {"A2": 9}) == {}

    def test_a_source_that_shows_no_ticket_at_all_is_doubted_as_a_whole(self) -> None:
        assert self.doubted({"A1": 1}, {}) == {None: (1, 0)}

    def test_what_was_not_asked_for_is_not_missing(self) -> None:
        assert self.doubted({"A1": 20}, {}, years={2026}) == {}


_MONTHS = (DECEMBER, JANUARY, FEBRUARY, MARCH, APRIL)
#: Each company is a case of its own, and closing a month of six costs little more than closing it of one.
_COMPANIES = ("A1", "A2", "A3", "A4", "A5", "A6")
_step = st.tuples(
    st.sampled_from(["T1", "T2", "T3"]),
    st.sampled_from([Decimal(text) for text in ("0", "0.0003", "0.25", "0.9166666666666666", "1.5", "7")]),
    st.booleans(),
)
_changed = st.fixed_dictionaries(dict.fromkeys(_COMPANIES, st.lists(_step, max_size=4)))


@settings(max_examples=6, deadline=None)
@given(
    st.lists(_changed, min_size=5, max_size=5),
    st.sets(st.sampled_from(_MONTHS[:4]), max_size=2),
)
def test_closed_one_by_one_the_months_bill_each_ticket_the_most_hours_that_it_had_and_no_more(
    changes: Sequence[dict[str, Sequence[tuple[str, Decimal, bool]]]], reopened: set[date]
) -> None:
    """Hours grow and shrink, with a touch or without one; a month may be opened and closed again."""
    world = TicketWorld(_COMPANIES)
    shown: dict[tuple[str, str], Row] = {}
    most: dict[tuple[str, str], int] = {}
    for month, by_company in zip(_MONTHS, changes, strict=True):
        for account, changed in by_company.items():
            for number, hours, touched in changed:
                key = account, number
                when = (
                    month
                    if touched or key not in shown
                    else shown[key]["last_updated_at"].date().replace(day=1)
                )
                # Ids of its own for each company: one that came to another company's would have been moved there.
                ticket_id = 1 + _COMPANIES.index(account)
                shown[key] = ticket(number, when, hours, account_number=account, ticket_id=ticket_id)
        world.close(month, list(shown.values()))
        for key, row in shown.items():
            most[key] = max(most.get(key, 0), _seconds(row["total_hours_spent"]))
    for month in sorted(reopened):
        world.reopen(month)
        world.close(month, list(shown.values()))
    last = world.close(MAY, list(shown.values()))

    billed: dict[tuple[str, str], int] = {}
    for rows in world.hours.values():
        for row in rows:
            key = row["account_number"], row["ticket_number"]
            billed[key] = billed.get(key, 0) + _seconds(row["hours"])
    for key, seconds in billed.items():
        assert _seconds(shown[key]["total_hours_spent"]) <= seconds <= most[key]
        if not reopened:
            assert seconds == most[key]
    if not reopened:
        assert billed_hours([last]) == 0


def _seconds(hours: Decimal) -> int:
    return round(hours * 3600)


@pytest.mark.parametrize("added", [["0.001", "2.5", "0"], ["0.9166666666666666", "0.0833333333333333", "1"]])
def test_a_ticket_that_grows_is_billed_what_each_month_added(added: list[str]) -> None:
    world = TicketWorld()
    total = Decimal(0)
    for month, more in zip((JANUARY, FEBRUARY, MARCH), map(Decimal, added), strict=True):
        total += more
        world.close(month, [ticket("T1", month, total)])
    seconds = [round(row["hours"] * 3600) for month in sorted(world.hours) for row in world.hours[month]]
    assert sum(seconds) == round(total * 3600)
    assert seconds == [round(Decimal(more) * 3600) for more in added]
