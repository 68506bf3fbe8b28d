"""The journal in the database: replacing a month's drafts, adding what is posted as it is read, and what is posted.

An entry's lines come in one statement, after the entry: the database looks at each statement, and once more when the
transaction ends (`sql/0008_general_ledger.sql`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import ClosedMonthError, FrameError
from ledger_pipelines.months import describe_months
from ledger_pipelines.store.copy import copy_in, copy_out, months_in
from ledger_pipelines.store.months import Change, ensure_months, lock_months, rows_of_months
from ledger_pipelines.store.writes import record_writes
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, JOURNAL_LINES

ENTRIES, LINES = JOURNAL_ENTRIES.name, JOURNAL_LINES.name
#: What is known of a posted entry when another one for its document is made.
POSTED = JOURNAL_ENTRIES.part(
    ("month", "id", "source_type", "source_system", "source_id", "revision", "reverses", "content")
)
#: What names a document.
SOURCE = JOURNAL_ENTRIES.part(("source_system", "source_id"))
Changes = dict[str, dict[date, Change]]

_DIFFERING = """
CREATE TEMPORARY TABLE differing ON COMMIT DROP AS
WITH drafts AS (SELECT * FROM journal_entries WHERE month = ANY(%(months)s) AND status = 'draft'),
lines AS (SELECT l.* FROM journal_lines l JOIN drafts d ON d.month = l.month AND d.id = l.entry_id)
SELECT month, id FROM ((TABLE drafts EXCEPT TABLE pg_temp.staged_entries)
                       UNION ALL (TABLE pg_temp.staged_entries EXCEPT TABLE drafts)) e
UNION
SELECT month, entry_id FROM ((TABLE lines EXCEPT TABLE pg_temp.staged_lines)
                             UNION ALL (TABLE pg_temp.staged_lines EXCEPT TABLE lines)) l"""
_REMOVE_LINES = """
DELETE FROM journal_lines l USING differing d WHERE l.month = ANY(%(months)s) AND l.month = d.month AND l.entry_id = d.id
  AND EXISTS (SELECT FROM journal_entries e WHERE e.month = l.month AND e.id = l.entry_id AND e.status = 'draft')
