"""Freshservice's time entries to the statement, in place of Codex's ticket hours: the steps themselves, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from ledger_pipelines.errors import Problem
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.freshservice.access import FRESHSERVICE_API_KEY
from ledger_pipelines.sandbox.freshservice.records import Desk
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ignore_error, open_errors, record_problems
from ledger_pipelines.store.periods import reopen_month
from ledger_pipelines_tests.defs.codex_server import CodexLedger, codex_ledger, shown
from ledger_pipelines_tests.end_to_end.harness import CODEX_TABLES

JANUARY, FEBRUARY, MARCH, APRIL = (date(2025, month, 1) for month in range(1, 5))
ACCOUNT = "620547"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    config = SandboxConfig(until=date(2025, 4, 30), companies=1, students=1, invoices=1, rate_limit=None)
    with running_sandbox(config) as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox) -> Desk:
    """Freshservice with one department, by the name of Codex's one company."""
    sandbox.desk.clear()
    sandbox.desk.add_department(f"company {ACCOUNT} ")
    return sandbox.desk


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CodexLedger]:
    """A ledger on a Codex with one company; Freshservice is not set yet."""
    with codex_ledger(database, tmp_path, monkeypatch, ("time_entries", *CODEX_TABLES)) as ledger:
        ledger.tickets[ACCOUNT] = []
        yield ledger


