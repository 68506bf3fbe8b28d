"""Runs that people ask for in the console, and the executions that wait for them.

The pending rows of the steps are made with the request, before it is sent to Dagster; the run's steps take them over, and
what they did not take when the request ended has failed. So no row waits for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ledger_pipelines.months import format_month

#: How a request ended: as Dagster says of its run; refused by Dagster; or Dagster has no such run.
Outcome = Literal["SUCCESS", "FAILURE", "CANCELED", "REFUSED", "LOST"]
_SELECT: LiteralString = """SELECT id, request_key, job, months, person, details, run_id, requested_at, ended_at, outcome,
       message FROM run_requests"""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that somebody asked for. `details` is what its end needs to know; `run_id` is Dagster's, once it is launched.

    `outcome` is null while it has not ended; `message` says why it did not succeed.
    """

    id: UUID
    request_key: str
    job: str
    months: list[date]
    person: str
    details: dict[str, Any]
    run_id: str | None
    requested_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    message: str | None


def begin_request(
    connection: psycopg.Connection,
    request_key: str,
    *,
    job: str,
    months: Sequence[date],
    steps: Sequence[str],
    person: str,
    details: Mapping[str, Any],
) -> RunRequest | None:
    """Stores a request and a pending execution for each of its steps; None where the same has not ended yet."""
    with connection.transaction(), connection.cursor(row_factory=class_row(RunRequest)) as cursor:
        request = cursor.execute(
            """INSERT INTO run_requests (request_key, job, months, person, details) VALUES (%s, %s, %s, %s, %s)
               ON CONFLICT (request_key) WHERE ended_at IS NULL DO NOTHING RETURNING *""",
            [request_key, job, list(months), person, Jsonb(dict(details))],
        ).fetchone()
        if request is None:
            return None
        metadata = {
            "months": [format_month(month) for month in months],
            "person": person,
            "request_key": request_key,
        }
        for step in steps:
            connection.execute(
                "INSERT INTO sync_executions (step_name, metadata, request_id) VALUES (%s, %s, %s)",
                [step, Jsonb(metadata), request.id],
            )
    return request


def read_request(connection: psycopg.Connection, request_id: UUID) -> RunRequest | None:
    """The request of this id."""
    return _one(connection, "id = %s", request_id)


def unended_request(connection: psycopg.Connection, request_key: str) -> RunRequest | None:
    """The request with this key that has not ended."""
    return _one(connection, "ended_at IS NULL AND request_key = %s", request_key)


def unended_requests(connection: psycopg.Connection) -> list[RunRequest]:
    """All requests that have not ended, the oldest first."""
    with connection.cursor(row_factory=class_row(RunRequest)) as cursor:
        return cursor.execute(_SELECT + " WHERE ended_at IS NULL ORDER BY requested_at, id").fetchall()


def executions_of(connection: psycopg.Connection, request_id: UUID) -> list[int]:
    """The ids of the executions that were made with a request, in the order of its steps."""
    rows = connection.execute(
        "SELECT id FROM sync_executions WHERE request_id = %s ORDER BY id", [request_id]
    ).fetchall()
    return [number for (number,) in rows]


def note_run(connection: psycopg.Connection, request_id: UUID, run_id: str) -> None:
    """Records which run of Dagster's answers the request."""
    with connection.transaction():
        connection.execute("UPDATE run_requests SET run_id = %s WHERE id = %s", [run_id, request_id])
        connection.execute(
            """UPDATE sync_executions SET metadata = metadata || jsonb_build_object('dagster_run_id', %s::text)
               WHERE request_id = %s AND status = 'pending'""",
            [run_id, request_id],
        )


def end_request(
    connection: psycopg.Connection, request_id: UUID, outcome: Outcome, message: str | None
) -> None:
    """Ends a request, and its executions that nobody took over, which have failed; one that has ended stays as it is.

    `message` says why, in a sentence; of a run that succeeded, why it left a step out.
    """
    untaken = message or "The run ended without executing this step: run it again."
    with connection.transaction():
        connection.execute(
            """UPDATE run_requests SET ended_at = now(), outcome = %s, message = %s
               WHERE id = %s AND ended_at IS NULL""",
            [outcome, message, request_id],
        )
        connection.execute(
            """UPDATE sync_executions SET status = 'failed', completed_at = now(), updated_at = now(), error_message = %s
               WHERE request_id = %s AND status = 'pending'""",
            [untaken, request_id],
        )


def _one(connection: psycopg.Connection, where: LiteralString, value: object) -> RunRequest | None:
    with connection.cursor(row_factory=class_row(RunRequest)) as cursor:
        return cursor.execute(_SELECT + " WHERE " + where, [value]).fetchone()
