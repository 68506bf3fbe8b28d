"""Listing, setting and removing rows that people edit (rules/billing.md, What people edit)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy as sa

from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import (
    Row,
    carried_over,
    columns_to_set,
    row_label,
    row_meant,
    row_to_remove,
)
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.history import RecordedEdit, last_edit_of
from ledger_pipelines.store.edits.tables import Editable


@dataclass(frozen=True, slots=True)
class Edit:
    """A row before and after a change; None where there was, or is, none."""

    before: Row | None
    after: Row | None


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits, and why if they say so.

    `seen` is the number of the last edit that there was when they looked (`history.last_edit_id`); an edit of the same
    row after it is a ConflictError. None: they have not looked.
    """

    person: str
    reason: str | None = None
    seen: int | None = None


def list_rows(database: Database, editable: Editable, **where: Any) -> list[Row]:
    """The rows with these values, in the order of their keys and months."""
    with engine_of(database).connect() as connection:
        return read_rows(connection, editable, **where)


def read_rows(connection: sa.Connection, editable: Editable, **where: Any) -> list[Row]:
    """The rows with these values, in the order of their keys and months; a list of values means any of them."""
    columns = editable.table.columns
    order = [
        *(columns[name] for name in editable.key),
        *(columns[name].nulls_first() for name in editable.beginning),
        *editable.table.primary_key,
    ]
    query = sa.select(editable.table).order_by(*order)
    for name, value in where.items():
        query = query.where(columns[name].in_(value) if isinstance(value, list) else columns[name] == value)
    return [dict(row) for row in connection.execute(query).mappings()]


def set_row(
    database: Database,
    editable: Editable,
    key: Row,
    values: Row,
    *,
    by: Editor,
    row_id: int | None = None,
) -> Edit:
    """Sets these values of the row with this key in a transaction of its own: see `write_row`."""
    with editing(database, by) as connection:
        return write_row(connection, editable, key, values, by=by, row_id=row_id)


def write_row(
    connection: sa.Connection,
    editable: Editable,
    key: Row,
    values: Row,
    *,
    by: Editor,
    row_id: int | None = None,
    is_partial: bool = False,
) -> Edit:
    """Sets these values of the row with this key, and makes it where there is none; what is not given stays.

    Of rows that hold side by side the one of the values' kind and occasion is meant. `row_id` says which of several is
    meant, and may make it one of another kind. A new row is whole; where `is_partial`, what is not given is as in the row
    that was in effect for its month. Raises LedgerError, with nothing changed, when nothing is given, when several rows
    have the key, or when the row would break a rule of its table; ConflictError when somebody edited it meanwhile.
    """
    before = row_meant(editable, _rows(connection, editable, key), key, row_id, values)
    if before is None and is_partial:
        values = {**_in_effect(connection, editable, key, values), **values}
    written = columns_to_set(editable, before, key, values)
    _refuse_edited(connection, editable, before or key, by)
    if before is None:
        statement: Any = sa.insert(editable.table).values(written)
    else:
        statement = sa.update(editable.table).where(*_is(editable, before)).values(written)
    after = connection.execute(statement.returning(*editable.table.columns)).mappings().one()
    return Edit(before, dict(after))


def remove_row(
    database: Database, editable: Editable, key: Row, *, by: Editor, row_id: int | None = None
) -> Edit:
    """Removes the row with this key in a transaction of its own: see `delete_row`."""
    with editing(database, by) as connection:
        return delete_row(connection, editable, key, by=by, row_id=row_id)


def delete_row(
    connection: sa.Connection, editable: Editable, key: Row, *, by: Editor, row_id: int | None = None
) -> Edit:
    """Removes the row with this key. Raises LedgerError when there is none, or several and no `row_id`, ConflictError
    when somebody edited it meanwhile.
    """
    before = row_to_remove(editable, _rows(connection, editable, key), key, row_id)
    _refuse_edited(connection, editable, before, by)
    connection.execute(sa.delete(editable.table).where(*_is(editable, before)))
    return Edit(before, None)


@contextmanager
def editing(database: Database, by: Editor) -> Iterator[sa.Connection]:
    """A transaction in this person's name; what the tables refuse is a sentence."""
    try:
        with engine_of(database).begin() as connection:
            connection.execute(
                # One edit at a time: two that make the same row at once would make it twice.
                sa.text(
                    "SELECT set_config('ledger.person', :person, true), set_config('ledger.reason', :reason, true), "
                    "pg_advisory_xact_lock(7435, 1)"
                ),
                {"person": by.person, "reason": by.reason or ""},
            )
            yield connection
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        diagnosis = getattr(error.orig, "diag", None)
        reason = getattr(diagnosis, "message_primary", None) or "it breaks a rule of its table"
        raise LedgerError(f"The database refuses it ({reason}): nothing was changed.") from None


def hold_edits(connection: psycopg.Connection) -> None:
    """Waits for the edit that is being saved, and keeps others waiting until the connection's transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(7435, 1)")


def refuse_conflict(last: RecordedEdit | None, what: str, by: Editor) -> None:
    """Raises ConflictError where the row's last edit came after the person looked."""
    if last is None or by.seen is None or last.id <= by.seen:
        return
    done = "removed" if last.after is None else "added" if last.before is None else "changed"
    changes = ", ".join(
        f"{one.field} from {_value_label(one.before)} to {_value_label(one.after)}"
        for one in last.counting_changes
    )
    raise ConflictError(
        f"{last.person} {done} the {what} on {last.edited_at:%Y-%m-%d at %H:%M} UTC, after you had opened it"
        f"{f' ({changes})' if done == 'changed' else ''}: nothing of yours was saved; look at it again, then save."
    )


def _value_label(value: Any) -> str:
    """A value of JSON as people write it."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _refuse_edited(connection: sa.Connection, editable: Editable, row: Row, by: Editor) -> None:
    if by.seen is not None:
        names = [name for name in editable.names if name in row] or [*editable.key, *editable.beginning]
        identity = {name: _as_json(row[name]) for name in names}
        refuse_conflict(last_edit_of(connection, editable.name, identity), row_label(editable, row), by)


def _rows(connection: sa.Connection, editable: Editable, key: Row) -> list[Row]:
    """The rows with this key, locked."""
    columns = editable.table.columns
    query = sa.select(editable.table).where(
        *(columns[name].is_not_distinct_from(value) for name, value in key.items())
    )
    return [dict(row) for row in connection.execute(query.with_for_update()).mappings()]


def _in_effect(connection: sa.Connection, editable: Editable, key: Row, values: Row) -> Row:
    """What a person has filled of the row that holds in the key's month before there is one of that month itself."""
    since = key.get("from_month")
    named = {name: value for name, value in key.items() if name != "from_month"}
    rows = [
        row
        for row in read_rows(connection, editable, **named)
        if since is not None and (row["from_month"] is None or row["from_month"] < since)
    ]
    return carried_over(editable, rows, values)


def _is(editable: Editable, row: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [editable.table.columns[name].is_not_distinct_from(row[name]) for name in editable.names]


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
