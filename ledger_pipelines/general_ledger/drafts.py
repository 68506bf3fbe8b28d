"""From what documents come to, by account, to journal entries (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import Series, constant, narrowed, place_among, to_arrow
from ledger_pipelines.frames import joined as joined_texts
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, no_entries, sealed
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, LEDGER_AMOUNT
from ledger_pipelines.tables.table import INTEGER, TEXT

_KEY = ["source_system", "source_id"]
#: The log message of a document whose entry is made.
DOCUMENT = JOURNAL_ENTRIES.part(
    ("month", "posting_date", "document_date", "source_type", "source_system", "source_id", "description")
).append(pa.field("currency", TEXT))


def part(
    documents: pd.DataFrame, account: str | Series, amount: Series, **attributes: Series | str | None
) -> pd.DataFrame:
    """A line of each document whose amount is not zero: on the debit side where it is positive, else on the other.

    `documents` have `source_system` and `source_id`; several rows may be of one document. `attributes` are columns of
    `journal_lines`.
    """
    frame = documents[_KEY].assign(
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
    if documents.empty:
        return no_entries()
    entries = documents.assign(id=_ids(documents), revision=constant(0, INTEGER, documents), status="draft")
    lines = pd.concat(parts, ignore_index=True)
    # Stable: the parts of a document stay in their order.
    owners = place_among(lines, entries, _KEY).sort_values(kind="stable")
    lines = lines.loc[owners.index].reset_index(drop=True)
    heads = entries[["id", "month", "currency"]].iloc[owners.to_numpy()].reset_index(drop=True)
    is_debit = lines["amount"] > 0
    lines = lines.assign(
        month=heads["month"],
        currency=heads["currency"],
        entry_id=heads["id"],
        line=lines.groupby(heads["id"]).cumcount() + 1,
        debit=lines["amount"].where(is_debit),
        credit=(-lines["amount"]).mask(is_debit),
    )
    used = entries.iloc[owners.drop_duplicates().to_numpy()]
    return sealed(_as_table(used, UNSEALED_ENTRIES), _as_table(lines, LINES))


def _ids(documents: pd.DataFrame) -> Series:
    return joined_texts(documents["source_system"], "/", documents["source_id"])


def _as_table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame as a table of this schema; a column that it does not have is empty."""
    missing = {field.name: constant(None, field.type, frame) for field in schema if field.name not in frame}
    return to_arrow(frame.assign(**missing), schema)


def joined(journals: Sequence[Journal]) -> Journal:
    """All entries of several journals, as one."""
    return Journal(
        pa.concat_tables([one.entries for one in journals]), pa.concat_tables([one.lines for one in journals])
    )
