"""Executions of steps as people see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row

_SELECT: LiteralString = """SELECT id, step_name, status, created_at, started_at, completed_at, updated_at, error_message,
       request_id, metadata->>'dagster_run_id' AS run_id, metadata->>'person' AS person, metadata->'result' AS result,
       metadata->'tables' AS tables,
       ARRAY(SELECT (m || '-01')::date FROM jsonb_array_elements_text(
           CASE WHEN jsonb_typeof(metadata->'months') = 'array' THEN metadata->'months' ELSE '[]' END) AS m) AS months
    FROM sync_executions"""
_COUNT: LiteralString = "SELECT count(*) FROM sync_executions"
_FILTER: LiteralString = """ WHERE (%(step)s::text IS NULL OR step_name = %(step)s)
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)"""


@dataclass(frozen=True, slots=True)
class ListedExecution:
    """An execution of a step: pending, running, completed or failed; `result` are its counts by name.

    `tables` has the rows added, removed and unchanged by table; `person` is who asked for it, where anybody did.
    """

    id: int
    step_name: str
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    error_message: str | None
    request_id: UUID | None
    run_id: str | None
    person: str | None
    result: dict[str, Any] | None
    tables: dict[str, dict[str, Any]] | None
    months: list[date]

    @property
    def has_ended(self) -> bool:
        return self.completed_at is not None

    @property
    def rows_changed(self) -> int:
        """How many rows it added and removed."""
        tables = (self.tables or {}).values()
        return sum(int(one.get("added", 0)) + int(one.get("removed", 0)) for one in tables)


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions: of a step, with a status, made from an instant on and before another."""

    step_name: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def values(self) -> dict[str, Any]:
        return {
            "step": self.step_name,
            "status": self.status,
            "since": self.since,
            "until": self.until,
        }


def read_executions(connection: psycopg.Connection, ids: Sequence[int]) -> list[ListedExecution]:
    """The executions of these ids, in their order."""
    return _read(connection, " WHERE id = ANY (%(ids)s) ORDER BY id", {"ids": list(ids)})


def executions_of_run(connection: psycopg.Connection, run_id: str) -> list[ListedExecution]:
    """The executions of a run of Dagster's, in order."""
    return _read(connection, " WHERE metadata->>'dagster_run_id' = %(run)s ORDER BY id", {"run": run_id})


def list_executions(
    connection: psycopg.Connection, which: ExecutionFilter, *, limit: int, offset: int = 0
) -> tuple[int, list[ListedExecution]]:
    """How many executions there are, and of them one page, the newest first."""
    ((total,),) = connection.execute(_COUNT + _FILTER, which.values).fetchall()
    page = _FILTER + " ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s"
    return int(total), _read(connection, page, {**which.values, "limit": limit, "offset": offset})


def last_successes(connection: psycopg.Connection, step_names: Sequence[str]) -> dict[str, datetime]:
    """When each of the steps was completed last, where it ever was."""
    rows = connection.execute(
        """SELECT step_name, max(completed_at) FROM sync_executions
           WHERE status = 'completed' AND step_name = ANY (%s) GROUP BY 1""",
        [list(step_names)],
    ).fetchall()
    return dict(rows)


def _read(
    connection: psycopg.Connection, which: LiteralString, values: dict[str, Any]
) -> list[ListedExecution]:
    with connection.cursor(row_factory=class_row(ListedExecution)) as cursor:
        return cursor.execute(_SELECT + which, values).fetchall()
