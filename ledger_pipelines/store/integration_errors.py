"""Records that could not be used: stored, counted, and resolved automatically when they are gone.

One row for each (integration, operation, entity type, external id), as in rules/sync_management.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.months import parse_month

#: The note of an error that a complete run did not find again.
HEALED = "Not seen any more in a complete run."


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """What recording a run's problems did, in rows."""

    seen: int
    new: int
    resolved: int


@dataclass(frozen=True, slots=True)
class ListedError:
    """An integration error as people see it. `status` is open, resolved or ignored."""

    error_id: int
    last_seen_at: datetime
    integration: str
    operation: str
    entity_type: str
    external_id: str
    message: str
    status: str
    resolved_at: datetime | None
    resolution_notes: str | None
    ignored_at: datetime | None
    ignore_notes: str | None


def list_errors(connection: psycopg.Connection, months: Sequence[date] = ()) -> list[ListedError]:
    """The integration errors, the newest first: all, or those that trouble one of these months."""
    rows = connection.execute(
        """SELECT id, last_seen_at, integration_name, operation_type, entity_type, external_id, error_message,
                  CASE WHEN is_ignored THEN 'ignored' WHEN is_resolved THEN 'resolved' ELSE 'open' END,
                  resolved_at, resolution_notes, ignored_at, ignore_notes
           FROM integration_errors WHERE %(months)s::date[] = '{}' OR months && %(months)s::date[]
           ORDER BY last_seen_at DESC, id""",
        {"months": list(months)},
    ).fetchall()
    return [ListedError(*row) for row in rows]


