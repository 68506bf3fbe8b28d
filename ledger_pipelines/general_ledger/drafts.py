"""From what documents come to, by account, to journal entries (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.frames import (
    Series,
    column_of,
    constant,
    dtype,
    narrowed,
    to_arrow,
    values_of,
)
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, sealed
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, LEDGER_AMOUNT
from ledger_pipelines.tables.table import TEXT

#: What is said of a document whose entry is made.
DOCUMENT = JOURNAL_ENTRIES.part(
    ("month", "posting_date", "document_date", "source_type", "source_system", "source_id", "description")
).append(pa.field("currency", TEXT))
#: What a line may have beside its account and amount.
_ATTRIBUTES = tuple(
    name
    for name in LINES.names
    if name not in {"month", "entry_id", "line", "account", "debit", "credit", "currency"}
)


def part(
    documents: pd.DataFrame, account: str | Series, amount: Series, **attributes: Series | str | None
) -> pd.DataFrame:
    """A line of each document whose amount is not zero: on the debit side where it is positive, else on the other.

    `documents` have `source_system` and `source_id`; several rows may be of one document. `attributes` are columns of
    `journal_lines`.
    """
    frame = documents[["source_system", "source_id"]].assign(
        account=constant(account, TEXT, documents) if isinstance(account, str) else account,
        amount=narrowed(amount, LEDGER_AMOUNT),
        **{
            name: value if isinstance(value, pd.Series) else constant(value, TEXT, documents)
            for name, value in attributes.items()
        },
    )
    return frame[frame["amount"] != 0]


def drafts_of(documents: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> Journal:
    """The draft entries of these documents (`DOCUMENT`), whose lines are the parts in their order.

    One of which nothing remains, because all its amounts are zero, has no entry. Raises LedgerError where one does not
    balance.
    """
    lines = pd.concat([_with_place(frame, place) for place, frame in enumerate(parts)], ignore_index=True)
    keys = ["source_system", "source_id"]
    ordered = documents.assign(owner=column_of(pa.array(range(len(documents)), pa.int64()), documents.index))
    lines = lines.merge(ordered[[*keys, "month", "currency", "owner"]], on=keys)
    lines = lines.sort_values(["owner", "place"], kind="stable", ignore_index=True)
    places: Any = lines.groupby("owner").cumcount().to_numpy()
    is_debit = lines["amount"] > 0
    lines = lines.assign(
        entry_id=lines["source_system"] + "/" + lines["source_id"],
        line=column_of(pa.array(places + 1, pa.int32()), lines.index),
        debit=lines["amount"].where(is_debit),
        credit=_absolute(lines["amount"]).where(~is_debit),
    )
    entries = ordered[ordered["owner"].isin(lines["owner"])]
    entries = entries.assign(
        id=entries["source_system"] + "/" + entries["source_id"],
        number=constant(None, TEXT, entries),
        revision=constant(0, pa.int32(), entries),
        status=constant("draft", TEXT, entries),
        reverses=constant(None, TEXT, entries),
    )
    return sealed(to_arrow(entries, UNSEALED_ENTRIES), to_arrow(lines, LINES))


def joined(journals: Sequence[Journal]) -> Journal:
    """All entries of several journals, as one."""
    return Journal(
        pa.concat_tables([one.entries for one in journals]), pa.concat_tables([one.lines for one in journals])
    )


def _with_place(frame: pd.DataFrame, place: int) -> pd.DataFrame:
    missing = {
        name: constant(None, LINES.field(name).type, frame)
        for name in _ATTRIBUTES
        if name not in frame.columns
    }
    return frame.assign(place=constant(place, pa.int32(), frame), **missing)


def _absolute(amounts: Series) -> Series:
    arrow: Any = values_of(amounts)
    return column_of(pc.abs(arrow), amounts.index).astype(dtype(LEDGER_AMOUNT))
