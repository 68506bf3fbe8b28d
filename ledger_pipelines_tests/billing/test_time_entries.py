"""Time entries as tickets: each billable one is billed once, whatever is closed when and however late it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.billing.credits import credits_owed
from ledger_pipelines.billing.entry_months import (
    CURRENT_ENTRIES,
    ENTRIES,
    ReadScope,
    never_billed,
    place_entries,
)
from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.billing.ticket_months import Asked, place_tickets
from ledger_pipelines.billing.time_entries import FIRST_TICKETS, Companies, entry_tickets, is_entry
from ledger_pipelines.tables.codex import COMPANIES
from ledger_pipelines_tests.billing.ticket_world import Row, TicketWorld, billed_hours, ticket

MONTHS = [date(2025, month, 1) for month in range(1, 5)]
_NAMES = COMPANIES.part(("account_number", "name"))
_NAMES_OF_MONTHS = COMPANIES.part(("month", "account_number", "name"))


def entry(number: int, ticket_number: str, month: date, minutes: int, **more: Any) -> Row:
    """An entry of A1's department, worked and written down on the 20th of a month."""
    moment = datetime(month.year, month.month, 20, tzinfo=UTC)
    row = dict.fromkeys(CURRENT_ENTRIES.names) | {
        "id": number,
        "ticket_number": ticket_number,
        "ticket_updated_at": moment,
        "department_id": 1,
        "department": "a one",
        "executed_at": moment,
        "created_at": moment,
        "seconds": minutes * 60,
        "is_billable": True,
        "is_running": False,
    }
    return row | more


@dataclass
class EntryWorld(TicketWorld):
    """Such a world whose tickets are time entries from some month on, and Codex's until then."""

    entries: dict[date, list[Row]] = field(default_factory=dict)
    companies_of_months: Sequence[Row] = ()
    present_companies: Sequence[Row] = ({"account_number": "A1", "name": "A One"},)

    def read_entries(
        self, shown: Sequence[Row], *months: date, ticket_numbers: Sequence[str] = ()
    ) -> list[Row]:
        """Takes what Freshservice shows for these months; answers with hours that no company claims."""
        closed = frozenset(self.closed)
        known = {row["id"]: row for month in sorted(closed) for row in self.entries.get(month, [])}
        stored = [row for month in months for row in self.entries.get(month, [])]
        numbers = {row["ticket_number"] for row in (*shown, *known.values(), *stored)}
        placed = place_entries(
            pa.Table.from_pylist(list(shown), schema=CURRENT_ENTRIES),
            pa.Table.from_pylist(stored, schema=ENTRIES),
            pa.Table.from_pylist(list(known.values()), schema=ENTRIES),
            ReadScope(months, closed, numbers),
        )
        for month in months:
            self.entries[month] = [row for row in placed.to_pylist() if row["month"] == month]
        companies = Companies(
            pa.Table.from_pylist(list(self.companies_of_months), schema=_NAMES_OF_MONTHS),
            pa.Table.from_pylist(list(self.present_companies), schema=_NAMES),
        )
        books = self._known()
        first: dict[int, str] = {}
        for month in sorted(closed):
            for row in self.entries.get(month, []):
                first.setdefault(row["id"], row["ticket_number"])
        kept = [{"id": number, "ticket_number": ticket_number} for number, ticket_number in first.items()]
        first_tickets = pa.Table.from_pylist(kept, schema=FIRST_TICKETS)
        found = entry_tickets(placed, companies, books, first_tickets, ticket_numbers)
        here = {(row["account_number"], row["ticket_number"]) for row in found.tickets.to_pylist()}
        there = {(row["account_number"], row["ticket_number"]) for row in books.to_pylist()}
        asked = Asked(months, None, closed, unread=sorted(there - here - found.gone))
        tickets = place_tickets(found.tickets, books, TICKETS.empty_table(), asked).tickets.to_pylist()
        for month in months:
            self.tickets[month] = [row for row in tickets if row["month"] == month]
        return found.unclaimed.to_pylist()

    def close_with_entries(self, month: date, shown: Sequence[Row]) -> Any:
        self.read_entries(shown, *(one for one in MONTHS if one >= month))
        result = self.bill(month)
        self.hours[month] = result.ticket_hours.to_pylist()
        self.statements[month] = result.statements.to_pylist()
        self.closed.add(month)
        return result


