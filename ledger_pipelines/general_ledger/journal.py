"""Journal entries with their lines, as frames (rules/general_ledger.md, Journals)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import format_money
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, JOURNAL_LINES

ENTRIES = JOURNAL_ENTRIES.schema
LINES = JOURNAL_LINES.schema
#: What a rule gives of an entry: `sealed` counts its lines and computes its content.
UNSEALED_ENTRIES = JOURNAL_ENTRIES.schema.empty_table().drop_columns(["line_count", "content"]).schema
#: What an entry's effect does not depend on.
_WITHOUT_EFFECT = frozenset({"month", "entry_id", "line", "description"})
#: Without its types, which know neither plain values among the columns nor that columns are chunked.
_compute: Any = pc
_BETWEEN_COLUMNS, _BETWEEN_LINES = "\x1f", "\x1e"


@dataclass(frozen=True, slots=True)
class Journal:
    """Entries (`ENTRIES`) with their lines (`LINES`), which stand in the entries' order."""

    entries: pa.Table
    lines: pa.Table


def no_entries() -> Journal:
    """A journal without entries."""
    return Journal(ENTRIES.empty_table(), LINES.empty_table())


def entry_id(source_system: str, source_id: str, revision: int) -> str:
    """The id of an entry: `holded/5ab391…` for a document's first, `holded/5ab391…#2` for its second correction."""
    return f"{source_system}/{source_id}" + (f"#{revision}" if revision else "")


def entry_ids(entries: pa.Table) -> Any:
    """The id of each entry of a frame that has `source_system`, `source_id` and `revision`."""
    revisions = pc.cast(entries["revision"], pa.string())
    suffix = pc.if_else(
        _compute.equal(entries["revision"], 0), "", _compute.binary_join_element_wise("#", revisions, "")
    )
    first = _compute.binary_join_element_wise(entries["source_system"], entries["source_id"], "/")
    return _compute.binary_join_element_wise(first, suffix, "")


def sealed(entries: pa.Table, lines: pa.Table) -> Journal:
    """The entries (`UNSEALED_ENTRIES`) with their number of lines and their content.

    Raises LedgerError when an entry has no lines or does not balance in a currency, when two entries have one id, or
    when a line belongs to none: a rule that gives such entries is wrong.
    """
    ids: Any = entries["id"].combine_chunks()
    if len(pc.unique(ids)) != len(ids):
        counted: Any = pc.value_counts(ids)
        twice = next(one["values"] for one in counted.to_pylist() if one["counts"] > 1)
        raise LedgerError(f"Two journal entries have the id {twice}.")
    lines = lines.select(LINES.names).cast(LINES)
    owners: Any = _compute.index_in(lines["entry_id"], value_set=ids).combine_chunks()
    if owners.null_count:
        stray = lines["entry_id"].filter(pc.is_null(owners))[0].as_py()
        raise LedgerError(f"There is no journal entry {stray} for its lines.")
    lines, owners = _in_order(lines, owners)
    counts = np.bincount(owners.to_numpy(), minlength=len(ids))
    if not counts.all():
        empty = ids[int(np.flatnonzero(counts == 0)[0])].as_py()
        raise LedgerError(f"The journal entry {empty} has no lines.")
    _refuse_unbalanced(lines)
    whole = entries.append_column("line_count", pa.array(counts, pa.int32())).append_column(
        "content", _contents(entries, lines, counts.tolist())
    )
    return Journal(whole.select(ENTRIES.names).cast(ENTRIES), lines)


def _in_order(lines: pa.Table, owners: Any) -> tuple[pa.Table, Any]:
    """The lines in the order of their entries and of their places; as they are where they stand so already."""
    place = pa.table([owners, lines["line"].combine_chunks()], names=["owner", "line"])
    order = pc.sort_indices(place, [("owner", "ascending"), ("line", "ascending")])
    if (np.diff(order.to_numpy().astype(np.int64)) == 1).all():
        return lines, owners
    return lines.take(order), owners.take(order)


def unbalanced(lines: pa.Table) -> pa.Table:
    """The entries whose debits and credits differ in a currency: `entry_id`, `currency`, `debit`, `credit`."""
    zero = pa.scalar(0, LINES.field("debit").type)
    sides = lines.select(["entry_id", "currency"])
    for side in ("debit", "credit"):
        sides = sides.append_column(side, _compute.fill_null(lines[side], zero))
    sums = (
        sides.group_by(["entry_id", "currency"], use_threads=False)
        .aggregate([("debit", "sum"), ("credit", "sum")])
        .rename_columns(["entry_id", "currency", "debit", "credit"])
    )
    return sums.filter(pc.not_equal(sums["debit"], sums["credit"]))


def _refuse_unbalanced(lines: pa.Table) -> None:
    wrong = unbalanced(lines)
    if wrong.num_rows:
        row = wrong.slice(0, 1).to_pylist()[0]
        debit, credit = (format_money(row[side], row["currency"]) for side in ("debit", "credit"))
        raise LedgerError(
            f"The journal entry {row['entry_id']} does not balance: debits are {debit}, credits {credit}."
        )


def _contents(entries: pa.Table, lines: pa.Table, counts: list[int]) -> pa.Array[Any]:
    """SHA-256 of each entry's kind, document date and lines."""
    columns = [pc.cast(lines[name], pa.string()) for name in LINES.names if name not in _WITHOUT_EFFECT]
    texts = _compute.binary_join_element_wise(
        *columns, _BETWEEN_COLUMNS, null_handling="replace", null_replacement=""
    ).to_pylist()
    heads = _compute.binary_join_element_wise(
        entries["source_type"], pc.cast(entries["document_date"], pa.string()), _BETWEEN_COLUMNS
    ).to_pylist()
    contents, begin = [], 0
    for head, count in zip(heads, counts, strict=True):
        text = _BETWEEN_LINES.join([head, *texts[begin : begin + count]])
        contents.append(hashlib.sha256(text.encode()).hexdigest())
        begin += count
    return pa.array(contents, pa.string())
