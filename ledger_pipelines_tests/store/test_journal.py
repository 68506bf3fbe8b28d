"""The journal in the database: drafts are replaced, what is posted stays, and the database itself holds both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.errors import ClosedMonthError, FrameError
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, entry_id, sealed
from ledger_pipelines.store.journal import add_posted, read_posted, replace_drafts
from ledger_pipelines.store.months import Change
from ledger_pipelines.store.periods import close_months, reopen_month

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)


def journal(
    *amounts: str, month: date = MARCH, status: str = "draft", number: str | None = None, first: int = 1
) -> Journal:
    """Entries 1, 2, … of these amounts, each from 1500 to 3000."""
    entries, lines = [], []
    for place, amount in enumerate(amounts, first):
        entry = {
            "month": month,
            "id": entry_id("test", str(place), 0),
            "number": number,
            "posting_date": month,
        }
        entry |= {"document_date": month, "source_type": "manual", "source_system": "test"}
        entries.append(entry | {"source_id": str(place), "revision": 0, "status": status})
        line = {"month": month, "entry_id": entry["id"], "currency": "EUR"}
        lines.append(line | {"line": 1, "account": "1500", "debit": Decimal(amount)})
        lines.append(line | {"line": 2, "account": "3000", "credit": Decimal(amount)})
    return sealed(pa.Table.from_pylist(entries, UNSEALED_ENTRIES), pa.Table.from_pylist(lines, LINES))


def stored(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        """SELECT e.id, e.status, l.line, l.debit, l.credit FROM journal_entries e
           JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id ORDER BY 1, 3"""
    ).fetchall()


def write(
    connection: psycopg.Connection, found: Journal, months: Sequence[date] = (MARCH,)
) -> dict[date, Change]:
    return replace_drafts(connection, months, found.entries, found.lines)["journal_entries"]


def test_a_run_again_touches_nothing_and_another_one_only_what_differs(
    connection: psycopg.Connection,
) -> None:
    assert write(connection, journal("100", "200", "300")) == {MARCH: Change(added=3)}
    assert write(connection, journal("100", "200", "300")) == {MARCH: Change(unchanged=3)}
    assert write(connection, journal("100", "250")) == {MARCH: Change(added=1, removed=2, unchanged=1)}
    assert [(row[0], row[3]) for row in stored(connection) if row[2] == 1] == [
        ("test/1", Decimal("100.000")),
        ("test/2", Decimal("250.000")),
    ]
    assert write(connection, journal()) == {MARCH: Change(removed=2)}
    assert stored(connection) == []


def test_closing_posts_in_order_and_reopening_does_not_unpost(connection: psycopg.Connection) -> None:
    write(connection, journal("100", "200"))
    close_months(connection, [MARCH], person="Ada")
    numbers = "SELECT number, id, status FROM journal_entries ORDER BY number"
    posted = [("202503-000001", "test/1", "posted"), ("202503-000002", "test/2", "posted")]
    assert connection.execute(numbers).fetchall() == posted
    with pytest.raises(ClosedMonthError, match="2025-03 is closed"):
        write(connection, journal("1"))
    reopen_month(connection, MARCH, person="Ada", reason="one more")
    assert connection.execute(numbers).fetchall() == posted
    assert write(connection, journal("50", first=3)) == {MARCH: Change(added=1)}
    close_months(connection, [MARCH], person="Ada")
    assert connection.execute(numbers).fetchall() == [*posted, ("202503-000003", "test/3", "posted")]


def test_what_is_imported_is_posted_with_its_own_number_and_drafts_live_beside_it(
    connection: psycopg.Connection,
) -> None:
    imported = journal("70", status="posted", number="GL-1", first=9)
    add_posted(connection, imported.entries, imported.lines)
    write(connection, journal("100"))
    write(connection, journal())
    assert [row[:2] for row in stored(connection)] == [("test/9", "posted")] * 2
    sources = pa.table({"source_system": ["test"], "source_id": ["9"]})
    assert read_posted(connection, [], sources)["id"].to_pylist() == ["test/9"]
    assert read_posted(connection, [MARCH], sources.slice(0, 0))["id"].to_pylist() == ["test/9"]
    assert read_posted(connection, [APRIL], sources.slice(0, 0)).num_rows == 0
    with pytest.raises(FrameError, match="same id"):
        add_posted(connection, imported.entries, imported.lines)


@pytest.fixture
def posted(connection: psycopg.Connection) -> psycopg.Connection:
    found = journal("100", "200", status="posted", number="GL-1")
    add_posted(connection, found.entries, found.lines)
    return connection


_LINE = "(month, entry_id, line, account, debit, credit, currency)"
_REFUSED = {
    "an unbalanced entry": (
        "INSERT INTO {entries} SELECT month, 'new', number, posting_date, document_date, source_type, source_system, "
        "'new', 0, status, NULL, 2, NULL, content FROM {entries} LIMIT 1;"
        f"INSERT INTO {{lines}} {_LINE} VALUES ('2025-03-01', 'new', 1, '1500', 5, NULL, 'EUR'), "
        "('2025-03-01', 'new', 2, '3000', NULL, 4, 'EUR')",
        "does not balance",
    ),
    "an entry that balances only over currencies": (
        "INSERT INTO {entries} SELECT month, 'new', number, posting_date, document_date, source_type, source_system, "
        "'new', 0, status, NULL, 2, NULL, content FROM {entries} LIMIT 1;"
        f"INSERT INTO {{lines}} {_LINE} VALUES ('2025-03-01', 'new', 1, '1500', 5, NULL, 'EUR'), "
        "('2025-03-01', 'new', 2, '3000', NULL, 5, 'USD')",
        "does not balance",
    ),
    "a balanced pair of lines added": (
        f"INSERT INTO {{lines}} {_LINE} VALUES ('2025-03-01', 'test/1', 3, '1500', 5, NULL, 'EUR'), "
        "('2025-03-01', 'test/1', 4, '3000', NULL, 5, 'EUR')",
        "has 2 lines",
    ),
    "lines of no entry": (
        f"INSERT INTO {{lines}} {_LINE} VALUES ('2025-03-01', 'none', 1, '1500', 5, NULL, 'EUR'), "
        "('2025-03-01', 'none', 2, '3000', NULL, 5, 'EUR')",
        "no journal entry",
    ),
    "an entry without its lines": (
        "INSERT INTO {entries} SELECT month, 'new', number, posting_date, document_date, source_type, source_system, "
        "'new', 0, status, NULL, 2, NULL, content FROM {entries} LIMIT 1",
        "its entries have",
    ),
    "an update of a line": ("UPDATE {lines} SET debit = 101 WHERE debit = 100", "refused"),
    "an update of a text": ("UPDATE {lines} SET description = 'x'", "refused"),
    "an update of an entry": ("UPDATE {entries} SET description = 'x'", "refused"),
    "making a draft of it": ("UPDATE {entries} SET status = 'draft', number = NULL", "refused"),
    "a delete of lines": ("DELETE FROM {lines}", "refused"),
    "a delete of an entry": ("DELETE FROM {entries}", "refused"),
    "a truncate of lines": ("TRUNCATE {lines}", "refused"),
    "a truncate of entries": ("TRUNCATE {entries}", "refused"),
    "both sides on a line": (
        f"INSERT INTO {{lines}} {_LINE} VALUES ('2025-03-01', 'test/1', 1, '1', 5, 5, 'EUR')",
        "check",
    ),
}


@pytest.mark.parametrize("where", ["parent", "partition"])
@pytest.mark.parametrize("what", _REFUSED)
def test_the_database_itself_refuses(posted: psycopg.Connection, what: str, where: str) -> None:
    before = stored(posted)
    suffix = "" if where == "parent" else "_2025_03"
    statement, message = _REFUSED[what]
    text = statement.format(entries=f"journal_entries{suffix}", lines=f"journal_lines{suffix}")
    with pytest.raises(psycopg.Error, match=message), posted.transaction():
        posted.execute(text.encode())
    assert stored(posted) == before
    assert posted.execute("TABLE journal_checks").fetchall() == []
