"""What Notion says of each client (rules/accruals.md, step 2 of the decision)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import NEVER, mapped, words
from ledger_pipelines.accruals.people import match_addresses
from ledger_pipelines.columns import Int64s, Mask, array, column, int64s, positions, take, take_rows

DROPPED_STATUSES = ("dropped", "early dropped", "suspended")
ENDED_STATUSES = ("graduated", "certificated", "ended", "not completing")
GOING_ON, HAS_DROPPED, HAS_ENDED = range(3)


@dataclass(frozen=True, slots=True)
class NotionStates:
    """Of each client: whether it has a page, what the page's status means, since which day, and its Drop Date.

    The day is NEVER while a status goes on, and where an ended or dropped one has no date; so is a Drop Date that
    there is not.
    """

    found: Mask
    meaning: Int64s
    day: Int64s
    drop_day: Int64s

    def of(self, rows: Int64s) -> NotionStates:
        """The states at these rows."""
        return NotionStates(self.found[rows], self.meaning[rows], self.day[rows], self.drop_day[rows])


def read_notion(pages: pa.Table, clients: pa.Table) -> NotionStates:
    """The state of each of these clients (a column `email`, a field of any number of addresses).

    Of several pages with an address of the client the one edited last counts (then the greatest page_id).
    """
    pages = take_rows(pages, _newest_first(pages))
    page, client = match_addresses(pages, clients)
    at = np.full(clients.num_rows, pages.num_rows, dtype=np.int64)
    np.minimum.at(at, client, page)
    at = np.where(at < pages.num_rows, at, -1)
    status = mapped(take(column(pages, "educational_status"), at), words)
    dropped = positions(status, array(DROPPED_STATUSES)) >= 0
    ended = positions(status, array(ENDED_STATUSES)) >= 0
    drops = int64s(take(column(pages, "drop_date"), at), missing=NEVER)
    ends = int64s(take(column(pages, "certificated_at"), at), missing=NEVER)
    return NotionStates(
        found=at >= 0,
        meaning=np.where(dropped, HAS_DROPPED, np.where(ended, HAS_ENDED, GOING_ON)),
        day=np.where(dropped | ended, np.where(drops < NEVER, drops, ends), NEVER),
        drop_day=drops,
    )


def _newest_first(pages: pa.Table) -> Int64s:
    return int64s(pc.sort_indices(pages, [("last_edited_at", "descending"), ("page_id", "descending")]))
