"""Integration errors for people: as CSV, and what somebody decides of one or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.exports.spreadsheets import csv_text
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.integration_errors import (
    ErrorFilter,
    FoundError,
    each_error,
    ignore_errors,
    resolve_errors,
    unignore_errors,
)

#: As in rules/sync_management.md.
COLUMNS = (
    *("Date", "Integration", "Operation", "Entity Type", "External ID", "Error Message", "Status"),
    *("Resolved At", "Resolution Notes", "Ignored At", "Ignore Notes"),
)
_ROWS = 200


def errors_csv(database: Database, which: ErrorFilter) -> Iterator[str]:
    """The errors as CSV text, in parts: the heading comes before anything was read."""
    yield csv_text(COLUMNS, [])
    part: list[FoundError] = []
    for error in each_error(database, which):
        part.append(error)
        if len(part) == _ROWS:
            yield _lines(part)
            part = []
    yield _lines(part)


def resolve(database: Database, ids: Sequence[int], note: str, *, person: str) -> int:
    """Marks the errors as mended, with the note and who wrote it; returns how many there were.

    Raises LedgerError without a note.
    """
    return _decided(database, resolve_errors, ids, note, person)


def ignore(database: Database, ids: Sequence[int], note: str, *, person: str) -> int:
    """Ignores the errors from now on, with the note and who wrote it; returns how many there were.

    Raises LedgerError without a note.
    """
    return _decided(database, ignore_errors, ids, note, person)


def unignore(database: Database, ids: Sequence[int]) -> int:
    """Counts ignored errors again; returns how many there were."""
    with database.connect(application_name="ledger console") as connection:
        return unignore_errors(connection, ids)


def _decided(
    database: Database,
    decide: Callable[[psycopg.Connection, Sequence[int], str], int],
    ids: Sequence[int],
    note: str,
    person: str,
) -> int:
    if not note.strip():
        raise LedgerError("Say why: the note is kept with the error.")
    with database.connect(application_name="ledger console") as connection:
        return decide(connection, ids, f"{note.strip()} ({person})")


def _lines(errors: Sequence[FoundError]) -> str:
    text = csv_text(
        (),
        [
            (
                *(
                    one.last_seen_at,
                    one.integration_name,
                    one.operation_type,
                    one.entity_type,
                    one.external_id,
                ),
                *(one.error_message, one.status, one.resolved_at, one.resolution_notes),
                *(one.ignored_at, one.ignore_notes),
            )
            for one in errors
        ],
    )
    return text.partition("\r\n")[2]