@pytest.fixture
def use_freshservice(ledger: CodexLedger, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger.tables
    switch_on(sandbox, monkeypatch)


def switch_on(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHSERVICE_URL", sandbox.freshservice_url)
    monkeypatch.setenv("FRESHSERVICE_API_KEY", FRESHSERVICE_API_KEY)


def charges(ledger: CodexLedger, month: date) -> list[tuple[str, Decimal, Decimal]]:
    return [row[1:] for row in ledger.hours(month)]


@pytest.mark.usefixtures("use_freshservice")
def test_an_entry_is_billed_once_in_its_month_or_where_that_is_closed_in_the_first_open_one(
    ledger: CodexLedger, desk: Desk
) -> None:
    # Codex's own hours are of no account now.
    ledger.tickets[ACCOUNT] = [shown("195836", "2025-02-10", 99.0)]
    desk.add_ticket(195836, desk.departments[0]["id"], "2025-02-20T10:00:00Z")
    desk.add_entry(195836, "2025-01-31T23:59:59Z", "01:30")
    desk.add_entry(195836, "2025-02-01T00:00:00Z", "02:00")
    desk.add_entry(195836, "2025-02-02T08:00:00Z", "05:00", billable=False)
    timer = desk.add_entry(195836, "2025-02-03T08:00:00Z", "00:20", timer_running=True)
    ledger.close(JANUARY)
    ledger.run(FEBRUARY)
    assert charges(ledger, JANUARY) == [("hours", Decimal("1.5"), Decimal("225.00"))]
    assert charges(ledger, FEBRUARY) == [("hours", Decimal(2), Decimal("300.00"))]
    ((note, blocks),) = ledger.fetch("SELECT error_message, is_blocking FROM integration_errors")
    assert f"The timer of time entry {timer['id']} of ticket 195836 runs" in note
    assert not blocks

    # Late, by hand and in the past: the ticket's updated_at stays.
    timer |= {"timer_running": False, "time_spent": "00:30"}
    late = desk.add_entry(195836, "2025-01-15T09:00:00Z", "00:45")
    ledger.close(FEBRUARY)
    assert charges(ledger, FEBRUARY) == [
        (f"195836/{late['id']}", Decimal("0.75"), Decimal("112.50")),
        ("hours", Decimal("2.5"), Decimal("375.00")),
    ]
    assert ledger.errors() == []
    march = ledger.close(MARCH)
    assert (charges(ledger, MARCH), march) == ([], {})

    # Lowered and deleted after they were billed: owed as a credit, by a person.
    late["time_spent"] = "00:15"
    desk.tickets[195836].entries.pop(1)
    april = ledger.run(APRIL)
    assert charges(ledger, APRIL) == []
    assert "hours 0.5, 75.00 USD, has fewer hours now" in april["credits_owed"]
    assert "hours 2, 300.00 USD, is gone from its source" in april["credits_owed"]


def test_switched_on_in_the_middle_of_a_year_no_hour_is_billed_twice_or_lost(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.tickets[ACCOUNT] = [shown("195836", "2025-02-10", 3.0), shown("195840", "2025-03-02", 1.0)]
    desk.add_ticket(195836, desk.departments[0]["id"], "2025-03-20T10:00:00Z")
    for executed_at, spent, more in (
        ("2025-01-20T09:00:00Z", "02:00", {}),
        ("2025-02-10T09:00:00Z", "01:00", {"billable": False}),
    ):
        desk.add_entry(195836, executed_at, spent, created_at=executed_at, **more)
    ledger.close(JANUARY, FEBRUARY)
    ledger.run(MARCH)
    assert charges(ledger, FEBRUARY) == [("hours", Decimal(3), Decimal("450.00"))]
    assert charges(ledger, MARCH) == [("hours", Decimal(1), Decimal("150.00"))]

    switch_on(sandbox, monkeypatch)
    desk.add_ticket(195840, desk.departments[0]["id"], "2025-03-02T09:00:00Z")
    desk.add_entry(195840, "2025-03-02T09:00:00Z", "01:00")
    late = desk.add_entry(195836, "2025-01-21T09:00:00Z", "00:30")
    desk.add_entry(195836, "2025-03-20T09:00:00Z", "04:00")
    ledger.close(MARCH)
    assert charges(ledger, MARCH) == [
        (f"195836/{late['id']}", Decimal("0.5"), Decimal("75.00")),
        ("hours", Decimal(5), Decimal("750.00")),
    ]
    april = ledger.run(APRIL)
    assert (charges(ledger, APRIL), april) == ([], {})

    # What Codex's hours were made of is deleted: what they covered, the other entries cover now, and 3 h are owed.
    del desk.tickets[195836].entries[:2]
    owed = ledger.run(APRIL)["credits_owed"]
    assert "hours 0.5, 75.00 USD, is gone" in owed
    assert "hours 2.5, 375.00 USD, has fewer hours now" in owed
    # With the last one, half an hour is left of seven and a half.
    desk.tickets[195836].entries.pop()
    owed = ledger.run(APRIL)["credits_owed"]
    assert "ticket 195836, ticket month 2025-02-01, hours 2.5, 375.00 USD, has fewer hours now" in owed
    assert "hours 4, 600.00 USD, is gone" in owed
    assert "hours 0.5, 75.00 USD, is gone" in owed

    monkeypatch.delenv("FRESHSERVICE_URL")
    monkeypatch.delenv("FRESHSERVICE_API_KEY")
    with pytest.raises(dg.Failure, match="set FRESHSERVICE_URL and FRESHSERVICE_API_KEY"):
        ledger.run(APRIL)


@pytest.mark.usefixtures("use_freshservice")
def test_hours_of_a_department_that_no_company_is_and_entries_without_a_time_are_named(
    ledger: CodexLedger, desk: Desk
) -> None:
    stranger = desk.add_department("Somebody else")
    wrong = desk.add_department(f"Company {ACCOUNT}", "999999")
    for number, department in ((1, stranger), (2, stranger), (3, wrong), (4, None)):
        desk.add_ticket(number, department, "2025-01-20T10:00:00Z")
        desk.add_entry(number, "2025-01-10T00:00:00Z", "01:15")
    desk.add_ticket(5, desk.departments[0]["id"], "2025-01-20T10:00:00Z")
    broken = desk.add_entry(5, "2025-01-10T00:00:00Z", "2h")
    desk.add_entry(5, "2025-01-11T00:00:00Z", "00:01")
    mistyped = desk.add_entry(5, "2052-01-11T00:00:00Z", "03:00")
    found = ledger.run(JANUARY)
    assert charges(ledger, JANUARY) == [("hours", Decimal("0.016667"), Decimal("2.50"))]
    assert "read_completely" in found
    said = [message for _, message in ledger.errors()]
    assert [one.partition(", and no company")[0] for one in said[:3]] == [
        "Department 'Company 620547' with the account_number '999999' has 1.25 billable hours in 2025-01 on ticket 3",
        "Department 'Somebody else' has 2.50 billable hours in 2025-01 on tickets 1, 2",
        "Tickets without a department have 1.25 billable hours in 2025-01 on ticket 4",
    ]
    assert said[3] == (
        f"Time entry {broken['id']} of ticket 5 has the time_spent '2h', which is no time as HH:MM, so that its hours "
        "are not billed."
    )
    assert said[4].startswith(
        f"Time entry {mistyped['id']} of ticket 5 has 3.00 billable hours of 2052-01-11, which is"
    )

    # Ignored, they are nobody's; more of them than that count again.
    with ledger.database.connect() as connection:
        for error_id, *_ in open_errors(connection):
            ignore_error(connection, error_id, "Of another firm.")
    more = desk.add_entry(2, "2025-01-12T00:00:00Z", "40:00")
    ledger.run(JANUARY)
    ((_, told),) = ledger.errors()
    assert told.startswith("Department 'Somebody else' has 42.50 billable hours in 2025-01 on tickets 1, 2")
    desk.tickets[2].entries.remove(more)

    # Mended, all are billed and nothing is open.
    desk.departments[1]["name"] = f"COMPANY {ACCOUNT}"
    desk.departments[2]["custom_fields"] = {"account_number": int(ACCOUNT)}
    desk.tickets[4].record["department_id"] = wrong
    broken["time_spent"] = "02:00"
    mistyped["executed_at"] = "2025-01-11T00:00:00Z"
    assert ledger.run(JANUARY) == {}
    assert ledger.errors() == []
    assert charges(ledger, JANUARY) == [("hours", Decimal("10.016667"), Decimal("1502.50"))]


@pytest.mark.usefixtures("use_freshservice")
def test_a_ticket_that_vanishes_takes_its_hours_and_one_that_is_out_of_the_window_keeps_them(
    ledger: CodexLedger, desk: Desk
) -> None:
    home = desk.departments[0]["id"]
    for number, updated_at in ((1, "2025-01-10T09:00:00Z"), (2, "2025-02-20T09:00:00Z")):
        desk.add_ticket(number, home, updated_at)
        desk.add_entry(number, updated_at, "01:00")
    ledger.run(JANUARY, FEBRUARY)
    # A window from April on shows neither; nothing is taken for gone.
    ledger.run(APRIL)
    assert charges(ledger, JANUARY) == charges(ledger, FEBRUARY) != []
    del desk.tickets[2]
    for _ in range(2):
        vanished = ledger.run(FEBRUARY)["hours_vanished"]
        assert "hours 1, 150.00 USD, not billed yet" in vanished
        assert charges(ledger, FEBRUARY) == []
        assert ledger.errors() == []
    assert charges(ledger, JANUARY) == [("hours", Decimal(1), Decimal("150.00"))]


@pytest.mark.usefixtures("use_freshservice")
def test_hours_of_a_ticket_that_the_list_lacks_are_billed_and_the_month_is_held_up(
    ledger: CodexLedger, desk: Desk
) -> None:
    home = desk.departments[0]["id"]
    for number in (1, 2):
        desk.add_ticket(number, home, "2025-02-20T09:00:00Z")
        desk.add_entry(number, "2025-01-20T09:00:00Z", "01:00")
    ledger.close(JANUARY)
    desk.add_entry(2, "2025-02-20T09:00:00Z", "40:00")
    desk.tickets[2].record["deleted"] = True
    assert "read_completely" in ledger.run(FEBRUARY)
    assert charges(ledger, FEBRUARY) == [("hours", Decimal(40), Decimal("6000.00"))]
    ((_, said),) = ledger.errors()
    assert said.startswith("Freshservice's list lacks ticket 2, which is there")
    desk.tickets[2].record["deleted"] = False
    assert ledger.run(FEBRUARY) == {}
    assert ledger.errors() == []


@pytest.mark.usefixtures("use_freshservice")
def test_entry_lists_that_come_back_empty_are_not_believed_before_a_person_confirms_it(
    ledger: CodexLedger, desk: Desk
) -> None:
    """12 tickets with 10 h each in January and 5 h each in February; January is closed with 18,000.00."""
    for number in range(1, 13):
        desk.add_ticket(number, desk.departments[0]["id"], "2025-02-20T10:00:00Z")
        desk.add_entry(number, "2025-01-10T09:00:00Z", "10:00")
        desk.add_entry(number, "2025-02-10T09:00:00Z", "05:00")
    ledger.close(JANUARY)
    ledger.run(FEBRUARY)
    billed = [("hours", Decimal(60), Decimal("9000.00"))]
    assert charges(ledger, FEBRUARY) == billed
    for ticket in desk.tickets.values():
        ticket.entries.clear()
    found = ledger.run(FEBRUARY)
    assert "read_completely" in found
    assert "credits_owed" not in found
    assert charges(ledger, FEBRUARY) == billed
    ((_, said),) = ledger.errors()
    assert said.startswith(
        "Freshservice shows 0 time entries with billable hours where it showed 24, so what was read"
    )
    assert said.endswith("The others had 180.00 hours on tickets 1, 10, 11, 12, 2 and 7 more.")

    # Ignored, it is believed: February is nothing, and named; January is owed.
    with ledger.database.connect() as connection:
        ((error_id, *_),) = open_errors(connection)
        ignore_error(connection, error_id, "All were test tickets.")
    for _ in range(2):
        found = ledger.run(FEBRUARY)
        assert charges(ledger, FEBRUARY) == []
        assert "1,500.00 USD, is gone" in found["credits_owed"]
        assert "hours 5, 750.00 USD, not billed yet" in found["hours_vanished"]
        assert ledger.errors() == []


@pytest.mark.usefixtures("use_freshservice")
def test_half_of_the_tickets_at_once_or_all_made_not_billable_is_doubted_and_one_moved_entry_is_not(
    ledger: CodexLedger, desk: Desk
) -> None:
    """12 tickets of 40 h: 72,000.00."""
    for number in range(1, 13):
        desk.add_ticket(number, desk.departments[0]["id"], "2025-01-20T10:00:00Z")
        desk.add_entry(number, "2025-01-10T09:00:00Z", "40:00")
    ledger.run(JANUARY)
    billed = [("hours", Decimal(480), Decimal("72000.00"))]
    # Ticket 12 is merged into 11, ticket 10 is closed: the same hours.
    desk.tickets[11].entries += desk.tickets[12].entries
    desk.tickets[12].entries.clear()
    desk.tickets[10].record["status"] = 5
    assert ledger.run(JANUARY) == {}
    assert charges(ledger, JANUARY) == billed
    desk.tickets[12].entries.append(desk.tickets[11].entries.pop())
    ledger.run(JANUARY)
    kept = [desk.tickets.pop(number) for number in range(1, 7)]
    assert "read_completely" in ledger.run(JANUARY)
    assert charges(ledger, JANUARY) == billed
    ((_, said),) = ledger.errors()
    assert said.startswith("Freshservice shows 6 time entries with billable hours where it showed 12")
    desk.tickets |= {ticket.record["id"]: ticket for ticket in kept}
    for ticket in desk.tickets.values():
        for one in ticket.entries:
            one["billable"] = False
    ledger.run(JANUARY)
    assert charges(ledger, JANUARY) == billed
    assert [message[:25] for _, message in ledger.errors()] == ["Freshservice shows 0 time"]


def test_the_first_reading_with_a_key_that_sees_nothing_leaves_no_draft_of_codex_unsaid(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex's draft has 20 h, 3,000.00, of two tickets; Freshservice shows none, then an entry of ticket 1."""
    ledger.tickets[ACCOUNT] = [shown(number, "2025-02-10", 10.0) for number in ("1", "2")]
    ledger.run(FEBRUARY)
    assert charges(ledger, FEBRUARY) == [("hours", Decimal(20), Decimal("3000.00"))]
    switch_on(sandbox, monkeypatch)
    for _ in range(2):
        found = ledger.run(FEBRUARY)
        assert "hours 10, 1,500.00 USD, not billed yet" in found["hours_vanished"]
        ((_, said),) = ledger.errors()
        assert said.startswith(
            f"Company {ACCOUNT} had 20.00 hours of Codex in 2025-02 on tickets 1, 2, and Freshservice shows no time entry"
        )
    desk.add_ticket(1, desk.departments[0]["id"], "2025-02-10T09:00:00Z")
    desk.add_entry(1, "2025-02-10T09:00:00Z", "10:00")
    ledger.run(FEBRUARY)
    assert charges(ledger, FEBRUARY) == [("hours", Decimal(10), Decimal("1500.00"))]
    ((error_id, said),) = ledger.fetch(
        "SELECT id, error_message FROM integration_errors WHERE NOT is_resolved"
    )
    assert "had 10.00 hours of Codex in 2025-02 on ticket 2, and" in said
    with ledger.database.connect() as connection:
        ignore_error(connection, error_id, "A ticket of another system, billed there.")
    ledger.run(FEBRUARY)
    assert ledger.errors() == []


@pytest.mark.usefixtures("use_freshservice")
def test_a_timer_that_is_stopped_long_after_its_ticket_s_last_update_is_billed(
    ledger: CodexLedger, desk: Desk
) -> None:
    """It runs since 10 January and is stopped in March with 8 h: 1,200.00. The ticket left the list in February."""
    desk.add_ticket(1, desk.departments[0]["id"], "2025-01-10T10:00:00Z")
    timer = desk.add_entry(1, "2025-01-10T09:00:00Z", "00:20", timer_running=True)
    ledger.close(JANUARY)
    ledger.close(FEBRUARY)
    ledger.run(MARCH)
    assert [message[:9] for _, message in ledger.errors()] == ["The timer"]
    timer |= {"timer_running": False, "time_spent": "08:00"}
    ledger.close(MARCH)
    assert charges(ledger, MARCH) == [(f"1/{timer['id']}", Decimal(8), Decimal("1200.00"))]
    assert ledger.errors() == []
    assert (ledger.run(APRIL), charges(ledger, APRIL)) == ({}, [])


def test_another_psa_s_ticket_with_the_same_number_does_not_cover_new_hours(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex billed 3 h of its ticket 5 in January; Freshservice's own ticket 5, made in February, has 3 h: 450.00."""
    ledger.tickets[ACCOUNT] = [shown("5", "2025-01-20", 3.0)]
    ledger.close(JANUARY)
    switch_on(sandbox, monkeypatch)
    home = desk.departments[0]["id"]
    desk.add_ticket(5, home, "2025-02-10T09:00:00Z", created_at="2025-02-10T09:00:00Z")
    desk.add_entry(5, "2025-02-10T09:00:00Z", "03:00", created_at="2025-02-10T09:00:00Z")
    assert ledger.run(FEBRUARY) == {}
    assert charges(ledger, FEBRUARY) == [("hours", Decimal(3), Decimal("450.00"))]


def test_entries_from_before_the_ledger_s_months_are_what_codex_billed(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex billed 5 h of ticket 1 in January: 2 h of November and 3 h of January. March's 2 h are 300.00."""
    ledger.tickets[ACCOUNT] = [shown("1", "2025-01-20", 5.0)]
    ledger.close(JANUARY, FEBRUARY)
    switch_on(sandbox, monkeypatch)
    desk.add_ticket(1, desk.departments[0]["id"], "2025-03-20T09:00:00Z")
    for moment, spent in (
        ("2024-11-20T09:00:00Z", "02:00"),
        ("2025-01-20T09:00:00Z", "03:00"),
        ("2025-03-20T09:00:00Z", "02:00"),
    ):
        desk.add_entry(1, moment, spent, created_at=moment)
    for _ in range(2):
        assert ledger.run(MARCH) == {}
        assert charges(ledger, MARCH) == [("hours", Decimal(2), Decimal("300.00"))]
    ledger.close(MARCH)
    assert (ledger.run(APRIL), charges(ledger, APRIL)) == ({}, [])


@pytest.mark.usefixtures("use_freshservice")
def test_an_entry_that_was_ignored_counts_again_when_its_time_is_another(
    ledger: CodexLedger, desk: Desk
) -> None:
    """`1h` and five minutes of 2052 are ignored; they become 40 h and 60 h."""
    desk.add_ticket(1, desk.departments[0]["id"], "2025-01-20T10:00:00Z")
    unreadable = desk.add_entry(1, "2025-01-10T09:00:00Z", "1h")
    mistyped = desk.add_entry(1, "2052-01-10T09:00:00Z", "00:05")
    ledger.run(JANUARY)
    with ledger.database.connect() as connection:
        for error_id, *_ in open_errors(connection):
            ignore_error(connection, error_id, "Too little to bill.")
    ledger.run(JANUARY)
    assert ledger.errors() == []
    unreadable["time_spent"], mistyped["time_spent"] = "40h", "60:00"
    ledger.run(JANUARY)
    assert ["'40h'" in said or "60.00 billable hours" in said for _, said in ledger.errors()] == [True, True]


@pytest.mark.usefixtures("use_freshservice")
def test_unclaimed_hours_that_are_ignored_in_their_month_stay_so_in_later_ones(
    ledger: CodexLedger, desk: Desk
) -> None:
    """2 h of January of a department that no company is; in February it has half an hour more of January."""
    desk.add_ticket(1, desk.add_department("Nobody"), "2025-02-20T10:00:00Z")
    desk.add_entry(1, "2025-01-10T09:00:00Z", "02:00")
    ledger.run(JANUARY)
    with ledger.database.connect() as connection:
        ((error_id, *_),) = open_errors(connection)
        ignore_error(connection, error_id, "Our own.")
    ledger.close(JANUARY)
    ledger.run(FEBRUARY)
    assert ledger.errors() == []
    desk.add_entry(1, "2025-01-11T09:00:00Z", "00:30")
    ledger.run(FEBRUARY)
    ((_, said),) = ledger.errors()
    assert said.startswith("Department 'Nobody' has 2.50 billable hours in 2025-01 on ticket 1")


def test_switched_off_entries_that_were_billed_long_ago_are_not_billed_again_by_codex(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """January 2024 billed 3 h by entries; March 2025 looks twelve months back, and Codex has 5 h of the ticket."""
    switch_on(sandbox, monkeypatch)
    desk.add_ticket(1, desk.departments[0]["id"], "2024-01-20T10:00:00Z")
    desk.add_entry(1, "2024-01-10T09:00:00Z", "03:00")
    ledger.close(date(2024, 1, 1))
    monkeypatch.delenv("FRESHSERVICE_URL")
    monkeypatch.delenv("FRESHSERVICE_API_KEY")
    ledger.tickets[ACCOUNT] = [shown("1", "2025-03-20", 5.0)]
    with pytest.raises(dg.Failure, match="The hours of 2024-01 were billed from Freshservice's time entries"):
        ledger.run(MARCH)


def test_january_alone_is_billed_by_all_entries_that_codex_s_hours_were_made_of(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """November billed 3 h by Codex and is closed, December is open: the entry of those 3 h stands there."""
    ledger.tickets[ACCOUNT] = [shown("1", "2024-11-20", 3.0)]
    ledger.close(date(2024, 11, 1))
    switch_on(sandbox, monkeypatch)
    desk.add_ticket(1, desk.departments[0]["id"], "2025-01-20T09:00:00Z")
    for moment, spent in (("2024-11-20T09:00:00Z", "03:00"), ("2025-01-20T09:00:00Z", "02:00")):
        desk.add_entry(1, moment, spent, created_at=moment)
    assert ledger.run(JANUARY) == {}
    assert charges(ledger, JANUARY) == [("hours", Decimal(2), Decimal("300.00"))]


def test_tickets_that_codex_billed_are_asked_for_and_numbers_that_freshservice_does_not_know_are_named(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ticket 7 is gone, 8 is in the trash, `#9` is no id: it may be ticket 9, whose hours would be billed again."""
    ledger.tickets[ACCOUNT] = [shown("9", "2025-01-10", 2.0, ticket_number="#9")]
    ledger.close(JANUARY)
    switch_on(sandbox, monkeypatch)
    desk.add_ticket(9, desk.departments[0]["id"], "2025-01-10T09:00:00Z")
    desk.add_entry(9, "2025-01-10T09:00:00Z", "02:00")
    assert "read_completely" in ledger.run(FEBRUARY)
    ((_, said),) = ledger.errors()
    assert said.startswith(
        "Closed months billed tickets #9 by Codex's hours, and Freshservice shows none of them"
    )

    with ledger.database.connect() as connection:
        reopen_month(connection, JANUARY, person="Ada", reason="Billed by a wrong number.")
    monkeypatch.delenv("FRESHSERVICE_URL")
    monkeypatch.delenv("FRESHSERVICE_API_KEY")
    ledger.tickets[ACCOUNT] = [shown(number, "2025-01-10", 2.0) for number in ("7", "8")]
    ledger.close(JANUARY)
    switch_on(sandbox, monkeypatch)
    desk.tickets.clear()
    desk.add_ticket(8, desk.departments[0]["id"], "2025-01-10T09:00:00Z")
    desk.add_entry(8, "2025-01-10T09:00:00Z", "03:00")
    desk.tickets[8].record["deleted"] = True
    ledger.run(FEBRUARY)
    ((error_id, said),) = ledger.fetch(
        "SELECT id, error_message FROM integration_errors WHERE is_blocking AND NOT is_resolved"
    )
    assert said.startswith("Freshservice's list lacks ticket 8, which is there")
    assert [row[1] for row in charges(ledger, FEBRUARY)] == [1]
    with ledger.database.connect() as connection:
        ignore_error(connection, error_id, "It is in the trash.")
    found = ledger.run(FEBRUARY)
    assert "ticket 7, ticket month 2025-01-01, hours 2, 300.00 USD, is gone" in found["credits_owed"]
    assert [row[1] for row in charges(ledger, FEBRUARY)] == [1]

    # With 8 nothing is there any more, which a person confirms once and for all.
    desk.tickets.clear()
    ledger.run(FEBRUARY)
    with ledger.database.connect() as connection:
        ((error_id, *_),) = open_errors(connection)
        ignore_error(connection, error_id, "Both are deleted.")
    for _ in range(2):
        owed = ledger.run(FEBRUARY)["credits_owed"]
        assert "ticket 7, ticket month 2025-01-01, hours 2, 300.00 USD, is gone" in owed
        assert "ticket 8, ticket month 2025-01-01, hours 2, 300.00 USD, is gone" in owed
        assert ledger.errors() == []


def test_errors_of_the_source_that_is_not_read_any_more_are_settled_either_way(
    ledger: CodexLedger, desk: Desk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.tickets[ACCOUNT] = [shown("1", "2025-01-10", "many hours")]
    assert "read_completely" in ledger.run(JANUARY)
    assert [operation for operation, _ in ledger.errors()] == ["tickets"]

    switch_on(sandbox, monkeypatch)
    desk.add_ticket(2, None, "2025-01-10T09:00:00Z")
    desk.add_entry(2, "2025-01-10T09:00:00Z", "01:00")
    desk.add_entry(2, "2025-01-10T09:00:00Z", "x")
    ledger.run(JANUARY)
    assert [operation for operation, _ in ledger.errors()] == ["departments", "time_entries"]

    monkeypatch.delenv("FRESHSERVICE_URL")
    monkeypatch.delenv("FRESHSERVICE_API_KEY")
    ledger.tickets[ACCOUNT] = []
    # Datto RMM's, as it was read before it was unset.
    device = Problem("datto", "devices", "device", "1", "Nobody is billed for device 1.", month="2025-01")
    with ledger.database.connect() as connection:
        record_problems(connection, "datto", "devices", [device], months=[JANUARY])
    ledger.run(JANUARY, refresh_snapshots=True)
    assert ledger.errors() == []


def test_half_a_configuration_is_refused(
    ledger: CodexLedger, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRESHSERVICE_URL", sandbox.freshservice_url)
    with pytest.raises(dg.Failure, match="FRESHSERVICE_API_KEY is not set"):
        ledger.run(JANUARY)
