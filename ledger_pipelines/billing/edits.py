"""What people edit, as each month has it (rules/billing.md, What people edit).

A row holds from its `from_month` on, one without from ever. Of the rows of one thing those that began latest count,
alone and whole: a later override does not add to an earlier one. Several that began in the same month all count, which
only charges and what is added by hand can have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ledger_pipelines.columns import Column, Int64s, codes, column, int64s, joined_text, kept, positions, take

#: When a row without a month begins: before every day that a date column holds.
EVER = -(1 << 31)


@dataclass(frozen=True, slots=True)
class Edits:
    """Edited rows, and which of them each of some months has: `in_force`, months x rows."""

    frame: pa.Table
    in_force: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, frame: pa.Table, key: Sequence[str], months: Int64s) -> Edits:
        """The rows as these months (ascending, days since 1970) have them; `key` names a thing."""
        begins = int64s(column(frame, "from_month"), missing=EVER)
        in_force = np.ones((months.size, frame.num_rows), dtype=np.bool_)
        if (begins == EVER).all():
            return cls(frame, in_force)
        things, distinct = codes(_names(frame, key))
        for place, month in enumerate(months.tolist()):
            begun = begins <= month
            latest = np.full(len(distinct), EVER - 1, dtype=np.int64)
            np.maximum.at(latest, things[begun], begins[begun])
            in_force[place] = begun & (begins == latest[things])
        return cls(frame, in_force)

    def rows(self, name: str, month: Int64s, values: Column) -> Int64s:
        """For each record the row of its month that has its value in the column of this name; -1 where none has.

        `month` are positions among the months.
        """
        keys = column(self.frame, name)
        if self.in_force.all():
            return positions(values, keys)
        found = np.full(month.size, -1, dtype=np.int64)
        for place, in_force in enumerate(self.in_force):
            here, rows = np.flatnonzero(month == place), np.flatnonzero(in_force)
            at = positions(take(values, here), take(keys, rows))
            found[here[at >= 0]] = rows[at[at >= 0]]
        return found

    def of_month(self, place: int) -> pa.Table:
        """The rows that the month at this position has."""
        return kept(self.frame, self.in_force[place])


def _names(frame: pa.Table, key: Sequence[str]) -> Column:
    """What each row is of, as one text."""
    columns: dict[str, Any] = {name: column(frame, name).cast(pa.string()).fill_null("") for name in key}
    return joined_text(pa.table(columns), key)