_entries = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(range(len(MONTHS))),  # worked in
        st.integers(0, 2),  # months until it is written down
        st.integers(1, 600),
        st.booleans(),
    ),
    max_size=8,
)


def _shown_in(drawn: Sequence[Any], at: int) -> list[Row]:
    """What is there when a month is closed: worked so far, and written down."""
    return [
        entry(
            number,
            ticket_number,
            MONTHS[worked],
            minutes,
            is_billable=billable,
            created_at=datetime(2025, min(12, worked + late + 1), 20, number, tzinfo=UTC),
        )
        for number, (ticket_number, worked, late, minutes, billable) in enumerate(drawn)
        if worked + late <= at
    ]


def _hours(rows: Sequence[Row]) -> Decimal:
    return Decimal(sum(row["seconds"] for row in rows)) / 3_600


@settings(max_examples=5)
@given(_entries, st.randoms(use_true_random=False))
def test_each_billable_entry_is_billed_once_however_late_it_comes(drawn: Sequence[Any], order: Any) -> None:
    world = EntryWorld()
    results = []
    for at, month in enumerate(MONTHS):
        shown = _shown_in(drawn, at)
        order.shuffle(shown)
        results.append(world.close_with_entries(month, shown))
        billable = [row for row in _shown_in(drawn, at) if row["is_billable"]]
        assert abs(billed_hours(results) - _hours(billable)) < Decimal("0.0001")
    booked = [row for rows in world.hours.values() for row in rows]
    by_entry = {row["ticket_number"]: row["hours"] for row in booked if row["hours"]}
    last = [row for row in _shown_in(drawn, len(MONTHS) - 1) if row["is_billable"]]
    # Each in whole, on one statement, and no other.
    assert len(by_entry) == len([row for row in booked if row["hours"]]) == len(last)
    assert {f"{row['ticket_number']}/{row['id']}" for row in last} == by_entry.keys()


@settings(max_examples=5)
@given(_entries, st.integers(0, len(MONTHS) - 1))
def test_switched_on_in_any_month_nothing_is_billed_twice_or_lost(
    drawn: Sequence[Any], switched: int
) -> None:
    """Codex adds up all entries of a ticket, billable or not; what it billed is not billed again."""
    world = EntryWorld()
    results = []
    for at, month in enumerate(MONTHS):
        shown = _shown_in(drawn, at)
        if at < switched:
            sums = {row["ticket_number"]: Decimal(0) for row in shown}
            last = {row["ticket_number"]: month for row in shown}
            for row in shown:
                sums[row["ticket_number"]] += Decimal(row["seconds"]) / 3_600
            rows = [ticket(number, last[number], f"{hours:.18f}") for number, hours in sums.items()]
            results.append(world.close(month, rows))
        else:
            results.append(world.close_with_entries(month, shown))
    by_codex = _shown_in(drawn, switched - 1) if switched else []
    ids = {row["id"] for row in by_codex}
    since = [row for row in _shown_in(drawn, len(MONTHS) - 1) if row["is_billable"] and row["id"] not in ids]
    assert abs(billed_hours(results) - _hours(by_codex) - _hours(since)) < Decimal("0.0001")


def test_totals_do_not_depend_on_which_months_are_read_first() -> None:
    shown = [entry(1, "1", MONTHS[0], 90), entry(2, "1", MONTHS[1], 30), entry(3, "2", MONTHS[2], 45)]
    world, other = EntryWorld(), EntryWorld()
    world.read_entries(shown, *MONTHS)
    for months in (MONTHS[3:], MONTHS[1:3], MONTHS[:1], MONTHS):
        other.read_entries(shown[::-1], *months)
    assert world.tickets == other.tickets
    assert [billed_hours([world.bill(month)]) for month in MONTHS] == [
        Decimal("1.5"),
        Decimal("0.5"),
        Decimal("0.75"),
        0,
    ]


