"""Putting an edit back: the row becomes what it was before, by an edit of its own.

It works for every table whose edits are kept, by the columns that identify its rows in the database. What others
changed of the row since stays, but for the fields that are put back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, refuse_conflict
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.history import RecordedEdit, edits_of_row, find_edit

_JSON = Mapping[str, Any]
#: The columns of a table whose edits are kept: whether they identify its rows, and whether the database numbers them.
_COLUMNS = """SELECT attname, coalesce(attnum = ANY(i.indkey), false) AS is_name, attidentity <> '' AS is_numbered
FROM pg_attribute a
LEFT JOIN LATERAL (SELECT indkey FROM pg_index WHERE indrelid = attrelid AND indisunique
                   ORDER BY indisprimary DESC, indexrelid LIMIT 1) AS i ON true
WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = attrelid AND tgname = 'record_update') ORDER BY attnum"""


@dataclass(frozen=True, slots=True)
class PutBack:
    """What putting an edit back does: the row now and as it will be, each None where there is none.

    `since` are the edits of the same row after it, the latest first.
    """

    edit: RecordedEdit
    now: _JSON | None
    then: _JSON | None
    since: Sequence[RecordedEdit]


def foresee(database: Database, edit_id: int) -> PutBack:
    """What putting the edit back would do; writes nothing. Raises LedgerError as `put_back` does."""
    with engine_of(database).connect() as connection:
        return _foreseen(connection, edit_id)


def put_back(connection: sa.Connection, edit_id: int, by: Editor) -> PutBack:
    """Makes the row what it was before the edit, in a transaction of `editing`.

    Raises LedgerError where there is no such edit, where the row is so already, or is gone or there again meanwhile, and
    ConflictError where it was edited after the person looked.
    """
    foreseen = _foreseen(connection, edit_id)
    refuse_conflict(next(iter(foreseen.since), None), "row", by)
    _write(connection, foreseen)
    return foreseen


def _foreseen(connection: sa.Connection, edit_id: int) -> PutBack:
    edit = find_edit(connection, edit_id)
    if edit is None:
        raise LedgerError(f"There is no edit {edit_id}.")
    names = _names(connection, edit.table_name)
    identity = {name: edit.row[name] for name in names if name in edit.row}
    now = _row(connection, edit.table_name, identity)
    since = edits_of_row(connection, edit.table_name, identity, after_id=edit.id)
    return PutBack(edit, now, _restored(edit, now, since), since)


def _restored(edit: RecordedEdit, now: _JSON | None, since: Sequence[RecordedEdit]) -> _JSON | None:
    """The row as it will be."""
    who = f", by {since[0].person} on {since[0].edited_at:%Y-%m-%d at %H:%M} UTC" if since else ""
    if edit.after is None:
        if now is not None:
            raise LedgerError(f"It was entered again since{who}: change that one instead.")
        return edit.before
    if now is None:
        raise LedgerError(f"It was removed since{who}: put that edit back instead.")
    if edit.before is None:
        return None
    then = {**now, **{change.field: change.before for change in edit.changes}}
    if then == now:
        raise LedgerError(f"It is as it was before that edit already{who}.")
    return then


def _write(connection: sa.Connection, foreseen: PutBack) -> None:
    now, then = foreseen.now, foreseen.then
    table = _quoted(connection, foreseen.edit.table_name)
    columns = _columns(connection, foreseen.edit.table_name)
    is_it = {"identity": _text({name: now[name] for name, is_name, _ in columns if is_name} if now else {})}
    where = "WHERE to_jsonb(t) @> CAST(:identity AS jsonb)"
    if then is None:
        connection.execute(sa.text(f"DELETE FROM {table} AS t {where}"), is_it)  # noqa: S608
        return
    # What the row did not have yet when it was removed gets the table's own defaults.
    given = [
        _quoted(connection, name)
        for name, _, is_numbered in columns
        if name in then and not (now is not None and is_numbered)
    ]
    listed = ", ".join(given)
    values = f"SELECT {listed} FROM jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))"  # noqa: S608
    insert = f"INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE {values}"
    update = f"UPDATE {table} AS t SET ({listed}) = ({values}) {where}"  # noqa: S608
    statement = insert if now is None else update
    connection.execute(sa.text(statement), {"row": _text(then), **(is_it if now else {})})


def _row(connection: sa.Connection, table_name: str, identity: _JSON) -> _JSON | None:
    table = _quoted(connection, table_name)
    query = (
        f"SELECT to_jsonb(t)::text FROM {table} AS t WHERE to_jsonb(t) @> CAST(:identity AS jsonb) FOR SHARE"  # noqa: S608
    )
    found = connection.execute(sa.text(query), {"identity": _text(identity)}).scalars().first()
    row: _JSON | None = None if found is None else json.loads(found, parse_float=Decimal)
    return row


def _names(connection: sa.Connection, table_name: str) -> list[str]:
    return [name for name, is_name, _ in _columns(connection, table_name) if is_name]


def _columns(connection: sa.Connection, table_name: str) -> list[tuple[str, bool, bool]]:
    found = [tuple(row) for row in connection.execute(sa.text(_COLUMNS), {"name": table_name})]
    if not found:
        raise LedgerError(f"{table_name} is no table that people edit: nothing of it is put back.")
    return found


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _text(row: _JSON) -> str:
    """A row as JSON, its numbers as exact as they are: texts, which the database reads by each column's type."""
    return json.dumps(
        {name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()}
    )
