"""What differs between two frames, null being equal to null: closed months as booked and as they would be now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.frames import Series, to_arrow, to_pandas, values_of
from ledger_pipelines.money import CHARGE

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
#: How a source's record differs from what a closed month holds, in the words of a person.
NEWS_WORDS = {ADDED: "new", REMOVED: "gone", CHANGED: "changed"}
#: Where a row of a merge comes from, as pandas says it.
_CHANGES = {"left_only": ADDED, "right_only": REMOVED, "both": CHANGED}
#: What stands behind a booked column's name in a merge; no column is called so.
_BOOKED = " booked"


@dataclass(frozen=True, slots=True)
class Difference:
    """The rows that differ, by key.

    Their columns: the key's; `change` (added, removed or changed); `booked` and `computed` (amounts, null
    where there is no such row); the labels; and `columns` (of a changed row, the names of those that differ,
    with commas).
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
    computed: pa.Table,
    booked: pa.Table,
    key: Sequence[str],
    *,
    amount: str = "amount",
    labels: Sequence[str] = (),
) -> Difference:
    """The rows that are only computed (added), only booked (removed), or in both but not the same (changed).

    Rows are matched by the key's columns, which name each row once in each frame and are never null; compared
    are all columns that both frames have. `amount` is the money column whose values are shown; a frame without
    one shows nulls. `labels` are columns that name a row to people: as computed, of a removed row as booked.
    """
    names = [name for name in computed.column_names if name in booked.column_names]
    kinds = pa.schema([(name, computed.schema.field(name).type) for name in names])
    both = to_pandas(computed.select(names)).merge(
        to_pandas(booked.select(names).cast(kinds)),
        how="outer",
        on=list(key),
        suffixes=("", _BOOKED),
        indicator="change",
    )
    compared = [name for name in names if name not in key]
    unequal = pd.DataFrame({name: differs(both[name], both[name + _BOOKED]) for name in compared})
    unequal[both["change"] != "both"] = False
    rows = both[(both["change"] != "both") | unequal.any(axis=1)].sort_values(list(key))
    unequal, is_removed = unequal.loc[rows.index], rows["change"] == "right_only"
    columns = {
        **{name: rows[name] for name in key},
        "change": rows["change"].map(_CHANGES),
        "booked": rows.get(amount + _BOOKED),
        "computed": rows.get(amount),
        **{name: rows[name].mask(is_removed, rows[name + _BOOKED]) for name in labels},
        "columns": [", ".join(compress(compared, row)) or None for row in unequal.to_numpy()],
    }
    money = kinds.field(amount).type if amount in names else CHARGE
    fields: list[pa.Field[Any]] = [
        *(kinds.field(name) for name in key),
        pa.field("change", pa.string()),
        pa.field("booked", money),
        pa.field("computed", money),
        *(kinds.field(name) for name in labels),
        pa.field("columns", pa.string()),
    ]
    return Difference(to_arrow(pd.DataFrame(columns, index=rows.index), pa.schema(fields)))


def differs(left: Series, right: Series) -> Series:
    """Where two columns with one index hold different values."""
    return (left != right).fillna(False).astype(bool) | (left.isna() != right.isna())


def changed_keys(key: str, new: pa.Table, known: pa.Table) -> pa.Array[Any]:
    """The keys whose rows differ between two frames, whatever months the rows stand in.

    A key may have several rows (an invoice its lines); it is changed when any of them is in one frame alone.
    """
    names = [name for name in new.column_names if name != "month"]
    sides = [to_pandas(frame.select(names)).drop_duplicates() for frame in (new, known)]
    alone = pd.concat(sides).drop_duplicates(keep=False)
    return values_of(alone[key].drop_duplicates()).combine_chunks()