RETURNING l.month"""
_REMOVE_ENTRIES = """
DELETE FROM journal_entries e USING differing d
WHERE e.month = ANY(%(months)s) AND e.month = d.month AND e.id = d.id AND e.status = 'draft' RETURNING e.month"""
_ADD_ENTRIES = """
INSERT INTO journal_entries SELECT s.* FROM pg_temp.staged_entries s JOIN differing d USING (month, id) RETURNING month"""
_ADD_LINES = """
INSERT INTO journal_lines
SELECT s.* FROM pg_temp.staged_lines s JOIN differing d ON d.month = s.month AND d.id = s.entry_id RETURNING month"""


def replace_drafts(
    connection: psycopg.Connection,
    months: Sequence[date],
    entries: pa.Table,
    lines: pa.Table,
    *,
    written_by: str | None = None,
) -> Changes:
    """Makes these entries and lines the drafts of these months, and says what changed by table and month.

    A transaction of its own, on a connection in autocommit mode. Drafts that stay the same are not touched, nor is what
    is posted. Raises ClosedMonthError when one of the months is closed, and FrameError where the database refuses an
    entry; in both cases nothing was written.
    """
    ensure_months(connection, [ENTRIES, LINES], months)
    with connection.transaction():
        _lock(connection, months)
        filled = _months_with_drafts(connection, months)
        fresh = [month for month in months if month not in filled]
        changes = _add(connection, fresh, rows_of_months(entries, fresh), rows_of_months(lines, fresh))
        if filled:
            replaced = _replace(
                connection, filled, rows_of_months(entries, filled), rows_of_months(lines, filled)
            )
            changes = {table: changes[table] | replaced[table] for table in changes}
        for table, by_month in changes.items():
            changed = [month for month, change in by_month.items() if change.added or change.removed]
            record_writes(connection, table, changed, written_by=written_by)
        _complete(connection)
    return changes


def add_posted(connection: psycopg.Connection, entries: pa.Table, lines: pa.Table) -> None:
    """Adds posted entries with their lines, as they are; a transaction of its own.

    Raises ClosedMonthError when one of their months is closed, and FrameError where the database refuses an entry; in
    both cases nothing was written.
    """
    months = months_in(entries)
    ensure_months(connection, [ENTRIES, LINES], months)
    with connection.transaction():
        _lock(connection, months)
        _add(connection, months, entries, lines)
        for table in (ENTRIES, LINES):
            record_writes(connection, table, months, written_by=None)
        _complete(connection)


def months_of_journal(connection: psycopg.Connection) -> list[date]:
    """The months that have journal entries, in order."""
    rows = connection.execute("SELECT DISTINCT month FROM journal_entries ORDER BY 1").fetchall()
    return [month for (month,) in rows]


def read_posted(connection: psycopg.Connection, months: Sequence[date], sources: pa.Table) -> pa.Table:
    """The posted entries (`POSTED`) of these documents (`source_system`, `source_id`), and of all that have any in these
    months: in whatever month they stand.
    """
    with connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE TEMPORARY TABLE wanted (source_system text, source_id text) ON COMMIT DROP"
        )
        copy_in(connection, sql.Identifier("pg_temp", "wanted"), sources)
        connection.execute(
            """INSERT INTO pg_temp.wanted SELECT source_system, source_id FROM journal_entries
               WHERE status = 'posted' AND month = ANY(%s)""",
            [list(months)],
        )
        connection.execute("ANALYZE pg_temp.wanted")
        query = sql.SQL(
            """SELECT {} FROM journal_entries e WHERE status = 'posted' AND EXISTS
                   (SELECT FROM pg_temp.wanted w WHERE w.source_system = e.source_system AND w.source_id = e.source_id)"""
        ).format(sql.SQL(", ").join(map(sql.Identifier, POSTED.names)))
        return copy_out(connection, query, POSTED)


def read_sources(connection: psycopg.Connection, source_system: str, months: Sequence[date]) -> pa.Table:
    """The documents of a system that have posted entries in these months (`SOURCE`), each once."""
    query = sql.SQL(
        """SELECT DISTINCT source_system, source_id FROM journal_entries
           WHERE status = 'posted' AND source_system = {} AND month = ANY({}) ORDER BY 2"""
    ).format(sql.Literal(source_system), sql.Literal(list(months)))
    return copy_out(connection, query, SOURCE)


def read_lines_of(connection: psycopg.Connection, entries: pa.Table) -> pa.Table:
    """The lines of these entries (`month`, `id`), as the journal has them."""
    if entries.num_rows == 0:
        return JOURNAL_LINES.schema.empty_table()
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE TEMPORARY TABLE wanted (month date, id text) ON COMMIT DROP")
        copy_in(connection, sql.Identifier("pg_temp", "wanted"), entries.select(["month", "id"]))
        columns = sql.SQL(", ").join(sql.Identifier("l", name) for name in JOURNAL_LINES.schema.names)
        query = sql.SQL(
            "SELECT {} FROM journal_lines l JOIN pg_temp.wanted w ON w.month = l.month AND w.id = l.entry_id"
        ).format(columns)
        return copy_out(connection, query, JOURNAL_LINES.schema)


def _lock(connection: psycopg.Connection, months: Sequence[date]) -> None:
    # In the tables' order, as everybody who locks both.
    closed = {month for table in (ENTRIES, LINES) for month in lock_months(connection, table, months)}
    if closed:
        raise ClosedMonthError(
            f"{describe_months(sorted(closed))} is closed and its journal was not written: reopen it with `ledger "
            "reopen`, or name open months only."
        )


def _months_with_drafts(connection: psycopg.Connection, months: Sequence[date]) -> list[date]:
    rows = connection.execute(
        "SELECT DISTINCT month FROM journal_entries WHERE month = ANY(%s) AND status = 'draft'",
        [list(months)],
    ).fetchall()
    return sorted(month for (month,) in rows)


def _add(
    connection: psycopg.Connection, months: Sequence[date], entries: pa.Table, lines: pa.Table
) -> Changes:
    changes: Changes = {}
    for table, frame in ((ENTRIES, entries), (LINES, lines)):
        if frame.num_rows:
            with _as_frame_errors():
                copy_in(connection, sql.Identifier(table), frame)
        changes[table] = {month: Change(added=rows_of_months(frame, [month]).num_rows) for month in months}
    return changes


def _replace(
    connection: psycopg.Connection, months: Sequence[date], entries: pa.Table, lines: pa.Table
) -> Changes:
    for name, table, frame in (("staged_entries", ENTRIES, entries), ("staged_lines", LINES, lines)):
        stage = sql.Identifier(name)
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(stage, sql.Identifier(table))
        )
        copy_in(connection, sql.Identifier("pg_temp", name), frame)
        connection.execute(sql.SQL("ANALYZE {}").format(stage))
    parameters = {"months": list(months)}
    connection.execute(_DIFFERING, parameters)
    connection.execute("ANALYZE differing")
    with _as_frame_errors():
        removed_lines = _counted(connection, _REMOVE_LINES, parameters)
        removed_entries = _counted(connection, _REMOVE_ENTRIES, parameters)
        added_entries = _counted(connection, _ADD_ENTRIES, parameters)
        added_lines = _counted(connection, _ADD_LINES, parameters)
    connection.execute("DROP TABLE pg_temp.staged_entries, pg_temp.staged_lines, pg_temp.differing")
    return {
        ENTRIES: _changes(months, entries, removed_entries, added_entries),
        LINES: _changes(months, lines, removed_lines, added_lines),
    }


def _counted(
    connection: psycopg.Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> dict[date, int]:
    query = sql.SQL("WITH touched AS ({}) SELECT month, count(*) FROM touched GROUP BY month")
    return dict(connection.execute(query.format(sql.SQL(statement)), parameters).fetchall())


def _changes(
    months: Sequence[date], frame: pa.Table, removed: dict[date, int], added: dict[date, int]
) -> dict[date, Change]:
    return {
        month: Change(
            added=added.get(month, 0),
            removed=removed.get(month, 0),
            unchanged=rows_of_months(frame, [month]).num_rows - added.get(month, 0),
        )
        for month in months
    }


def _complete(connection: psycopg.Connection) -> None:
    """Has the database check the whole months now, and not only when the transaction ends."""
    with _as_frame_errors():
        connection.execute("SET CONSTRAINTS complete_journal IMMEDIATE")


@contextmanager
def _as_frame_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise FrameError(f"Two journal entries have the same id: {error.diag.message_detail}") from None
    except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation) as error:
        reason = error.diag.message_detail or error.diag.message_primary
        raise FrameError(f"The journal cannot take it: {reason}") from None
