"""Integration errors as people look for them: filtered, in pages, or all as they come; and decided on many at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ledger_pipelines.closing.readiness import SOURCES
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.integration_errors import HEALED

#: The state of an error.
Status = Literal["open", "resolved", "ignored"]
_ERRORS = sa.table(
    "integration_errors",
    sa.column("id", sa.BigInteger()),
    sa.column("integration_name", sa.Text()),
    sa.column("operation_type", sa.Text()),
    sa.column("entity_type", sa.Text()),
    sa.column("external_id", sa.Text()),
    sa.column("error_message", sa.Text()),
    sa.column("error_details", JSONB()),
    sa.column("months", ARRAY(sa.Date())),
    sa.column("first_seen_at", sa.DateTime(timezone=True)),
    sa.column("last_seen_at", sa.DateTime(timezone=True)),
    sa.column("occurrences", sa.Integer()),
    sa.column("is_blocking", sa.Boolean()),
    sa.column("is_resolved", sa.Boolean()),
    sa.column("resolved_at", sa.DateTime(timezone=True)),
    sa.column("resolution_notes", sa.Text()),
    sa.column("is_ignored", sa.Boolean()),
    sa.column("ignored_at", sa.DateTime(timezone=True)),
    sa.column("ignore_notes", sa.Text()),
)
_C = _ERRORS.c
_STATUS = sa.case((_C.is_ignored, "ignored"), (_C.is_resolved, "resolved"), else_="open")
#: Rows that are held at a time where all are read.
_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """Which errors; null is any.

    `number` is the id of one. The status `healed` is of those that a run resolved, not finding them again. `month` is one
    that the error affects, also where it names none because a source's present is wrong, and `text` stands in its
    message, its record's id or a note, in any case.
    """

    integration_name: str | None = None
    operation_type: str | None = None
    entity_type: str | None = None
    status: str | None = None
    is_blocking: bool | None = None
    month: date | None = None
    text: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class FoundError:
    """A record that could not be used.

    `error_details` is the record as it came, its numbers exact; a month stays open because of it where `is_blocking`.
    """

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
    status: Status


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many errors there are of one kind with a status: `healed` were resolved by a run that did not find them,
    `blocking` of the open ones hold a month open.
    """

    integration_name: str
    operation_type: str
    entity_type: str
    status: Status
    count: int
    healed: int
    blocking: int
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class HealedBy:
    """The execution that found an error to be gone."""

    execution_id: int
    step_name: str


def found_errors(which: ErrorFilter) -> sa.Select[Any]:
    """A query of the errors; `error_details` is text, in which numbers keep their digits."""
    columns = [
        sa.cast(column, sa.Text()).label(column.name) if column is _C.error_details else column
        for column in _C
    ]
    healed = sa.and_(_STATUS == "resolved", _C.resolution_notes == HEALED)
    return sa.select(*columns, _STATUS.label("status"), healed.label("is_healed")).where(*_conditions(which))


def find_errors(
    database: Database, which: ErrorFilter, *, limit: int, offset: int = 0
) -> tuple[int, list[FoundError]]:
    """How many errors there are, and of them one page, the newest first."""
    query = found_errors(which)
    with engine_of(database).connect() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
        rows = connection.execute(_newest_first(query).limit(limit).offset(offset)).mappings()
        return int(total), [_found(row) for row in rows]


def each_error(database: Database, which: ErrorFilter) -> Iterator[FoundError]:
    """All errors, the newest first, as they come from the server: however many, only some are held at a time."""
    with engine_of(database).connect() as connection:
        streaming = connection.execution_options(yield_per=_AT_A_TIME)
        for row in streaming.execute(_newest_first(found_errors(which))).mappings():
            yield _found(row)


def count_errors(connection: psycopg.Connection) -> list[ErrorCount]:
    """How many errors there are of each kind and status, in order."""
    with connection.cursor(row_factory=class_row(ErrorCount)) as cursor:
        return cursor.execute(
            """SELECT integration_name, operation_type, entity_type,
                      CASE WHEN is_ignored THEN 'ignored' WHEN is_resolved THEN 'resolved' ELSE 'open' END AS status,
                      count(*),
                      count(*) FILTER (WHERE is_resolved AND NOT is_ignored AND resolution_notes = %s) AS healed,
                      count(*) FILTER (WHERE is_blocking AND NOT is_resolved AND NOT is_ignored) AS blocking,
                      max(last_seen_at) AS last_seen_at
               FROM integration_errors GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
            [HEALED],
        ).fetchall()


def healed_by(connection: psycopg.Connection, error_ids: Sequence[int]) -> dict[int, HealedBy]:
    """Of these errors the executions that healed them: at work at that instant, and looking at their operation."""
    rows = connection.execute(
        """SELECT e.id, x.id, x.step_name
           FROM integration_errors e CROSS JOIN LATERAL (
               SELECT x.id, x.step_name FROM sync_executions x
               WHERE x.started_at <= e.resolved_at AND x.completed_at >= e.resolved_at
                     AND x.metadata->'errors' ? concat(e.integration_name, ' ', e.operation_type)
               ORDER BY x.id LIMIT 1) x
           WHERE e.id = ANY (%s) AND e.resolution_notes = %s""",
        [list(error_ids), HEALED],
    ).fetchall()
    return {number: HealedBy(*row) for number, *row in rows}


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


def unignore_errors(connection: psycopg.Connection, ids: Sequence[int]) -> int:
    """Counts ignored errors again; returns how many there were."""
    return connection.execute(
        """UPDATE integration_errors SET is_ignored = false, ignored_at = NULL, ignore_notes = NULL
           WHERE id = ANY (%s) AND is_ignored""",
        [list(ids)],
    ).rowcount


def _newest_first(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.order_by(_C.last_seen_at.desc(), _C.id.desc())


def _found(row: Any) -> FoundError:
    given = {name: value for name, value in row.items() if name != "is_healed"}
    details = json.loads(given.pop("error_details"), parse_float=Decimal)
    return FoundError(**given, error_details=details)


def _conditions(which: ErrorFilter) -> list[sa.ColumnElement[bool]]:
    found = [
        sa.cast(_C[name], sa.Text()) == value
        for name in ("integration_name", "operation_type", "entity_type")
        if (value := getattr(which, name)) is not None
    ]
    if which.status == "healed":
        found += [_STATUS == "resolved", _C.resolution_notes == HEALED]
    elif which.status is not None:
        found.append(which.status == _STATUS)
    if which.is_blocking is not None:
        found.append(_C.is_blocking.is_(which.is_blocking))
    if which.number is not None:
        found.append(_C.id == which.number)
    if which.month is not None:
        # An error of a source's present state affects every month that is made of it (`closing.readiness.troubles`).
        is_of_all = sa.and_(sa.func.cardinality(_C.months) == 0, _C.integration_name.in_(sorted(SOURCES)))
        found.append(sa.or_(_C.months.contains([which.month]), is_of_all))
    if which.text:
        texts = (_C.error_message, _C.external_id, _C.resolution_notes, _C.ignore_notes)
        found.append(sa.or_(*(text.icontains(which.text, autoescape=True) for text in texts)))
    return found
