"""Tickets from Codex to the statement, over months that are closed: the steps themselves, HTTP, a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ignore_error
from ledger_pipelines.store.periods import reopen_month
from ledger_pipelines_tests.defs.codex_server import CodexLedger, codex_ledger, shown

JANUARY, FEBRUARY, MARCH, APRIL = (date(2025, month, 1) for month in range(1, 5))
NOVEMBER, DECEMBER = date(2024, 11, 1), date(2024, 12, 1)


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CodexLedger]:
    with codex_ledger(database, tmp_path, monkeypatch) as ledger:
        yield ledger


def test_what_closed_months_lack_is_billed_and_what_they_billed_too_much_is_named(
    ledger: CodexLedger,
) -> None:
    ledger.tickets["620547"] = [
        shown("1", "2025-01-10", 2.0),
        shown("2", "2025-02-10", 0.9166666666666666),
        shown("3", "2025-02-11", 4.0),
        shown("4", "2025-02-12", 1.0),
        shown("5", "2025-02-13", 3.0),
    ]
    ledger.close(JANUARY, FEBRUARY)
    assert [row[2:] for row in ledger.hours(FEBRUARY)] == [(Decimal("8.916667"), Decimal("1337.50"))]

    ledger.tickets["620547"] = [
        shown("1", "2025-01-10", 2.0),
        shown("2", "2025-02-10", 1.5),  # 2,100 s more, without a touch
        shown("3", "2025-02-11", 2.5),  # lowered
        shown("4", "2025-02-12", 0.0),  # vanished; 5 is gone
        shown("6", "2025-01-20", 1.0),  # came late
        shown("7", "2025-03-20", 2.0),
    ]
    march = ledger.run(MARCH)

    assert ledger.hours(MARCH) == [
        ("620547", "2", Decimal("0.583333"), Decimal("87.50")),
        ("620547", "6", Decimal(1), Decimal("150.00")),
        ("620547", "hours", Decimal(2), Decimal("300.00")),
    ]
    assert march == {
        "credits_owed": "2025-03: Tickets with fewer hours than closed months billed: Company 620547 (620547), ticket 3, "
        "ticket month 2025-02-01, hours 1.5, 225.00 USD, has fewer hours now; Company 620547 (620547), ticket 5, "
        "ticket month 2025-02-01, hours 3, 450.00 USD, is gone from its source. "
        "Their companies are owed a credit: give it as a line item.",
        "hours_vanished": "2025-03: Tickets that had hours and show none: Company 620547 (620547), ticket 4, "
        "ticket month 2025-02-01, hours 1, 150.00 USD, closed months billed them. Run again when the PSA answers; "
        "if they are gone indeed, those that closed months billed are owed as a credit.",
        "closed_month_unchanged": "2025-01 is closed; the source says otherwise of its tickets now: "
        "account 620547, ticket 6, total hours spent 1, new. The first open month takes the news.\n"
        "2025-02 is closed; the source says otherwise of its tickets now: "
        "account 620547, ticket 2, total hours spent 1.5, changed; "
        "account 620547, ticket 3, total hours spent 2.5, changed; "
        "account 620547, ticket 4, total hours spent 0, changed; "
        "account 620547, ticket 5, total hours spent 0, hours before 3, gone. The first open month takes the news.",
    }
    owed = ledger.fetch(
        "SELECT ticket_number, is_gone, total_hours_spent FROM tickets WHERE month = %s AND ticket_number IN ('3', '5')"
        " ORDER BY 1",
        MARCH,
    )
    assert owed == [("3", False, Decimal("2.5")), ("5", True, 0)]
    ((late, total),) = ledger.fetch(
        "SELECT late_hours, total FROM billing_statements WHERE month = %s", MARCH
    )
    assert (round(late, 6), total) == (Decimal("1.583333"), Decimal("537.50"))

    ledger.close(MARCH)
    april = ledger.run(APRIL)
    assert (ledger.hours(APRIL), april) == ([], {})


def test_a_closed_month_computed_anew_is_as_it_was(ledger: CodexLedger) -> None:
    ledger.tickets["620547"] = [shown("1", "2025-02-10", 2.0)]
    ledger.close(JANUARY, FEBRUARY)
    ledger.tickets["620547"] = [shown("1", "2025-02-10", 3.0)]
    ledger.close(MARCH)
    assert ledger.hours(MARCH) == [("620547", "1", Decimal(1), Decimal("150.00"))]
    ledger.tickets["620547"] = [shown("1", "2025-04-10", 7.0)]
    ledger.close(APRIL)
    assert ledger.run(JANUARY, APRIL) == {}


def test_a_closed_december_lacks_what_january_finds_and_a_ticket_touched_since_is_not_gone(
    ledger: CodexLedger,
) -> None:
    ledger.tickets["620547"] = [shown("1", "2024-11-10", 2.0), shown("2", "2024-12-10", 1.0)]
    ledger.close(NOVEMBER, DECEMBER)
    ledger.tickets["620547"] = [shown("1", "2026-02-10", 2.0), shown("2", "2024-12-10", 1.5)]
    january = ledger.run(JANUARY)

    assert ledger.hours(JANUARY) == [("620547", "2", Decimal("0.5"), Decimal("75.00"))]
    assert "credits_owed" not in january


def test_a_month_opened_again_gives_its_hours_back_to_the_first_open_one(ledger: CodexLedger) -> None:
    ledger.tickets["620547"] = [shown("1", "2025-02-10", 5.0)]
    ledger.close(FEBRUARY)
    ledger.tickets["620547"] = [shown("1", "2025-03-10", 8.0)]
    ledger.close(MARCH)
    with ledger.database.connect() as connection:
        reopen_month(connection, FEBRUARY, person="Ada", reason="A new rate")
    ledger.run(FEBRUARY, APRIL)
    assert ledger.hours(FEBRUARY) == []
    assert ledger.hours(MARCH) == [("620547", "hours", Decimal(3), Decimal("450.00"))]
    assert ledger.hours(APRIL) == [("620547", "1", Decimal(5), Decimal("750.00"))]


def test_closing_for_good_asks_once_for_all_and_names_tickets_without_a_date(ledger: CodexLedger) -> None:
    ledger.tickets["620547"] = [shown("1", "2025-03-10", 1.0), shown("2", None, 2.5)]
    ledger.run(MARCH)
    assert ledger.errors() == []

    ledger.server.years.clear()
    ledger.run(MARCH, ask_for_undated=True)
    assert ledger.server.years == [None]
    assert ledger.hours(MARCH) == [("620547", "hours", Decimal(1), Decimal("150.00"))]
    ((operation, message),) = ledger.errors()
    assert operation == "undated_tickets"
    assert message == (
        "Ticket 2 of company 620547 has no last_updated_at, so that its 2.5 h are not billed: it is of no month, so have "
        "it updated in the PSA."
    )
    assert ledger.fetch("SELECT is_blocking, months FROM integration_errors") == [(True, [])]

    # A run that asks for the year cannot know better.
    ledger.run(MARCH)
    assert len(ledger.errors()) == 1
    ledger.tickets["620547"][1] = shown("2", "2025-03-11", 2.5)
    ledger.run(MARCH, ask_for_undated=True)
    assert ledger.errors() == []


def test_an_absurd_ticket_stands_alone_and_null_hours_are_none(ledger: CodexLedger) -> None:
    ledger.tickets |= {
        "absurd": [shown("1", "2025-03-10", 9_000_000_000.0), shown("2", "2025-03-10", 1.0)],
        "good": [shown("1", "2025-03-10", -3), shown("3", "2025-03-10", 1.5)],
    }
    ledger.run(MARCH)
    assert [row[::3] for row in ledger.hours(MARCH)] == [
        ("absurd", Decimal("150.00")),
        ("good", Decimal("225.00")),
    ]
    assert [message for _, message in ledger.errors()] == [
        "Ticket 1 of company absurd has the total_hours_spent 9000000000.0, which is too large.",
        "Ticket 1 of company good has the total_hours_spent -3, which is negative.",
    ]


def test_the_tickets_of_a_company_that_cannot_be_read_stay_and_none_of_them_is_gone(
    ledger: CodexLedger,
) -> None:
    ledger.tickets |= {
        "A1": [shown("1", "2025-02-10", 2.0), shown("2", "2025-03-10", 1.0)],
        "A2": [shown("3", "2025-03-10", 1.0)],
    }
    ledger.close(FEBRUARY)
    ledger.run(MARCH)
    ledger.server.broken = {"A1"}
    ledger.tickets["A2"] = [shown("3", "2025-03-10", 4.0)]
    march = ledger.run(MARCH)
    assert [row[::2] for row in ledger.hours(MARCH)] == [("A1", Decimal(1)), ("A2", Decimal(4))]
    assert "credits_owed" not in march
    assert ("tickets", "Codex sent nothing as the tickets of company A1.") in ledger.errors()
    assert ledger.incomplete() == [(MARCH, "A1", "tickets")]

    ledger.server.broken.clear()
    ledger.run(MARCH)
    assert (ledger.incomplete(), ledger.errors()) == ([], [])


def test_the_tickets_of_a_year_that_cannot_be_read_leave_that_years_months_as_they_were(
    ledger: CodexLedger,
) -> None:
    ledger.tickets["A1"] = [shown("1", "2024-12-10", 2.0), shown("2", "2025-01-10", 1.0)]
    ledger.run(DECEMBER, JANUARY)
    ledger.server.broken = {("A1", "2024")}
    ledger.tickets["A1"] = [shown("1", "2024-12-10", 7.0), shown("2", "2025-01-10", 4.0)]
    ledger.run(DECEMBER, JANUARY)
    assert [row[2] for month in (DECEMBER, JANUARY) for row in ledger.hours(month)] == [2, 4]
    assert ledger.incomplete() == [(DECEMBER, "A1", "tickets")]


def test_a_list_that_became_empty_is_not_believed_until_a_person_confirms_it(ledger: CodexLedger) -> None:
    many = [shown(str(number), "2025-03-10", 1.0) for number in range(1, 13)]
    ledger.tickets |= {"A1": many, "A2": [shown("20", "2025-03-10", 1.0)]}
    ledger.tickets["A2"] += [shown(str(number), "2025-03-10", 0.5) for number in range(21, 41)]
    ledger.run(MARCH)
    ledger.tickets["A1"] = []
    ledger.run(MARCH)
    assert [row[::2] for row in ledger.hours(MARCH)] == [("A1", Decimal(12)), ("A2", Decimal(11))]
    ((_, message),) = ledger.errors()
    assert message.startswith("Codex shows 0 tickets of company A1 where it showed 12")
    assert ledger.incomplete() == [(MARCH, "A1", "tickets")]

    with ledger.database.connect() as connection:
        ((number,),) = ledger.fetch("SELECT id FROM integration_errors")
        ignore_error(connection, number, "They left")
    ledger.run(MARCH)
    assert [row[::2] for row in ledger.hours(MARCH)] == [("A2", Decimal(11))]
    assert (ledger.incomplete(), ledger.errors()) == ([], [])


def test_an_unreadable_ticket_that_a_person_ignores_is_no_longer_counted(ledger: CodexLedger) -> None:
    ledger.tickets["620547"] = [shown("1", "2025-03-10", 2.0), shown("2", "2025-03-11", "many")]
    assert "hours" in ledger.run(MARCH)["read_completely"]
    with ledger.database.connect() as connection:
        ((number,),) = ledger.fetch("SELECT id FROM integration_errors")
        ignore_error(connection, number, "A test's")
    assert "read_completely" not in ledger.run(MARCH)
