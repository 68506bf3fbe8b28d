"""Executions of steps: a row for each, that never says `running` for ever.

The process that executes a step holds an advisory lock on a connection of its own. When the process is killed,
the server frees the lock; `fail_abandoned` then finds the running row that nobody holds. A pending row waits for the
run of its request (`store/run_requests.py`), which takes it over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ledger_pipelines.months import format_month
from ledger_pipelines.store.database import Database

_LOCK_SPACE = 7433
_KILLED = "The process that executed this step was killed before it could finish; run the step again."


@dataclass(slots=True)
class Execution:
    """A step that is being executed. What is put into `metadata` is kept when it ends."""

    id: int
    step_name: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Abandoned:
    """An execution that was found to have been killed."""

    id: int
    step_name: str
    dagster_run_id: str | None


@contextmanager
def recorded_execution(
    database: Database, step_name: str, metadata: Mapping[str, Any], *, request_id: str | None = None
) -> Iterator[Execution]:
    """Records the body as an execution of the step: completed when it returns, failed when it raises.

    Where a request made the step's row, and it still waits, that row is taken over. The exception goes on to the caller.
    `metadata` must be fit for JSON.
    """
    with database.connect(application_name=f"ledger step {step_name}") as connection:
        with connection.transaction():
            execution = _taken_over(connection, step_name, metadata, request_id) or _begun(
                connection, step_name, metadata
            )
            # Taken before the row can be seen, so that nobody finds it running and unheld.
            connection.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK_SPACE, execution.id])
        try:
            yield execution
        except BaseException as error:
            message = str(error).strip() or type(error).__name__
            _finish(connection, execution, "failed", message)
            raise
        _finish(connection, execution, "completed", None)


def fail_abandoned(connection: psycopg.Connection) -> list[Abandoned]:
    """Marks as failed every running execution whose process is gone, and returns them.

    A pending one that belongs to a request has no process yet; one that belongs to none has nobody to begin it.
    """
    unfinished = connection.execute(
        """SELECT id, step_name, metadata->>'dagster_run_id' FROM sync_executions
           WHERE status = 'running' OR (status = 'pending' AND request_id IS NULL)"""
    ).fetchall()
    abandoned = []
    for row in unfinished:
        with connection.transaction():
            found = connection.execute(
                """UPDATE sync_executions
                   SET status = 'failed', completed_at = now(), updated_at = now(), error_message = %s
                   WHERE id = %s AND status IN ('pending', 'running') AND (SELECT pg_try_advisory_xact_lock(%s, %s))""",
                [_KILLED, row[0], _LOCK_SPACE, row[0]],
            )
            if found.rowcount:
                abandoned.append(Abandoned(*row))
    return abandoned


def others_meanwhile(connection: psycopg.Connection, run_id: str, months: Sequence[date]) -> list[str]:
    """The steps that other runs executed for one of these months since this run began.

    What began later has a greater id, though the clock was set back meanwhile.
    """
    rows = connection.execute(
        """SELECT DISTINCT step_name FROM sync_executions
           WHERE metadata->>'dagster_run_id' <> %(run)s AND metadata->'months' ?| %(months)s AND step_name <> 'cfo-sync'
                 AND EXISTS (SELECT FROM (SELECT min(started_at) AS began, min(id) AS first FROM sync_executions
                                          WHERE metadata->>'dagster_run_id' = %(run)s) AS own
                             WHERE completed_at >= began OR completed_at IS NULL AND began IS NOT NULL OR id > first)
           ORDER BY 1""",
        {"run": run_id, "months": [format_month(month) for month in months]},
    ).fetchall()
    return [name for (name,) in rows]


def fail_untaken(connection: psycopg.Connection, request_id: str, step_name: str, message: str) -> None:
    """Ends the row that a request made for a step which its run does not execute, with the reason."""
    connection.execute(
        """UPDATE sync_executions SET status = 'failed', completed_at = now(), updated_at = now(), error_message = %s
           WHERE request_id::text = %s AND step_name = %s AND status = 'pending'""",
        [message, request_id, step_name],
    )


def _taken_over(
    connection: psycopg.Connection, step_name: str, metadata: Mapping[str, Any], request_id: str | None
) -> Execution | None:
    """The execution that a request made for the step, running from now on; None where none waits."""
    if request_id is None:
        return None
    row = connection.execute(
        """UPDATE sync_executions SET status = 'running', started_at = now(), updated_at = now(),
                  metadata = metadata || %s
           WHERE request_id::text = %s AND step_name = %s AND status = 'pending' RETURNING id, metadata""",
        [Jsonb(dict(metadata)), request_id, step_name],
    ).fetchone()
    return None if row is None else Execution(row[0], step_name, row[1])


def _begun(connection: psycopg.Connection, step_name: str, metadata: Mapping[str, Any]) -> Execution:
    """A new execution of the step."""
    ((number,),) = connection.execute(
        """INSERT INTO sync_executions (step_name, status, started_at, metadata)
           VALUES (%s, 'running', now(), %s) RETURNING id""",
        [step_name, Jsonb(dict(metadata))],
    ).fetchall()
    return Execution(number, step_name, dict(metadata))


def _finish(connection: psycopg.Connection, execution: Execution, status: str, message: str | None) -> None:
    connection.execute(
        """UPDATE sync_executions SET status = %s, completed_at = now(), updated_at = now(), error_message = %s,
                  metadata = %s WHERE id = %s""",
        [status, message, Jsonb(execution.metadata), execution.id],
    )
