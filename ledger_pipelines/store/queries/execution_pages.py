"""Executions of steps as a list that people filter, sort and search."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from ledger_pipelines.store.queries.executions import ListedExecution, read_executions

STATUSES = ("pending", "running", "completed", "failed")

_EXECUTIONS = sa.table(
    "sync_executions",
    sa.column("id", sa.BigInteger()),
    sa.column("step_name", sa.Text()),
    sa.column("status", sa.Text()),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("started_at", sa.DateTime(timezone=True)),
    sa.column("completed_at", sa.DateTime(timezone=True)),
    sa.column("error_message", sa.Text()),
    sa.column("metadata", JSONB()),
    sa.column("request_id", UUID()),
)
_C = _EXECUTIONS.c
_PERSON = _C.metadata["person"].astext
_ROWS_CHANGED = sa.literal_column(
    """(SELECT sum((t.value->>'added')::bigint + (t.value->>'removed')::bigint)
        FROM jsonb_each(CASE WHEN jsonb_typeof(metadata->'tables') = 'object' THEN metadata->'tables' ELSE '{}' END)
             AS t)""",
    sa.BigInteger(),
)


def found_executions(
    *, step_name: str | None = None, status: str | None = None, run_id: str | None = None, text: str = ""
) -> sa.Select[Any]:
    """A query of the executions of a step, with a status, of a run of Dagster's, or with a text in error or person.

    `seconds` is how long it took, null until it has ended; `months` are texts; `rows_changed` were added or removed.
    """
    seconds = sa.func.extract("epoch", _C.completed_at - sa.func.coalesce(_C.started_at, _C.completed_at))
    query = sa.select(
        _C.id,
        _C.step_name,
        _C.status,
        _C.created_at,
        _C.started_at,
        _C.completed_at,
        _C.error_message,
        _C.request_id,
        _PERSON.label("person"),
        _C.metadata["dagster_run_id"].astext.label("run_id"),
        _C.metadata["months"].label("months"),
        seconds.label("seconds"),
        _ROWS_CHANGED.label("rows_changed"),
    )
    if step_name is not None:
        query = query.where(_C.step_name == step_name)
    if status is not None:
        query = query.where(_C.status == status)
    if run_id is not None:
        query = query.where(_C.metadata["dagster_run_id"].astext == run_id)
    if text:
        query = query.where(
            sa.or_(
                *(one.icontains(text, autoescape=True) for one in (_C.error_message, _PERSON, _C.step_name))
            )
        )
    return query


def latest_executions(connection: psycopg.Connection) -> list[ListedExecution]:
    """Of each step its latest execution, by the step's name."""
    rows = connection.execute("SELECT max(id) FROM sync_executions GROUP BY step_name").fetchall()
    return sorted(read_executions(connection, [number for (number,) in rows]), key=lambda one: one.step_name)
