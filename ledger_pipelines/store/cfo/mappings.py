"""Editing whose revenue a client's invoice is, and under which subcategory (rules/cfo_sync.md, The transaction)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, editing, refuse_conflict
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.history import last_edit_of

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MappingTable:
    """A table of mappings: the column that is matched, whose null matches everything, and those that it gives."""

    table: sa.TableClause
    matched: str
    given: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def columns(self) -> tuple[str, ...]:
        return ("position", self.matched, *self.given)


def _table(name: str, *texts: str) -> sa.TableClause:
    return sa.table(name, sa.column("position", sa.Integer()), *(sa.column(one, sa.Text()) for one in texts))


ENTITIES = MappingTable(
    _table("cfo_entity_mappings", "client_name", "entity", "business_unit"),
    "client_name",
    ("entity", "business_unit"),
)
CATEGORIES = MappingTable(
    _table("cfo_revenue_categories", "keyword", "subcategory"), "keyword", ("subcategory",)
)


def list_mappings(database: Database, which: MappingTable) -> list[Row]:
    """The mappings in the order in which they are tried."""
    with engine_of(database).connect() as connection:
        query = sa.select(which.table).order_by(which.table.c.position)
        return [dict(row) for row in connection.execute(query).mappings()]


def with_change(rows: list[Row], which: MappingTable, position: int | None, values: Row | None) -> list[Row]:
    """The mappings as they would be: that at the position is replaced by the values, or gone; without one they are added.

    Raises LedgerError where the change cannot be.
    """
    if position is not None and all(row["position"] != position for row in rows):
        raise LedgerError(f"There is no mapping {position} any more: look at them again.")
    others = [row for row in rows if row["position"] != position]
    if values is None:
        return others
    _refuse_unusable(which, values)
    if any(row["position"] == values["position"] for row in others):
        raise LedgerError(f"There is a mapping {values['position']} already: choose another position.")
    return sorted([*others, dict(values)], key=lambda row: int(row["position"]))


def change_mapping(
    database: Database, which: MappingTable, position: int | None, values: Row | None, *, by: Editor
) -> None:
    """Adds a mapping (no position), changes the one at the position, or removes it (no values).

    Raises LedgerError where it cannot be so, ConflictError where somebody changed it since the person looked.
    """
    table = which.table
    with editing(database, by) as connection:
        query = sa.select(table).order_by(table.c.position).with_for_update()
        rows: list[Row] = [dict(row) for row in connection.execute(query).mappings()]
        with_change(rows, which, position, values)
        if by.seen is not None and position is not None:
            last = last_edit_of(connection, which.name, {"position": position})
            refuse_conflict(last, f"mapping {position}", by)
        is_it = table.c.position == position
        if values is None:
            connection.execute(sa.delete(table).where(is_it))
        elif position is None:
            connection.execute(sa.insert(table).values(**values))
        else:
            connection.execute(sa.update(table).where(is_it).values(**values))


def _refuse_unusable(which: MappingTable, values: Row) -> None:
    if not 0 <= values["position"] < 2**31:
        raise LedgerError("The position is a whole number from 0 on: the first that matches wins.")
    for name in which.given:
        most = 100 if name == "subcategory" else 255
        if not 0 < len(values[name].strip()) <= most:
            raise LedgerError(f"The {name.replace('_', ' ')} needs 1 to {most} characters.")