def open_errors(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """The errors that are neither resolved nor ignored, in order.

    Each: id, integration, operation, entity type, external id, message, months, whether it blocks.
    """
    return connection.execute(
        """SELECT id, integration_name, operation_type, entity_type, external_id, error_message, months, is_blocking
           FROM integration_errors WHERE NOT is_resolved AND NOT is_ignored ORDER BY id"""
    ).fetchall()


def open_messages(connection: psycopg.Connection, integration: str, operation: str, month: date) -> list[str]:
    """What is wrong and neither mended nor ignored, of one operation, in the present state or in this month."""
    rows = connection.execute(
        """SELECT error_message FROM integration_errors
           WHERE integration_name = %s AND operation_type = %s AND NOT is_resolved AND NOT is_ignored
                 AND (months = '{}' OR %s = ANY (months)) ORDER BY id""",
        [integration, operation, month],
    ).fetchall()
    return [message for (message,) in rows]


def is_ignored_in(connection: psycopg.Connection, integration: str, operation: str, month: date) -> bool:
    """Whether a person ignores something of an operation that the month's rows lack."""
    rows = connection.execute(
        """SELECT FROM integration_errors WHERE integration_name = %s AND operation_type = %s
           AND is_ignored AND is_blocking AND NOT is_resolved AND %s = ANY (months) LIMIT 1""",
        [integration, operation, month],
    ).fetchall()
    return bool(rows)


def unsettled(
    connection: psycopg.Connection, integration: str, operation: str, month: date
) -> list[tuple[str, str, dict[str, Any]]]:
    """What the month's rows lack by an operation's errors, ignored ones among them: entity type, external id, details."""
    return connection.execute(
        """SELECT entity_type, external_id, error_details FROM integration_errors
           WHERE integration_name = %s AND operation_type = %s AND is_blocking AND NOT is_resolved
                 AND %s = ANY (months) ORDER BY id""",
        [integration, operation, month],
    ).fetchall()


def ignore_error(connection: psycopg.Connection, error_id: int, note: str) -> str:
    """Ignores an error from now on, also where it is seen again; its message. Raises LedgerError when there is none."""
    return _decide(
        connection,
        "UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = %(note)s",
        error_id,
        note,
    )


def unignore_error(connection: psycopg.Connection, error_id: int) -> str:
    """Counts an ignored error again; its message. Raises LedgerError when there is none."""
    return _decide(
        connection,
        "UPDATE integration_errors SET is_ignored = false, ignored_at = NULL, ignore_notes = NULL",
        error_id,
    )


def resolve_error(connection: psycopg.Connection, error_id: int, note: str) -> str:
    """Marks an error as mended, until it is seen again; its message. Raises LedgerError when there is none."""
    return _decide(
        connection,
        "UPDATE integration_errors SET is_resolved = true, resolved_at = now(), resolution_notes = %(note)s",
        error_id,
        note,
    )


def take_confirmation(connection: psycopg.Connection, problem: Problem) -> bool:
    """Whether a person has ignored this very error, which confirms what it says, such as a list's being shorter.

    The confirmation holds once: the error is settled by it, and counts again when it comes again. Of a list that has
    become shorter than the person knew (`now` of its details) nothing was confirmed, and it counts again at once.
    """
    row = connection.execute(
        """WITH found AS (
               SELECT id, coalesce((error_details->>'now')::bigint <= %(now)s, true) AS fits FROM integration_errors
               WHERE integration_name = %(integration)s AND operation_type = %(operation)s
                     AND entity_type = %(kind)s AND external_id = %(id)s AND is_ignored FOR UPDATE
           )
           UPDATE integration_errors e
           SET is_ignored = false, ignored_at = NULL, ignore_notes = NULL, is_resolved = f.fits,
               resolved_at = CASE WHEN f.fits THEN now() END,
               resolution_notes = CASE WHEN f.fits THEN 'Confirmed: ' || e.ignore_notes END
           FROM found f WHERE f.id = e.id RETURNING f.fits""",
        {
            "integration": problem.integration,
            "operation": problem.operation,
            "kind": problem.entity_type,
            "id": problem.external_id,
            "now": problem.details.get("now"),
        },
    ).fetchone()
    return row is not None and bool(row[0])


def unignore_changed_messages(connection: psycopg.Connection, problems: Iterable[Problem]) -> None:
    """Counts those ignored blocking problems again that say something else now than when they were ignored."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """UPDATE integration_errors SET is_ignored = false, ignored_at = NULL, ignore_notes = NULL
               WHERE integration_name = %s AND operation_type = %s AND entity_type = %s AND external_id = %s
                     AND is_ignored AND error_message <> %s""",
            [
                (one.integration, one.operation, one.entity_type, one.external_id, one.message)
                for one in problems
                if one.is_blocking
            ],
        )


def unignore_outgrown(connection: psycopg.Connection, problems: Iterable[Problem], amount: str) -> None:
    """Counts those of the ignored problems again of which this number in their details is larger than it was."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """UPDATE integration_errors SET is_ignored = false, ignored_at = NULL, ignore_notes = NULL
               WHERE integration_name = %s AND operation_type = %s AND entity_type = %s AND external_id = %s
                     AND is_ignored AND (error_details->>%s)::numeric < %s""",
            [
                (
                    one.integration,
                    one.operation,
                    one.entity_type,
                    one.external_id,
                    amount,
                    one.details[amount],
                )
                for one in problems
            ],
        )


def without_ignored(connection: psycopg.Connection, problems: Iterable[Problem]) -> list[Problem]:
    """Those of the problems that no person has ignored."""
    found = list(problems)
    ignored = set(
        connection.execute(
            """SELECT integration_name, operation_type, entity_type, external_id FROM integration_errors
               WHERE is_ignored AND integration_name = ANY(%s)""",
            [sorted({problem.integration for problem in found})],
        ).fetchall()
    )
    return [
        problem
        for problem in found
        if (problem.integration, problem.operation, problem.entity_type, problem.external_id) not in ignored
    ]


def _decide(
    connection: psycopg.Connection, update: LiteralString, error_id: int, note: str | None = None
) -> str:
    if note is not None and not note.strip():
        raise LedgerError("Say why in a note: it is kept with the error.")
    query = update + " WHERE id = %(id)s RETURNING error_message"
    row = connection.execute(query, {"id": error_id, "note": note}).fetchone()
    if row is None:
        raise LedgerError(f"There is no integration error {error_id}: see `ledger errors list`.")
    return str(row[0])


def record_problems(
    connection: psycopg.Connection,
    integration: str,
    operation: str,
    problems: Iterable[Problem],
    *,
    months: Sequence[date] = (),
    is_complete: bool = True,
) -> ErrorCounts:
    """Stores a run's problems of one operation, and resolves those that the run no longer has.

    `months` are those the run looked at, where its problems belong to months: a problem of another month stays.
    With `is_complete` false (a source that could be read in part only) nothing is resolved. An ignored error
    stays ignored. Several problems of one record are one error.
    """
    merged = _merge(problems)
    with connection.transaction():
        new = sum(_upsert(connection, integration, operation, problem, seen) for problem, seen in merged)
        resolved = _resolve(connection, integration, operation, merged, months) if is_complete else 0
    return ErrorCounts(seen=len(merged), new=new, resolved=resolved)


def _merge(problems: Iterable[Problem]) -> list[tuple[Problem, list[date]]]:
    """One problem for each record, with all months it affects; in a fixed order, so that two runs cannot deadlock."""
    merged: dict[tuple[str, str], tuple[Problem, set[date]]] = {}
    # Of a record with several problems the one that blocks is recorded.
    for problem in sorted(problems, key=lambda problem: not problem.is_blocking):
        _, months = merged.setdefault((problem.entity_type, problem.external_id), (problem, set()))
        if problem.month is not None:
            months.add(parse_month(problem.month))
    return [(problem, sorted(months)) for _, (problem, months) in sorted(merged.items())]


def _upsert(
    connection: psycopg.Connection, integration: str, operation: str, problem: Problem, months: list[date]
) -> bool:
    row = connection.execute(
        """INSERT INTO integration_errors AS e
               (integration_name, operation_type, entity_type, external_id, error_message, error_details, months,
                is_blocking)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (integration_name, operation_type, entity_type, external_id) DO UPDATE SET
               error_message = excluded.error_message, error_details = excluded.error_details,
               is_blocking = excluded.is_blocking,
               months = ARRAY(SELECT DISTINCT unnest(e.months || excluded.months) ORDER BY 1),
               last_seen_at = now(), occurrences = e.occurrences + 1,
               is_resolved = false, resolved_at = NULL, resolution_notes = NULL
           RETURNING xmax = 0""",
        [
            integration,
            operation,
            problem.entity_type,
            problem.external_id,
            problem.message,
            Jsonb(dict(problem.details), dumps=_dumps),
            months,
            problem.is_blocking,
        ],
    ).fetchone()
    return row is not None and bool(row[0])


def _resolve(
    connection: psycopg.Connection,
    integration: str,
    operation: str,
    merged: list[tuple[Problem, list[date]]],
    months: Sequence[date],
) -> int:
    """Takes the run's months off the errors that it did not find in them; resolves errors with none left."""
    seen = json.dumps(
        [
            {
                "entity_type": problem.entity_type,
                "external_id": problem.external_id,
                "months": list(map(str, found)),
            }
            for problem, found in merged
        ]
    )
    rows = connection.execute(
        """WITH seen AS (
               SELECT * FROM jsonb_to_recordset(%(seen)s::jsonb) AS s (entity_type text, external_id text, months date[])
           ), looked_at AS (
               SELECT e.id, s.external_id IS NOT NULL AS found,
                      ARRAY(SELECT m FROM unnest(e.months) AS m
                            WHERE m <> ALL (%(months)s::date[]) OR m = ANY (s.months) ORDER BY 1) AS months
               FROM integration_errors e LEFT JOIN seen s USING (entity_type, external_id)
               WHERE e.integration_name = %(integration)s AND e.operation_type = %(operation)s AND NOT e.is_resolved
           )
           UPDATE integration_errors e
           SET months = l.months,
               is_resolved = NOT l.found AND l.months = '{}',
               resolved_at = CASE WHEN NOT l.found AND l.months = '{}' THEN now() END,
               resolution_notes = CASE WHEN NOT l.found AND l.months = '{}' THEN %(note)s END
           FROM looked_at l WHERE l.id = e.id AND (NOT l.found OR l.months <> e.months)
           RETURNING e.is_resolved""",
        {
            "seen": seen,
            "months": list(months),
            "integration": integration,
            "operation": operation,
            "note": HEALED,
        },
    ).fetchall()
    return sum(resolved for (resolved,) in rows)


def _dumps(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
