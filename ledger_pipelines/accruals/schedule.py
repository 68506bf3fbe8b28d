"""Service periods as days: when each serves, and which one decides (rules/accruals.md, The cumulative rule).

A period stops at its end; one that is POSTPONED, DROPPED or ENDED stops on its change date, that day included, if
that is earlier. The change date is also the client's Drop Date in Notion, where that is earlier (Service periods). A
page has one such date and a client may have several periods: it is taken for the period that it falls into, or,
before all of them, for the first.

The period that stops last decides whether the contract is dropped, ended or postponed: whoever runs on in one cohort
has not dropped out. Of several that stop on one day it is the last by start, then by id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.columns import NEVER
from ledger_pipelines.accruals.outputs import ACTIVE, PERIOD_STATUSES
from ledger_pipelines.columns import Int64s, Mask, column, int64s, positions
from ledger_pipelines.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Schedule:
    """The periods of owners (sale versions, or contract versions) as days, ordered by owner, start and id."""

    #: The input row of each.
    row: Int64s
    owner: Int64s
    start: Int64s
    end: Int64s
    status: Int64s
    #: NEVER where there is none.
    changed: Int64s
    #: The last day of service; before the start, nothing is served.
    stop: Int64s
    #: Of each owner that has periods: its number, where its first period stands, and how many it has.
    owners: Int64s
    first: Int64s
    sizes: Int64s

    def of(self, rows: Int64s, owner: Int64s) -> Schedule:
        """These periods as those of other owners; `owner` ascends, and each one's periods are in order."""
        names = ("row", "start", "end", "status", "changed", "stop")
        return _grouped(owner, **{name: getattr(self, name)[rows] for name in names})

    @property
    def deciding(self) -> Int64s:
        """Where the period that decides stands, for each of `owners`."""
        if not self.owners.size:
            return self.first
        latest = np.repeat(np.maximum.reduceat(self.stop, self.first), self.sizes)
        places = np.where(self.stop == latest, np.arange(self.stop.size), -1)
        decides: Int64s = np.maximum.reduceat(places, self.first)
        return decides

    def ranks(self) -> Iterator[Int64s]:
        """Where the first periods of all owners stand, then the second ones, and so on."""
        for rank in range(int(self.sizes.max(initial=0))):
            yield self.first[self.sizes > rank] + rank


def read_schedule(periods: pa.Table, rows: Int64s, owner: Int64s, drop_day: Int64s) -> Schedule:
    """The periods at these rows (ordered by owner, start and id).

    `drop_day` is the Drop Date of each owner's client, NEVER where there is none. Raises LedgerError when a period ends
    before it starts or has an unknown status.
    """
    starts, ends = int64s(column(periods, "start_date")), int64s(column(periods, "end_date"))
    status = positions(column(periods, "status"), pa.array(PERIOD_STATUSES))
    wrong = np.flatnonzero((ends < starts) | (status < 0))
    if wrong.size:
        row = periods.slice(int(wrong[0]), 1).to_pylist()[0]
        raise LedgerError(
            f"The service period {row['id']} runs from {row['start_date']} to {row['end_date']} with the status "
            f"{row['status']}: correct its dates in 4Geeks; statuses are {', '.join(PERIOD_STATUSES)}."
        )
    starts, ends, status = starts[rows], ends[rows], status[rows]
    changed = int64s(column(periods, "status_change_date"), missing=NEVER)[rows]
    dropped = drop_day[owner]
    is_first = np.append(True, owner[1:] != owner[:-1])[: owner.size]
    concerns = (status != ACTIVE) & (dropped < changed) & (is_first | (starts <= dropped))
    # After its end a period is not meant when a later one is there to be.
    concerns &= (dropped <= ends) | ~_has_later_start(owner, starts, dropped)
    changed = np.where(concerns, dropped, changed)
    stop = np.where(status == ACTIVE, ends, np.minimum(ends, changed))
    return _grouped(owner, row=rows, start=starts, end=ends, status=status, changed=changed, stop=stop)


def _has_later_start(owner: Int64s, starts: Int64s, day: Int64s) -> Mask:
    """Where a later period of the same owner starts by the day."""
    follows = np.zeros(owner.size, dtype=np.bool_)
    follows[:-1] = (owner[1:] == owner[:-1]) & (starts[1:] <= day[:-1])
    return follows


def _grouped(owner: Int64s, **values: Int64s) -> Schedule:
    owners, first, sizes = np.unique(owner, return_index=True, return_counts=True)
    return Schedule(
        owner=owner, owners=owners, first=first.astype(np.int64), sizes=sizes.astype(np.int64), **values
    )
