"""Integration errors as people look for them: filtered, in pages, or all as they come; and decided on many at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import set_json_loads

from ledger_pipelines.store.database import Database

_SELECT: LiteralString = """SELECT id, integration_name, operation_type, entity_type, external_id, error_message,
       error_details, months, first_seen_at, last_seen_at, occurrences, is_blocking, is_resolved, resolved_at,
       resolution_notes, is_ignored, ignored_at, ignore_notes,
       CASE WHEN is_ignored THEN 'ignored' WHEN is_resolved THEN 'resolved' ELSE 'open' END AS status
    FROM integration_errors"""
_WHERE: LiteralString = """ WHERE (%(integration_name)s::text IS NULL OR integration_name = %(integration_name)s)
    AND (%(operation_type)s::text IS NULL OR operation_type = %(operation_type)s)
    AND (%(entity_type)s::text IS NULL OR entity_type = %(entity_type)s)
    AND (%(status)s::text IS NULL OR %(status)s =
         CASE WHEN is_ignored THEN 'ignored' WHEN is_resolved THEN 'resolved' ELSE 'open' END)"""
_ORDER: LiteralString = " ORDER BY last_seen_at DESC, id DESC"
_COUNT: LiteralString = "SELECT count(*) FROM integration_errors"


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """Which errors; null is any."""

    integration_name: str | None = None
    operation_type: str | None = None
    entity_type: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class FoundError:
    """An integration error with all that is known of it; numbers in `error_details` are exact."""

    id: int
    integration_name: str
    operation_type: str
    entity_type: str
    external_id: str
    error_message: str
    error_details: Any
    months: list[date]
    first_seen_at: datetime
    last_seen_at: datetime
    occurrences: int
    is_blocking: bool
    is_resolved: bool
    resolved_at: datetime | None
    resolution_notes: str | None
    is_ignored: bool
    ignored_at: datetime | None
    ignore_notes: str | None
    status: str


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many errors there are of an integration, operation and entity type with a status."""

    integration_name: str
    operation_type: str
    entity_type: str
    status: str
    count: int


def find_errors(
    connection: psycopg.Connection, which: ErrorFilter, *, limit: int, offset: int = 0
) -> tuple[int, list[FoundError]]:
    """How many errors there are, and of them one page, the newest first."""
    values = asdict(which)
    ((total,),) = connection.execute(_COUNT + _WHERE, values).fetchall()
    set_json_loads(partial(json.loads, parse_float=Decimal), connection)
    with connection.cursor(row_factory=class_row(FoundError)) as cursor:
        page = _SELECT + _WHERE + _ORDER + " LIMIT %(limit)s OFFSET %(offset)s"
        return int(total), cursor.execute(page, {**values, "limit": limit, "offset": offset}).fetchall()


def each_error(database: Database, which: ErrorFilter) -> Iterator[FoundError]:
    """All errors, the newest first, as they come from the server: however many, only some are held at a time."""
    with (
        closing(database.connect(application_name="ledger errors")) as connection,
        connection.transaction(),
        connection.cursor(name="errors", row_factory=class_row(FoundError)) as cursor,
    ):
        cursor.itersize = 500
        yield from cursor.execute(_SELECT + _WHERE + _ORDER, asdict(which))


def count_errors(connection: psycopg.Connection) -> list[ErrorCount]:
    """How many errors there are of each kind, in order."""
    with connection.cursor(row_factory=class_row(ErrorCount)) as cursor:
        return cursor.execute(
            """SELECT integration_name, operation_type, entity_type,
                      CASE WHEN is_ignored THEN 'ignored' WHEN is_resolved THEN 'resolved' ELSE 'open' END AS status,
                      count(*)
               FROM integration_errors GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
        ).fetchall()


def resolve_errors(connection: psycopg.Connection, ids: Sequence[int], note: str) -> int:
    """Marks the errors as mended, until they are seen again; returns how many there were."""
    return connection.execute(
        """UPDATE integration_errors SET is_resolved = true, resolved_at = now(), resolution_notes = %s
           WHERE id = ANY (%s)""",
        [note, list(ids)],
    ).rowcount


def ignore_errors(connection: psycopg.Connection, ids: Sequence[int], note: str) -> int:
    """Ignores the errors from now on, also where they are seen again; returns how many there were."""
    return connection.execute(
        """UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = %s
           WHERE id = ANY (%s)""",
        [note, list(ids)],
    ).rowcount


def heed_errors(connection: psycopg.Connection, ids: Sequence[int]) -> int:
    """Counts ignored errors again; returns how many there were."""
    return connection.execute(
        """UPDATE integration_errors SET is_ignored = false, ignored_at = NULL, ignore_notes = NULL
           WHERE id = ANY (%s)""",
        [list(ids)],
    ).rowcount
