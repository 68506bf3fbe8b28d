"""Listing, setting and removing rows that people edit (rules/billing.md, What people edit)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.tables import Editable

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """A row before and after a change; None where there was, or is, none."""

    before: Row | None
    after: Row | None


def list_rows(database: Database, editable: Editable, **where: Any) -> list[Row]:
    """The rows with these values, in the order of their keys and months."""
    columns = editable.table.columns
    order = [
        *(columns[name] for name in editable.key),
        columns.from_month.nulls_first(),
        *editable.table.primary_key,
    ]
    query = sa.select(editable.table).order_by(*order)
    for name, value in where.items():
        query = query.where(columns[name] == value)
    with engine_of(database).connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def set_row(
    database: Database,
    editable: Editable,
    key: Row,
    values: Row,
    *,
    person: str,
    row_id: int | None = None,
) -> Edit:
    """Sets these values of the row with this key, and makes it where there is none; what is not given stays.

    Of rows that hold side by side the one of the values' kind and occasion is meant. `row_id` says which of several is
    meant, and may make it one of another kind. Raises LedgerError, with nothing changed, when nothing is
    given, when several rows have the key, or when the row would break a rule of its table.
    """
    if not values:
        raise LedgerError(
            f"Nothing to set was given: name fields of the {editable.row}, such as {_example(editable)}."
        )
    with _editing(database, person) as connection:
        before = _one(connection, editable, key, row_id, values)
        filled = _with_switches(editable, _as_one_kind(editable, values))
        whole = dict(before or key) | filled
        _refuse_broken(editable, whole)
        if before is None:
            statement: Any = sa.insert(editable.table).values({**key, **_given(editable, filled)})
        else:
            statement = sa.update(editable.table).where(*_is(editable, before)).values(filled)
        after = connection.execute(statement.returning(*editable.table.columns)).mappings().one()
        return Edit(before, dict(after))


def remove_row(
    database: Database, editable: Editable, key: Row, *, person: str, row_id: int | None = None
) -> Edit:
    """Removes the row with this key. Raises LedgerError when there is none, or several and no `row_id`."""
    with _editing(database, person) as connection:
        before = _one(connection, editable, key, row_id)
        if before is None:
            raise LedgerError(f"There is no {told_key(editable, key)} to remove.")
        connection.execute(sa.delete(editable.table).where(*_is(editable, before)))
        return Edit(before, None)


def told_key(editable: Editable, row: Row) -> str:
    """A row as a sentence names it: `charge Monitoring of 620547 from 2025-07`."""
    words = [str(row[name]) for name in editable.key]
    message = words[0] if len(words) == 1 else f"{words[1]} of {words[0]}"
    if editable.key[0] == "billing_plan":
        message = f"{words[0]} ({words[1]})"
    since = row.get("from_month")
    return f"{editable.row} {message}" + (f" from {since:%Y-%m}" if since is not None else "")


@contextmanager
def _editing(database: Database, person: str) -> Iterator[sa.Connection]:
    """A transaction in this person's name; what the tables refuse is a sentence."""
    try:
        with engine_of(database).begin() as connection:
            connection.execute(
                # One edit at a time: two that make the same row at once would make it twice.
                sa.text("SELECT set_config('ledger.person', :person, true), pg_advisory_xact_lock(7435, 1)"),
                {"person": person},
            )
            yield connection
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        diagnosis = getattr(error.orig, "diag", None)
        reason = getattr(diagnosis, "message_primary", None) or "it breaks a rule of its table"
        raise LedgerError(f"The database refuses it ({reason}): nothing was changed.") from None


def _one(
    connection: sa.Connection, editable: Editable, key: Row, row_id: int | None, values: Row | None = None
) -> Row | None:
    """The row that is meant, locked; None where there is none."""
    query = sa.select(editable.table).where(*_is(editable, key)).with_for_update()
    rows: Sequence[Row] = [dict(row) for row in connection.execute(query).mappings()]
    if row_id is not None:
        found = [row for row in rows if row["id"] == row_id]
    else:
        found = [row for row in rows if _fits(editable, row, values or {})]
    if row_id is not None and not found:
        raise LedgerError(f"There is no {told_key(editable, key)} with the id {row_id}.")
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found)
        raise LedgerError(
            f"There are {len(found)} of {told_key(editable, key)}: say which with --id ({ids})."
        )
    return found[0] if found else None


def _fits(editable: Editable, row: Row, values: Row) -> bool:
    """Whether a row is of the kind that the values are of, and of their occasion, as far as they say."""
    kinds = [kind for kind in editable.alternatives if any(values.get(name) is not None for name in kind)]
    return all(
        any(row[name] is not None for name in kind)
        and all(values.get(name) in (None, row[name]) for name in kind if name in editable.occasions)
        for kind in kinds
    )


def _is(editable: Editable, row: Row) -> list[sa.ColumnElement[bool]]:
    names = ["id"] if "id" in row else [*editable.key, "from_month"]
    return [editable.table.columns[name].is_not_distinct_from(row[name]) for name in names]


def _with_switches(editable: Editable, values: Row) -> dict[str, Any]:
    """The values, and that each of them counts, or no longer does where it is taken away."""
    switches = {
        switch: value is not None
        for name, value in values.items()
        if (switch := editable.switch_of(name)) is not None
    }
    return dict(values) | switches


def _as_one_kind(editable: Editable, values: Row) -> dict[str, Any]:
    """The values; where they make the row of another kind, what it had as the former kind is taken away."""
    kinds = [kind for kind in editable.alternatives if any(values.get(name) is not None for name in kind)]
    if len(kinds) > 1:
        raise LedgerError(
            f"The {editable.row} is of one kind: give either {' or '.join(' and '.join(kind) for kind in kinds)}."
        )
    others = [name for kind in editable.alternatives if kinds and kind != kinds[0] for name in kind]
    return dict.fromkeys(others) | dict(values)


def _given(editable: Editable, values: Row) -> dict[str, Any]:
    """The values without those that are taken away: a new row has the table's own defaults there."""
    return {name: value for name, value in values.items() if value is not None}


def _refuse_broken(editable: Editable, row: Row) -> None:
    for kind in editable.alternatives:
        filled = [name for name in kind if row.get(name) is not None]
        if filled and len(filled) < len(kind):
            missing = [name for name in kind if name not in filled]
            raise LedgerError(f"{' and '.join(filled)} needs {' and '.join(missing)} beside it.")
    if editable.alternatives and not any(
        row.get(name) is not None for kind in editable.alternatives for name in kind
    ):
        kinds = " or ".join(" with ".join(kind) for kind in editable.alternatives)
        raise LedgerError(f"The {editable.row} needs an amount: {kinds}.")
    if row.get("one_off_fee") is not None and row.get("from_month") is not None:
        raise LedgerError("A one-off charge is of its own month: leave --from-month out.")
    for name in editable.fields:
        column = editable.table.columns[name]
        if not column.nullable and column.server_default is None and row.get(name) is None:
            raise LedgerError(f"The {editable.row} needs {name}.")
    custom = [name for name, choices in editable.choices if row.get(name) == "Custom" and "Custom" in choices]
    if custom and row.get("custom_cost") is None:
        raise LedgerError(f"{custom[0]} Custom needs custom_cost beside it.")


def _example(editable: Editable) -> str:
    name = next(iter(editable.fields))
    return f"{name}=…"
