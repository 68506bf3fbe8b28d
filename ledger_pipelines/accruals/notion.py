"""What Notion says of each client (rules/accruals.md, step 2 of the decision)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import NEVER, folded, mapped, words
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    int64s,
    kept,
    positions,
    present,
    take,
)

DROPPED_STATUSES = ("dropped", "suspended")
ENDED_STATUSES = ("graduated", "certificated", "ended", "not completing")
GOING_ON, HAS_DROPPED, HAS_ENDED = range(3)


@dataclass(frozen=True, slots=True)
class NotionStates:
    """Of each client: whether it has a page, what the page's status means, and since which day.

    The day is NEVER while a status goes on, and where an ended or dropped one has no date.
    """

    found: Mask
    meaning: Int64s
    day: Int64s


def read_notion(pages: pa.Table, emails: Column) -> NotionStates:
    """The state of each client with these e-mails (folded; null is in Notion nowhere).

    Of several pages with one e-mail the one edited last counts (then the greatest page_id).
    """
    pages = pages.set_column(pages.column_names.index("email"), "email", folded(column(pages, "email")))
    pages = kept(pages, present(column(pages, "email")))
    newest = pc.sort_indices(pages, [("last_edited_at", "descending"), ("page_id", "descending")])
    pages = pages.take(newest)
    at = positions(emails, column(pages, "email"))
    status = mapped(take(column(pages, "educational_status"), at), words)
    dropped = positions(status, array(DROPPED_STATUSES)) >= 0
    ended = positions(status, array(ENDED_STATUSES)) >= 0
    drops = int64s(take(column(pages, "drop_date"), at), missing=NEVER)
    ends = int64s(take(column(pages, "certificated_at"), at), missing=NEVER)
    return NotionStates(
        found=at >= 0,
        meaning=np.where(dropped, HAS_DROPPED, np.where(ended, HAS_ENDED, GOING_ON)),
        day=np.where(dropped, drops, np.where(ended, ends, NEVER)),
    )