def test_hours_that_no_company_claims_are_told_once_by_ticket_and_month() -> None:
    world = EntryWorld()
    rows = [
        entry(1, "1", MONTHS[0], 60, department="Nobody"),
        entry(2, "1", MONTHS[0], 30, department="Nobody"),
        entry(3, "2", MONTHS[0], 30, department=None, department_id=None),
        entry(4, "3", MONTHS[0], 30, account_number="A1", department="Nobody"),
        entry(5, "4", MONTHS[0], 30, account_number="A9"),
        entry(6, "5", MONTHS[0], 30, department="Nobody", is_billable=False),
    ]
    unclaimed = world.read_entries(rows, MONTHS[0])
    hours = [(row["ticket_number"], row["hours"]) for row in unclaimed]
    assert hours == [("1", Decimal("1.5")), ("2", Decimal("0.5")), ("4", Decimal("0.5"))]
    assert [row["ticket_number"] for row in world.tickets[MONTHS[0]]] == ["3/4"]


def test_an_entry_that_is_moved_to_another_ticket_is_not_billed_again() -> None:
    """Ticket 1 is merged into ticket 2 after January billed 2 h of it; 30 minutes more of it are billed alone."""
    january, february, march = MONTHS[:3]
    world = EntryWorld()
    results = [world.close_with_entries(january, [entry(5, "1", january, 120)])]
    results.append(world.close_with_entries(february, [entry(5, "2", january, 120)]))
    assert billed_hours(results) == 2
    results.append(world.close_with_entries(march, [entry(5, "2", january, 150)]))
    assert [row["ticket_number"] for row in world.tickets[march]] == ["1/5"]
    assert billed_hours(results) == Decimal("2.5")
    # Deleted, it is owed under the number that its statements have.
    world.read_entries([], MONTHS[3])
    assert [(row["ticket_number"], row["is_gone"]) for row in world.tickets[MONTHS[3]]] == [("1/5", True)]


def test_what_codex_billed_covers_an_entry_that_is_moved_to_another_ticket_after_it_was_read() -> None:
    january, february, march, april = MONTHS
    world = EntryWorld()
    results = [world.close(january, [ticket("1", january, "2")])]
    results.append(world.close_with_entries(february, [entry(5, "1", january, 120)]))
    for month in (march, april):
        shown = [entry(5, "2", january, 120), entry(6, "2", march, 60)]
        results.append(world.close_with_entries(month, shown))
    assert billed_hours(results) == 3
    assert [row["ticket_number"] for row in world.tickets[march]] == ["2/6"]


def test_a_timer_that_is_started_again_covers_what_codex_billed_of_it() -> None:
    """Codex billed 3 h in January: 2 h and 1 h. The first one's timer runs again; February's own 2 h are billed."""
    january, february, march = MONTHS[:3]
    world = EntryWorld()
    results = [world.close(january, [ticket("1", january, "3")])]
    others = [entry(2, "1", january, 60), entry(3, "1", february, 120)]
    again = entry(1, "1", january, 120, created_at=datetime(2025, 1, 19, tzinfo=UTC))
    results.append(world.close_with_entries(february, [again | {"is_running": True}, *others]))
    assert billed_hours(results) == 5
    assert [row["ticket_number"] for row in world.tickets[february]] == ["1/3"]
    results.append(world.close_with_entries(march, [again | {"seconds": 9_000}, *others]))
    assert billed_hours(results) == Decimal("5.5")


def test_numbers_of_codex_that_look_like_those_of_entries_are_codex_s() -> None:
    known = pa.table({"ticket_number": ["2025/42", "2025/0042", "1/5"]})
    first = pa.Table.from_pylist([{"id": 5, "ticket_number": "1"}], schema=FIRST_TICKETS)
    assert is_entry(known, first).to_pylist() == [False, False, True]
    assert is_entry(known, FIRST_TICKETS.empty_table()).to_pylist() == [False] * 3


