"""Which statement a record belongs to: its company and its month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.edits import Edits
from ledger_pipelines.columns import Column, Int64s, column, int64s, kept, picked, positions

_EPOCH = date(1970, 1, 1).toordinal()


def month_days(months: Sequence[date]) -> Int64s:
    """The months as days since 1970, as a date column holds them."""
    return np.array([month.toordinal() - _EPOCH for month in months], dtype=np.int64)


def month_positions(values: Column, months: Int64s) -> Int64s:
    """Where each month stands among the ascending `months`; -1 where it does not."""
    days = int64s(values)
    if not months.size:
        return np.full(days.size, -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(months, days), months.size - 1).astype(np.int64)
    return np.where(months[at] == days, at, -1)


@dataclass(frozen=True, slots=True)
class StatementIndex:
    """Statements by month and account; a statement is known by its row number, from 0 to `count` - 1."""

    #: The months, ascending, as days since 1970.
    months: Int64s
    #: Each account with a statement, once.
    accounts: Column
    #: Of each statement, its positions in the two above.
    month: Int64s
    account: Int64s
    #: months x accounts: the statement's row, or -1.
    grid: Int64s

    @classmethod
    def of(cls, months: Int64s, month: Int64s, accounts: Column) -> StatementIndex:
        """The index of statements with these months (positions in `months`) and accounts."""
        distinct = accounts.unique()
        account = positions(accounts, distinct)
        grid = np.full((months.size, len(distinct)), -1, dtype=np.int64)
        grid[month, account] = np.arange(month.size)
        return cls(months, distinct, month, account, grid)

    @property
    def count(self) -> int:
        """How many statements there are."""
        return int(self.month.size)

    def rows(self, months: Column, accounts: Column) -> Int64s:
        """The statement of each record with these months and accounts; -1 where there is none."""
        month = month_positions(months, self.months)
        account = positions(accounts, self.accounts)
        known = (month >= 0) & (account >= 0)
        if not self.grid.size:
            return np.full(known.size, -1, dtype=np.int64)
        return np.where(known, self.grid[month, account], -1)

    def billed(self, frame: pa.Table) -> tuple[pa.Table, Int64s]:
        """The frame's records that have a statement, and the statement of each."""
        rows = self.rows(column(frame, "month"), column(frame, "account_number"))
        known = rows >= 0
        return kept(frame, known), rows[known]

    def edits(self, frame: pa.Table, *key: str) -> Edits:
        """Edited rows as the months have them; `key` names what a row is of."""
        return Edits.of(frame, key, self.months)

    def billed_in_force(self, edits: Edits) -> tuple[pa.Table, Int64s]:
        """Edited records: each once for each statement of its account whose month has it, and that one."""
        account = positions(column(edits.frame, "account_number"), self.accounts)
        known = np.flatnonzero(account >= 0)
        rows = np.where(edits.in_force[:, known], self.grid[:, account[known]], -1)
        records = np.broadcast_to(known, rows.shape)
        return picked(edits.frame, records[rows >= 0]), rows[rows >= 0]
