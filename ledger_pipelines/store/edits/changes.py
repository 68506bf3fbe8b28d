"""Which row an edit is about and what becomes of it, by the rows alone: the same for what is saved and what is previewed
(rules/billing.md, What people edit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.edits.tables import Editable

Row = Mapping[str, Any]

#: What a whole number of these columns may be.
_RANGES = {"one_off_year": (1900, 9999), "one_off_month": (1, 12), "yearly_month": (1, 12)}


def row_meant(
    editable: Editable, rows: Sequence[Row], key: Row, row_id: int | None, values: Row | None = None
) -> Row | None:
    """Of the rows with this key the one that is meant; None where there is none.

    Of rows that hold side by side the one of the values' kind and occasion is meant. Raises LedgerError where several
    are, and where none has the `row_id`.
    """
    found = [
        row for row in rows if (_fits(editable, row, values or {}) if row_id is None else row["id"] == row_id)
    ]
    if row_id is not None and not found:
        raise LedgerError(f"There is no {row_label(editable, key)} with the id {row_id}.")
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found)
        raise LedgerError(
            f"There are {len(found)} of {row_label(editable, key)}: say which by its id ({ids})."
        )
    return found[0] if found else None


def row_to_remove(editable: Editable, rows: Sequence[Row], key: Row, row_id: int | None) -> Row:
    """Of the rows with this key the one that is meant. Raises LedgerError where there is none, or several."""
    found = row_meant(editable, rows, key, row_id)
    if found is None:
        raise LedgerError(f"There is no {row_label(editable, key)} to remove.")
    return found


def carried_over(editable: Editable, earlier: Sequence[Row], values: Row) -> dict[str, Any]:
    """What a new row takes of the last of these earlier ones that is of the values' kind: the fields that count there."""
    found = [row for row in earlier if _fits(editable, row, values)]
    if not found:
        return {}
    return {
        name: found[-1][name]
        for name in editable.fields
        if (
            found[-1][name] is not None if (switch := editable.switch_of(name)) is None else found[-1][switch]
        )
    }


def columns_to_set(editable: Editable, before: Row | None, key: Row, values: Row) -> dict[str, Any]:
    """What of the row is written so that it has these values: all of a new one but the database's own defaults.

    Raises LedgerError when nothing is given, or when the row would break a rule of its table.
    """
    if not values:
        raise LedgerError(
            f"Nothing to set was given: name fields of the {editable.row}, such as {_example(editable)}."
        )
    filled = _with_switches(editable, _as_one_kind(editable, values))
    _refuse_broken(editable, dict(before or key) | filled)
    if before is not None:
        return filled
    # A new row has the table's own defaults where a value is taken away.
    return {**key, **{name: value for name, value in filled.items() if value is not None}}


def row_label(editable: Editable, row: Row) -> str:
    """A row as a sentence names it: `charge Monitoring of 620547 from 2025-07`."""
    words = [str(row[name]) for name in editable.key]
    message = words[0] if len(words) == 1 else f"{words[1]} of {words[0]}"
    if editable.key[0] == "billing_plan":
        message = f"{words[0]} ({words[1]})"
    since = row.get("from_month")
    return f"{editable.row} {message}" + (f" from {since:%Y-%m}" if since is not None else "")


def _fits(editable: Editable, row: Row, values: Row) -> bool:
    """Whether a row is of the kind that the values are of, and of their occasion, as far as they say."""
    kinds = [kind for kind in editable.alternatives if any(values.get(name) is not None for name in kind)]
    return all(
        any(row[name] is not None for name in kind)
        and all(values.get(name) in (None, row[name]) for name in kind if name in editable.occasions)
        for kind in kinds
    )


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
    for name, (least, most) in _RANGES.items():
        if (number := row.get(name)) is not None and not least <= number <= most:
            raise LedgerError(f"{name} is {number}: write a whole number from {least} to {most}.")
    if row.get("one_off_fee") is not None and row.get("from_month") is not None:
        raise LedgerError("A one-off charge is of its own month: leave from_month out.")
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
