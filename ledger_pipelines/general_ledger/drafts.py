"""From what documents come to, by account, to journal entries (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.frames import Series, constant, narrowed
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, no_entries, sealed
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, LEDGER_AMOUNT
from ledger_pipelines.tables.table import INTEGER, TEXT

#: Without its types, which know no plain values among the columns.
_compute: Any = pc
#: The log message of a document whose entry is made.
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
    if documents.empty:
        return no_entries()
    whole: Any = pa.Table.from_pandas(documents[DOCUMENT.names], preserve_index=False)
    ids: Any = _ids(whole)
    tables = [pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata() for frame in parts]
    stacked = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    owners: Any = _compute.index_in(_ids(stacked), value_set=ids)
    # Stable: the parts of a document stay in their order.
    order = np.argsort(owners.to_numpy(), kind="stable")
    stacked, owners = stacked.take(order), owners.take(order)
    used, first, counts = np.unique(owners.to_numpy(), return_index=True, return_counts=True)
    places = np.arange(len(owners)) - np.repeat(first, counts) + 1
    is_debit: Any = _compute.greater(stacked["amount"], pa.scalar(0, LEDGER_AMOUNT))
    nothing = pa.scalar(None, LEDGER_AMOUNT)
    columns: dict[str, Any] = {name: stacked[name] for name in _ATTRIBUTES if name in stacked.column_names}
    columns |= {
        "month": whole["month"].take(owners),
        "currency": whole["currency"].take(owners),
        "entry_id": ids.take(owners),
        "line": pa.array(places, INTEGER),
        "account": stacked["account"],
        "debit": _compute.if_else(is_debit, stacked["amount"], nothing),
        "credit": _compute.if_else(is_debit, nothing, _compute.negate(stacked["amount"])),
    }
    entries: dict[str, Any] = {name: whole[name] for name in DOCUMENT.names if name in UNSEALED_ENTRIES.names}
    entries |= {"id": ids, "revision": _repeated(0, INTEGER, ids), "status": _repeated("draft", TEXT, ids)}
    made = _with_schema(entries, UNSEALED_ENTRIES, len(ids)).take(pa.array(used))
    return sealed(made, _with_schema(columns, LINES, len(owners)))


def _ids(table: pa.Table) -> Any:
    joined_ids = _compute.binary_join_element_wise(table["source_system"], table["source_id"], "/")
    return joined_ids.combine_chunks()


def _repeated(value: Any, kind: pa.DataType, values: Any) -> Any:
    scalar: Any = pa.scalar(value, kind)
    return pa.repeat(scalar, len(values))


def _with_schema(columns: dict[str, Any], schema: pa.Schema, rows: int) -> pa.Table:
    """A table of this schema; a column that is not given is empty."""
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in schema
    ]
    return pa.Table.from_arrays(arrays, names=schema.names).cast(schema)


def joined(journals: Sequence[Journal]) -> Journal:
    """All entries of several journals, as one."""
    return Journal(
        pa.concat_tables([one.entries for one in journals]), pa.concat_tables([one.lines for one in journals])
    )
