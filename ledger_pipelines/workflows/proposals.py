"""Edits that somebody thinks of, applied to the rows that the billing rule reads: nothing is written.

What becomes of a row is what saving makes of it, by the same `store.edits.changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row, columns_to_set, row_meant, row_to_remove
from ledger_pipelines.store.edits.putting_back import foresee
from ledger_pipelines.store.edits.tables import ALL, Editable
from ledger_pipelines.tables import TABLES

_EDITABLE = {editable.name: editable for editable in ALL}


@dataclass(frozen=True, slots=True)
class SetRow:
    """Values that the row of this key would get, as `editing.set_row` takes them."""

    editable: Editable
    key: Row
    values: Row
    row_id: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveRow:
    """A row that would be removed, as `editing.remove_row` takes it."""

    editable: Editable
    key: Row
    row_id: int | None = None


@dataclass(frozen=True, slots=True)
class ReplaceRow:
    """A row that would be this one instead; None where there is, or would be, none."""

    editable: Editable
    before: Row | None
    after: Row | None


Proposal = SetRow | RemoveRow | ReplaceRow


def putting_back(database: Database, edit_id: int) -> list[Proposal]:
    """What putting an edit back would do; none where it bears on no statement. Raises LedgerError as it would."""
    foreseen = foresee(database, edit_id)
    editable = _EDITABLE.get(foreseen.edit.table_name)
    if editable is None:
        return []
    return [ReplaceRow(editable, _typed(editable, foreseen.now), _typed(editable, foreseen.then))]


def with_proposals(inputs: BillingInputs, proposals: Sequence[Proposal]) -> BillingInputs:
    """The inputs as they would be after these edits, one after the other. Raises LedgerError as saving them would."""
    frames: dict[str, list[dict[str, Any]]] = {}
    for proposal in proposals:
        name = proposal.editable.name
        if not hasattr(inputs, name):
            # A feature is on no statement.
            continue
        rows = frames.setdefault(name, getattr(inputs, name).to_pylist())
        before, after = replaced(proposal, rows)
        if before is not None:
            names = proposal.editable.names
            rows[:] = [row for row in rows if any(row[one] != before[one] for one in names)]
        if after is not None:
            rows.append(dict(after))
    tables: Any = {
        name: pa.Table.from_pylist(rows, getattr(inputs, name).schema) for name, rows in frames.items()
    }
    return replace(inputs, **tables)


def replaced(proposal: Proposal, rows: Sequence[Row]) -> tuple[Row | None, Row | None]:
    """Of these rows the one that goes, and the one that comes. Raises LedgerError as saving would."""
    if isinstance(proposal, ReplaceRow):
        return proposal.before, proposal.after
    editable, key = proposal.editable, proposal.key
    of_key = [row for row in rows if all(row[name] == value for name, value in key.items())]
    if isinstance(proposal, RemoveRow):
        return row_to_remove(editable, of_key, key, proposal.row_id), None
    before = row_meant(editable, of_key, key, proposal.row_id, proposal.values)
    written = columns_to_set(editable, before, key, proposal.values)
    return before, {**(before or _new(editable, rows)), **written}


def _new(editable: Editable, rows: Sequence[Row]) -> dict[str, Any]:
    """A row as the database makes it: its own defaults, and a number after all others."""
    row: dict[str, Any] = {}
    for column in TABLES[editable.name].columns:
        if column.is_identity:
            row[column.name] = 1 + max((other["id"] for other in rows), default=0)
        elif column.default in ("true", "false"):
            row[column.name] = column.default == "true"
        elif column.default is not None and pa.types.is_decimal(column.kind):
            row[column.name] = Decimal(column.default)
        else:
            row[column.name] = None if column.default is None else column.default.split("'")[1]
    return row


def _typed(editable: Editable, row: Mapping[str, Any] | None) -> Row | None:
    """A row of JSON as its table has it."""
    if row is None:
        return None
    kinds = {column.name: column.kind for column in TABLES[editable.name].columns}
    return {
        name: date.fromisoformat(value) if value is not None and pa.types.is_date(kinds[name]) else value
        for name, value in row.items()
    }
