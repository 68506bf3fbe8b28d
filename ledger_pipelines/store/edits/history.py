"""What is kept of edits: who changed which row, when, why, and what each field was before and after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import engine_of

_EDITS = sa.table(
    "edits",
    sa.column("id", sa.BigInteger()),
    sa.column("table_name", sa.Text()),
    sa.column("person", sa.Text()),
    sa.column("edited_at", sa.DateTime(timezone=True)),
    sa.column("reason", sa.Text()),
    sa.column("before", JSONB()),
    sa.column("after", JSONB()),
)
_COLUMNS = _EDITS.c
_BEFORE, _AFTER = (sa.cast(_COLUMNS[name], sa.Text()) for name in ("before", "after"))
_FOUND = sa.select(
    *(_COLUMNS[name] for name in ("id", "table_name", "person", "edited_at", "reason")), _BEFORE, _AFTER
)
#: The snapshot that says whose a device or person is, and what edits of it are named by.
_OF_RECORDS = {
    "asset_billing_overrides": ("assets", "asset_id"),
    "user_billing_overrides": ("contacts", "user_id"),
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after an edit; None where it had, or has, none."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RecordedEdit:
    """One change of one row: `before` is None where it was new, `after` where it was removed.

    Values are as JSON has them: days as texts, numbers exact. `reason` is None where nobody gave one.
    """

    id: int
    table_name: str
    person: str
    edited_at: datetime
    reason: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def row(self) -> Mapping[str, Any]:
        """The row as it is since, or where it was removed, as it was."""
        return self.after if self.after is not None else (self.before or {})

    @property
    def changes(self) -> list[FieldChange]:
        """The fields that the edit changed; of a new or removed row those that said something."""
        before, after = self.before or {}, self.after or {}
        return [
            FieldChange(name, before.get(name), after.get(name))
            for name in {**before, **after}
            if before.get(name) != after.get(name)
            and (self.is_change or {**before, **after}[name] not in (None, False))
        ]

    @property
    def counting_changes(self) -> list[FieldChange]:
        """The same without switches: a value that its switch turns off is None."""
        counted = replace(self, before=_counting(self.before), after=_counting(self.after))
        return counted.changes

    @property
    def is_change(self) -> bool:
        """Whether the row was there before and is there after."""
        return self.before is not None and self.after is not None


@dataclass(frozen=True, slots=True)
class EditFilter:
    """Which edits are meant; what is None leaves none out.

    `account` means those of a company, of its devices and of its people; `since` is included, `until` is not; `text` is
    found in any value, the reason or the person's name, in any case. `row` are values that the row had before or after.
    """

    tables: tuple[str, ...] | None = None
    account: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    row: Mapping[str, Any] | None = None


def list_edits(
    database: Database, which: EditFilter, *, limit: int = 100, offset: int = 0
) -> list[RecordedEdit]:
    """These edits, the latest first."""
    query = _FOUND.where(*_conditions(which)).order_by(_COLUMNS.id.desc()).limit(limit).offset(offset)
    with engine_of(database).connect() as connection:
        return list(recorded(connection.execute(query)))


def count_edits(database: Database, which: EditFilter) -> int:
    """How many these are."""
    query = sa.select(sa.func.count()).select_from(_EDITS).where(*_conditions(which))
    with engine_of(database).connect() as connection:
        return int(connection.execute(query).scalar_one())


def find_edit(connection: sa.Connection, edit_id: int) -> RecordedEdit | None:
    """The edit with this number."""
    return next(iter(recorded(connection.execute(_FOUND.where(_COLUMNS.id == edit_id)))), None)


def last_edit_id(database: Database) -> int:
    """The number of the last edit of all; 0 where there was none."""
    with engine_of(database).connect() as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_COLUMNS.id), 0))).scalar_one())


def last_edit_of(
    connection: sa.Connection, table_name: str, identity: Mapping[str, Any]
) -> RecordedEdit | None:
    """The last edit of the row with these values."""
    return next(iter(edits_of_row(connection, table_name, identity)), None)


def edits_of_row(
    connection: sa.Connection, table_name: str, identity: Mapping[str, Any], *, after_id: int = 0
) -> list[RecordedEdit]:
    """The edits of the row with these values, the latest first."""
    which = EditFilter(tables=(table_name,), row=identity)
    query = _FOUND.where(_COLUMNS.id > after_id, *_conditions(which)).order_by(_COLUMNS.id.desc())
    return list(recorded(connection.execute(query)))


def _conditions(which: EditFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if which.tables is not None:
        conditions.append(_COLUMNS.table_name.in_(which.tables))
    if which.person is not None:
        conditions.append(_COLUMNS.person == which.person)
    if which.since is not None:
        conditions.append(_COLUMNS.edited_at >= which.since)
    if which.until is not None:
        conditions.append(_COLUMNS.edited_at < which.until)
    if which.row is not None:
        conditions.append(_has(which.row))
    if which.account is not None:
        conditions.append(_is_of_company(which.account))
    if which.text is not None:
        texts = (_COLUMNS.person, _COLUMNS.reason, _BEFORE, _AFTER)
        conditions.append(sa.or_(*(text.icontains(which.text, autoescape=True) for text in texts)))
    return conditions


def _has(values: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    return sa.or_(_COLUMNS.before.contains(values), _COLUMNS.after.contains(values))


def _is_of_company(account: str) -> sa.ColumnElement[bool]:
    of_records = []
    for table_name, (snapshot, name) in _OF_RECORDS.items():
        records = sa.table(snapshot, sa.column("id", sa.BigInteger()), sa.column("account_number", sa.Text()))
        row = sa.func.coalesce(_COLUMNS.after, _COLUMNS.before, type_=JSONB())
        ids = sa.select(records.c.id).where(records.c.account_number == account)
        is_its = sa.cast(row[name].astext, sa.BigInteger()).in_(ids)
        of_records.append(sa.and_(_COLUMNS.table_name == table_name, is_its))
    return sa.or_(_has({"account_number": account}), *of_records)


def recorded(rows: Iterable[Any]) -> Iterable[RecordedEdit]:
    """Rows of `edits` (id, table_name, person, edited_at, reason, and before and after as texts), as what they say."""
    for *head, before, after in rows:
        yield RecordedEdit(*head, *(None if row is None else _exact(row) for row in (before, after)))


def _counting(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if row is None:
        return None
    switches = {f"{name}_enabled" for name in row} & row.keys()
    return {
        name: None if row.get(f"{name}_enabled") is False else value
        for name, value in row.items()
        if name not in switches
    }


def _exact(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(text, parse_float=Decimal)
    return found