def test_a_ticket_that_codex_billed_and_that_has_no_entries_left_is_owed_in_whole() -> None:
    """3 h of each of two tickets were billed in January; of ticket 1 nothing is there now, 2 was not asked for."""
    january, february = MONTHS[:2]
    world = EntryWorld()
    world.close(january, [ticket("1", january, "3"), ticket("2", january, "3")])
    world.read_entries([], february, ticket_numbers=["1"])
    assert [(row["ticket_number"], row["is_gone"]) for row in world.tickets[february]] == [("1", True)]
    (owed,) = credits_owed(world.inputs(february), february, "USD").to_pylist()
    assert (owed["ticket_number"], owed["hours"], owed["amount"]) == ("1", 3, 450)
    # With a timer that runs it is not known yet; with half an hour the rest is owed.
    world.read_entries([entry(1, "1", january, 180, is_running=True)], february, ticket_numbers=["1"])
    assert world.tickets[february] == []
    world.read_entries([entry(1, "1", january, 30)], february, ticket_numbers=["1"])
    (owed,) = credits_owed(world.inputs(february), february, "USD").to_pylist()
    assert (owed["hours"], owed["amount"]) == (Decimal("2.5"), 375)


def test_billable_entries_of_months_that_nobody_bills_are_found() -> None:
    """The ledger begins with January 2025; February is open, and so is December, which was never read."""
    january, february = MONTHS[:2]

    def of(number: int, year: int, month: int, **more: Any) -> Row:
        return entry(number, "1", january, 60, executed_at=datetime(year, month, 3, tzinfo=UTC), **more)

    before = {"created_at": datetime(2024, 12, 30, tzinfo=UTC)}
    shown = [
        of(1, 2052, 1),
        of(2, 2015, 1),
        of(3, 2024, 12),
        of(4, 2024, 12, **before),  # worked and written down before the ledger began
        of(5, 2025, 1),  # closed: it stands in February
        of(6, 2025, 3),  # the next month's own window shows it
        of(7, 2025, 4),
        of(8, 2052, 1, is_billable=False),
        of(9, 2015, 1, created_at=None),
    ]
    table = pa.Table.from_pylist(shown, schema=CURRENT_ENTRIES)
    scope = ReadScope([february], frozenset([january]), ["1"])
    assert never_billed(table, scope, [], february)["id"].to_pylist() == [1, 2, 3, 7, 9]
    # December was read before, and is written again when it is asked for.
    assert never_billed(table, scope, [date(2024, 12, 1)], february)["id"].to_pylist() == [1, 2, 7, 9]


def test_entries_are_claimed_by_the_companies_of_the_month_that_they_stand_in() -> None:
    """A2 left in February and A3 came; A1 took another name since January."""
    january, february = MONTHS[:2]
    a1, a2, a3 = ({"account_number": f"A{at}", "name": f"Company {at}"} for at in (1, 2, 3))
    world = EntryWorld(
        companies_of_months=[
            {**one, "month": month}
            for month, some in ((january, (a1, a2)), (february, (a1, a3)))
            for one in some
        ],
        present_companies=[a1 | {"name": "Renamed"}, a3],
    )
    shown = [
        entry(at, str(at), month, 60, department=name)
        for at, (month, name) in enumerate(
            [
                (january, "Company 2"),
                (february, "Company 2"),
                (january, "Company 3"),
                (february, "Company 3"),
                (january, "Renamed"),
                (MONTHS[2], "Company 3"),  # nothing is known of March yet
            ]
        )
    ]
    unclaimed = world.read_entries(shown, *MONTHS[:3])
    owners = [
        (row["ticket_number"], row["account_number"]) for month in MONTHS[:3] for row in world.tickets[month]
    ]
    assert owners == [("4/4", "A1"), ("0/0", "A2"), ("3/3", "A3"), ("5/5", "A3")]
    assert [(row["month"], row["ticket_number"]) for row in unclaimed] == [(january, "2"), (february, "1")]
