"""Integration errors as people look for them: filtered, counted, and with the execution that healed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ledger_pipelines.store.integration_errors import HEALED

#: `resolved` are those that a person or a run resolved, `healed` of these the ones that a run found to be gone.
STATUSES = ("open", "resolved", "healed", "ignored")

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
    sa.column("is_resolved", sa.Boolean()),
    sa.column("resolved_at", sa.DateTime(timezone=True)),
    sa.column("resolution_notes", sa.Text()),
    sa.column("is_ignored", sa.Boolean()),
    sa.column("ignored_at", sa.DateTime(timezone=True)),
    sa.column("ignore_notes", sa.Text()),
    sa.column("is_blocking", sa.Boolean()),
)
_C = _ERRORS.c
_STATUS = sa.case(
    (_C.is_ignored, "ignored"),
    (sa.and_(_C.is_resolved, _C.resolution_notes == HEALED), "healed"),
    (_C.is_resolved, "resolved"),
    else_="open",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFilter:
    """Which integration errors are looked for; what is null or empty narrows nothing.

    `text` stands in the message, the id or a note, in any case; `month` is one that the error troubles.
    """

    integration_name: str | None = None
    operation_type: str | None = None
    entity_type: str | None = None
    status: str | None = None
    is_blocking: bool | None = None
    month: date | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many errors of one kind there are, and when one of them was seen last. `blocking` are among the open ones."""

    integration_name: str
    operation_type: str
    entity_type: str
    open: int
    blocking: int
    ignored: int
    resolved: int
    healed: int
    last_seen_at: datetime


def found_errors(which: ErrorFilter) -> sa.Select[Any]:
    """A query of the errors, with `status`, and the payload as text, in which numbers keep their digits."""
    return sa.select(
        *(column for column in _C if column.name != "error_details"),
        sa.cast(_C.error_details, sa.Text()).label("payload"),
        _STATUS.label("status"),
    ).where(*_conditions(which))


def count_errors(connection: psycopg.Connection) -> list[ErrorCount]:
    """The errors by integration, operation and kind of record; those with open ones first."""
    with connection.cursor(row_factory=class_row(ErrorCount)) as cursor:
        return cursor.execute(
            """SELECT * FROM (SELECT integration_name, operation_type, entity_type,
                      count(*) FILTER (WHERE NOT is_resolved AND NOT is_ignored) AS open,
                      count(*) FILTER (WHERE NOT is_resolved AND NOT is_ignored AND is_blocking) AS blocking,
                      count(*) FILTER (WHERE is_ignored) AS ignored,
                      count(*) FILTER (WHERE is_resolved AND NOT is_ignored) AS resolved,
                      count(*) FILTER (WHERE is_resolved AND NOT is_ignored AND resolution_notes = %s) AS healed,
                      max(last_seen_at) AS last_seen_at
               FROM integration_errors GROUP BY 1, 2, 3) found
               ORDER BY open = 0, blocking DESC, open DESC, 1, 2, 3""",
            [HEALED],
        ).fetchall()


@dataclass(frozen=True, slots=True)
class HealedBy:
    """The execution that found an error to be gone."""

    execution_id: int
    step_name: str
    dagster_run_id: str | None


def healed_by(connection: psycopg.Connection, error_ids: Sequence[int]) -> dict[int, HealedBy]:
    """Of these errors the executions that healed them: at work at that instant, and looking at their operation."""
    rows = connection.execute(
        """SELECT e.id, x.id, x.step_name, x.metadata->>'dagster_run_id'
           FROM integration_errors e CROSS JOIN LATERAL (
               SELECT x.id, x.step_name, x.metadata FROM sync_executions x
               WHERE x.started_at <= e.resolved_at AND x.completed_at >= e.resolved_at
                     AND x.metadata->'errors' ? concat(e.integration_name, ' ', e.operation_type)
               ORDER BY x.id LIMIT 1) x
           WHERE e.id = ANY (%s) AND e.resolution_notes = %s""",
        [list(error_ids), HEALED],
    ).fetchall()
    return {number: HealedBy(*row) for number, *row in rows}


def _conditions(which: ErrorFilter) -> list[sa.ColumnElement[bool]]:
    found = [
        sa.cast(_C[name], sa.Text()) == value
        for name in ("integration_name", "operation_type", "entity_type")
        if (value := getattr(which, name)) is not None
    ]
    if which.status == "resolved":
        found.append(_STATUS.in_(["resolved", "healed"]))
    elif which.status is not None:
        found.append(which.status == _STATUS)
    if which.is_blocking is not None:
        found.append(_C.is_blocking.is_(which.is_blocking))
    if which.month is not None:
        found.append(_C.months.contains([which.month]))
    if which.text:
        texts = (_C.error_message, _C.external_id, _C.resolution_notes, _C.ignore_notes)
        found.append(sa.or_(*(text.icontains(which.text, autoescape=True) for text in texts)))
    return found
