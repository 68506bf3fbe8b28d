"""How what is computed now differs from what is booked: the verification of a closed month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import (
    Column,
    Mask,
    array,
    column,
    joined_text,
    mask,
    picked,
    positions,
    present,
)
from ledger_pipelines.money import CHARGE

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """The rows that differ.

    Their columns: the key's; `change` (added, removed or changed); `booked` and `computed` (amounts, null
    where there is no such row); and `columns` (of a changed row, the names of those that differ, with
    commas).
    """

    rows: pa.Table

    def count(self, change: str) -> int:
        """How many rows were added, removed or changed."""
        return self.rows["change"].to_pylist().count(change)

    @property
    def amount(self) -> Decimal:
        """By how much the computed amounts exceed the booked ones."""
        sums = [pc.sum(self.rows[name]).as_py() or Decimal(0) for name in ("computed", "booked")]
        return Decimal(sums[0] - sums[1])

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self.rows.num_rows > 0


def difference(
    computed: pa.Table, booked: pa.Table, key: Sequence[str], *, amount: str = "amount"
) -> Difference:
    """The rows that are only computed (added), only booked (removed), or in both but not the same (changed).

    Rows are matched by the key's columns, which name each row once in each frame and are never null; compared
    are all columns that both frames have, null being equal to null. `amount` is the money column whose values
    are shown; a frame without one shows nulls. Rows come by key.
    """
    new, old = joined_text(computed, key), joined_text(booked, key)
    matched = positions(new, old)
    added, removed = np.flatnonzero(matched < 0), np.flatnonzero(positions(old, new) < 0)
    both = np.flatnonzero(matched >= 0)
    now, then = picked(computed, both), picked(booked, matched[both])
    compared = [name for name in computed.column_names if name in booked.column_names and name not in key]
    masks = {name: _differs(column(now, name), column(then, name)) for name in compared}
    changed = np.flatnonzero(np.logical_or.reduce([np.zeros(both.size, dtype=np.bool_), *masks.values()]))
    now, then = picked(now, changed), picked(then, changed)
    names = [", ".join(name for name, unequal in masks.items() if unequal[row]) for row in changed.tolist()]
    extra, gone = picked(computed, added), picked(booked, removed)
    rows = pa.concat_tables(
        [
            _part(extra, key, ADDED, computed=_amounts(extra, amount)),
            _part(gone, key, REMOVED, booked=_amounts(gone, amount)),
            _part(
                now, key, CHANGED, booked=_amounts(then, amount), computed=_amounts(now, amount), names=names
            ),
        ]
    )
    return Difference(rows.sort_by([(name, "ascending") for name in key]))


def _differs(left: Column, right: Column) -> Mask:
    one: Any = left
    unequal = mask(pc.not_equal(one, right.cast(left.type)))
    differs: Mask = unequal | (present(left) != present(right))
    return differs


def _amounts(frame: pa.Table, name: str) -> Column | None:
    return column(frame, name).cast(CHARGE) if name in frame.column_names else None


def _part(
    frame: pa.Table,
    key: Sequence[str],
    change: str,
    *,
    booked: Column | None = None,
    computed: Column | None = None,
    names: Sequence[str] | None = None,
) -> pa.Table:
    count = frame.num_rows
    nothing = pa.nulls(count, CHARGE)
    return pa.table(
        {
            **{name: column(frame, name) for name in key},
            "change": array([change] * count, pa.string()),
            "booked": nothing if booked is None else booked,
            "computed": nothing if computed is None else computed,
            "columns": array([None] * count if names is None else names, pa.string()),
        }
    )
