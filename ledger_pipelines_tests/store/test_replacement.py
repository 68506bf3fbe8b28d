"""Replacing a month: all or nothing, only what differs, never a closed one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_pipelines.errors import ClosedMonthError, FrameError
from ledger_pipelines.months import month_range
from ledger_pipelines.store.copy import read_months, table_schema
from ledger_pipelines.store.months import Change, compare_month, replace_month
from ledger_pipelines.store.periods import close_months, reopen_month

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)
Rows = Sequence[tuple[date, str, Any]]


def tickets(connection: psycopg.Connection, rows: Rows) -> pa.Table:
    """Tickets of one company: month, number, hours."""
    schema = table_schema(connection, "tickets")
    updated = datetime(2025, 3, 31, 23, 59, 59, 123456, tzinfo=UTC)
    return pa.Table.from_pylist(
        [
            {
                "month": month,
                "account_number": "620547",
                "ticket_number": number,
                "subject": 'Drucker "spinnt",\nnochmal',
                "status": "",
                "last_updated_at": updated,
                "total_hours_spent": Decimal(hours),
                "is_gone": False,
            }
            for month, number, hours in rows
        ],
        schema=schema,
    )


def stored(connection: psycopg.Connection, *months: date) -> list[tuple[date, str, Decimal]]:
    frame = read_months(connection, "tickets", months, ["month", "ticket_number", "total_hours_spent"])
    return sorted(tuple(row.values()) for row in frame.to_pylist())  # type: ignore[misc]


def test_what_goes_in_comes_out_to_the_last_decimal(connection: psycopg.Connection) -> None:
    frame = tickets(connection, [(MARCH, "1", "0.916666666666666600"), (MARCH, "2", "0")])

    replace_month(connection, "tickets", [MARCH], frame)

    assert read_months(connection, "tickets", [MARCH]).sort_by("ticket_number").equals(frame)


def test_a_frame_with_empty_chunks_is_written_as_it_is(connection: psycopg.Connection) -> None:
    frame = tickets(connection, [(MARCH, "1", "1"), (MARCH, "2", "2")])
    chunked = pa.concat_tables([frame.slice(0, 0), frame.slice(0, 1), frame.slice(0, 0), frame.slice(1)])

    replace_month(connection, "tickets", [MARCH], chunked)

    assert read_months(connection, "tickets", [MARCH]).sort_by("ticket_number").equals(frame)


def test_running_a_month_again_writes_nothing(connection: psycopg.Connection) -> None:
    frame = tickets(connection, [(MARCH, "1", "1"), (MARCH, "2", "2")])
    replace_month(connection, "tickets", [MARCH], frame)
    before = connection.execute("SELECT xmin, ctid, ticket_number FROM tickets ORDER BY 3").fetchall()

    assert replace_month(connection, "tickets", [MARCH], frame) == {MARCH: Change(unchanged=2)}
    assert connection.execute("SELECT xmin, ctid, ticket_number FROM tickets ORDER BY 3").fetchall() == before


def test_the_counts_say_what_changed(connection: psycopg.Connection) -> None:
    replace_month(
        connection,
        "tickets",
        [MARCH],
        tickets(connection, [(MARCH, "stays", "1"), (MARCH, "goes", "2"), (MARCH, "changes", "3")]),
    )
    news = tickets(connection, [(MARCH, "stays", "1"), (MARCH, "changes", "4"), (MARCH, "comes", "5")])

    assert compare_month(connection, "tickets", [MARCH], news) == {
        MARCH: Change(added=2, removed=2, unchanged=1)
    }
    assert replace_month(connection, "tickets", [MARCH], news) == {
        MARCH: Change(added=2, removed=2, unchanged=1)
    }
    assert stored(connection, MARCH) == [
        (MARCH, "changes", Decimal(4)),
        (MARCH, "comes", Decimal(5)),
        (MARCH, "stays", Decimal(1)),
    ]


def test_other_months_are_left_alone(connection: psycopg.Connection) -> None:
    replace_month(connection, "tickets", [APRIL], tickets(connection, [(APRIL, "1", "1")]))

    replace_month(connection, "tickets", [MARCH], tickets(connection, [(MARCH, "2", "2")]))
    replace_month(connection, "tickets", [MARCH], tickets(connection, []))

    assert stored(connection, MARCH, APRIL) == [(APRIL, "1", Decimal(1))]


def test_other_months_are_not_even_locked(connection: psycopg.Connection) -> None:
    for month in (MARCH, APRIL):
        replace_month(connection, "tickets", [month], tickets(connection, [(month, "1", "1")]))

    # What is executed again and again has a plan of its own, which must leave the other month out, too.
    for hours in range(12):
        with connection.transaction():
            replace_month(connection, "tickets", [MARCH], tickets(connection, [(MARCH, "1", str(hours))]))
            locked = connection.execute(
                """SELECT DISTINCT relation::regclass::text FROM pg_locks
                   WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'tickets%'"""
            ).fetchall()
        names = [name for (name,) in locked]
        assert any("03" in name for name in names), names
        assert not any("04" in name for name in names), names


def test_a_range_that_is_there_takes_no_statement_for_each_of_its_months(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[Any] = []
    execute = psycopg.Connection.execute

    def counted(self: psycopg.Connection, *arguments: Any, **options: Any) -> psycopg.Cursor:
        executed.append(arguments)
        return execute(self, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", counted)
    year = month_range(date(2025, 1, 1), date(2026, 1, 1))
    taken = []
    for months in ([MARCH], year, [MARCH], year):
        frame = tickets(connection, [(month, "1", "1") for month in months])
        executed.clear()
        replace_month(connection, "tickets", months, frame)
        taken.append(len(executed))

    assert taken[2] == taken[3] < taken[1]


rows_of_two_months = st.lists(
    st.tuples(st.sampled_from([MARCH, APRIL]), st.sampled_from("abcdef"), st.sampled_from(["0", "1.5", "2"])),
    max_size=8,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=rows_of_two_months, after=rows_of_two_months)
def test_whatever_was_there_the_rows_are_those_of_the_frame(
    connection: psycopg.Connection, before: Rows, after: Rows
) -> None:
    months = [MARCH, APRIL]
    replace_month(connection, "tickets", months, tickets(connection, before))

    changes = replace_month(connection, "tickets", months, tickets(connection, after))

    assert stored(connection, *months) == sorted(
        (month, number, Decimal(hours)) for month, number, hours in after
    )
    for month in months:
        olds, news = ({row for row in rows if row[0] == month} for rows in (before, after))
        assert changes[month] == Change(len(news - olds), len(olds - news), len(olds & news))


def test_a_closed_month_is_refused_and_unchanged(connection: psycopg.Connection) -> None:
    replace_month(connection, "tickets", [MARCH], tickets(connection, [(MARCH, "1", "1")]))
    close_months(connection, [MARCH], person="anna")

    with pytest.raises(ClosedMonthError, match="2025-03 is closed"):
        replace_month(connection, "tickets", [MARCH, APRIL], tickets(connection, [(APRIL, "2", "2")]))

    assert stored(connection, MARCH, APRIL) == [(MARCH, "1", Decimal(1))]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tickets",
        "UPDATE tickets SET total_hours_spent = 9",
        "INSERT INTO tickets SELECT month, account_number, 'new', ticket_id, subject, status, priority, requester_email, "
        "requester_name, created_at, last_updated_at, closed_at, total_hours_spent FROM tickets",
        "TRUNCATE tickets",
        "TRUNCATE tickets_2025_03",
    ],
)
def test_the_database_itself_refuses_to_change_a_closed_month(
    connection: psycopg.Connection, statement: str
) -> None:
    replace_month(connection, "tickets", [MARCH], tickets(connection, [(MARCH, "1", "1")]))
    close_months(connection, [MARCH], person="anna")

    with pytest.raises(psycopg.errors.RestrictViolation, match="closed"):
        connection.execute(statement)

    reopen_month(connection, MARCH, person="anna", reason="Late ticket from the customer")
    connection.execute(statement)


def test_a_reopened_month_keeps_who_and_why(connection: psycopg.Connection) -> None:
    close_months(connection, [MARCH], person="anna")
    reopen_month(connection, MARCH, person="bernd", reason="Late ticket")

    events = connection.execute(
        "SELECT action, person, reason FROM ledger_period_events ORDER BY id"
    ).fetchall()
    assert events == [("closed", "anna", None), ("reopened", "bernd", "Late ticket")]
    with pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("DELETE FROM ledger_period_events")


def broken_frames(frame: pa.Table) -> list[tuple[pa.Table, str]]:
    hours = frame.schema.get_field_index("total_hours_spent")
    number = frame.schema.get_field_index("ticket_number")
    double = pa.array([1.5], pa.float64())
    return [
        (frame.drop_columns(["status"]), "lacks status"),
        (frame.append_column("colour", pa.array(["red"])), "has the unknown colour"),
        (frame.set_column(hours, "total_hours_spent", double), "total_hours_spent is decimal128"),
        (
            frame.set_column(number, "ticket_number", pa.array([None], pa.string())),
            "ticket_number must have a value",
        ),
        (pa.concat_tables([frame, frame]), "the same key"),
        (frame.set_column(0, "month", pa.array([APRIL], pa.date32())), "2025-04, which was not asked for"),
        (
            frame.set_column(hours, "total_hours_spent", pa.array([Decimal(-1)], pa.decimal128(28, 18))),
            "breaks .*total_hours_spent_check",
        ),
    ]


@pytest.mark.parametrize("case", range(7))
def test_a_frame_that_does_not_fit_is_refused_before_anything_is_written(
    connection: psycopg.Connection, case: int
) -> None:
    good = tickets(connection, [(MARCH, "1", "1")])
    replace_month(connection, "tickets", [MARCH], good)
    bad, reason = broken_frames(tickets(connection, [(MARCH, "2", "2")]))[case]

    with pytest.raises(FrameError, match=reason):
        replace_month(connection, "tickets", [MARCH], bad)

    assert stored(connection, MARCH, APRIL) == [(MARCH, "1", Decimal(1))]


def test_a_reader_sees_the_old_month_until_the_new_one_is_whole(connection: psycopg.Connection) -> None:
    url = connection.info.dsn
    replace_month(connection, "tickets", [MARCH], tickets(connection, [(MARCH, "1", "1")]))

    with psycopg.connect(url, options="-csearch_path=ledger", autocommit=True) as other:
        with connection.transaction():
            replace_month(connection, "tickets", [MARCH], tickets(connection, [(MARCH, "2", "2")]))
            assert other.execute("SELECT ticket_number FROM tickets").fetchall() == [("1",)]
        assert other.execute("SELECT ticket_number FROM tickets").fetchall() == [("2",)]


def test_a_table_without_a_key_is_refused_at_its_first_run_and_not_at_its_second(
    connection: psycopg.Connection,
) -> None:
    connection.execute(
        "CREATE TABLE summaries (month date NOT NULL, total numeric(18, 2)) PARTITION BY RANGE (month)"
    )
    frame = table_schema(connection, "summaries").empty_table()
    with pytest.raises(FrameError, match="summaries has no primary key"):
        replace_month(connection, "summaries", [MARCH], frame)
