"""What becomes of a document whose entry is posted already: nothing ever changes that entry (rules/general_ledger.md,
Draft and posted).

Where the document comes to something else now, an entry reverses the posted one and another takes its place, both in the
month that is asked for; where it counts no more, only the first of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.general_ledger.journal import (
    LINES,
    UNSEALED_ENTRIES,
    Journal,
    entry_id,
    no_entries,
    sealed,
)

Key = tuple[str, str]
_KEY = ("source_system", "source_id")


@dataclass(slots=True)
class Corrections:
    """What is to be written beside what is posted.

    `revisions` are those of entries that follow a posted one, by their place among the desired; `unchanged` are the
    places of those that are posted as they are; `reversals` the entries to reverse, as rows of what is posted, each with
    the month that takes it (`into`) and its revision.
    """

    revisions: dict[int, int] = field(default_factory=dict)
    unchanged: set[int] = field(default_factory=set)
    reversals: list[dict[str, Any]] = field(default_factory=list)


def corrections(
    desired: pa.Table, posted: pa.Table, gone: pa.Table, *, months: Collection[date], systems: Collection[str]
) -> Corrections:
    """What is to be written where `desired` entries (`ENTRIES`) meet posted ones.

    `posted` are all posted entries of the same documents, and of those that have any in these open months; `gone` are the
    documents that count no more (`month`, `source_system`, `source_id`). Entries of other `systems` are nobody's to
    correct: they were imported.
    """
    chains: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in posted.to_pylist():
        if row["source_system"] in systems:
            chains[row["source_system"], row["source_id"]].append(row)
    found = Corrections()
    if not chains:
        return found
    removed = {(row["source_system"], row["source_id"]): row["month"] for row in gone.to_pylist()}
    wanted: set[Key] = set()
    for place, row in enumerate(desired.select(["month", *_KEY, "content"]).to_pylist()):
        key = (row["source_system"], row["source_id"])
        if key in chains:
            wanted.add(key)
            _follow(found, place, row, chains[key])
    for key, chain in chains.items():
        if key not in wanted:
            _take_back(found, chain, removed.get(key), months)
    return found


def _follow(found: Corrections, place: int, row: dict[str, Any], chain: list[dict[str, Any]]) -> None:
    live, revision = _live(chain), _next_revision(chain)
    if live is not None and live["content"] == row["content"]:
        found.unchanged.add(place)
        return
    if live is not None:
        found.reversals.append(live | {"into": row["month"], "revision": revision})
        revision += 1
    found.revisions[place] = revision


def _take_back(
    found: Corrections, chain: list[dict[str, Any]], removed_in: date | None, months: Collection[date]
) -> None:
    """A document that nobody wants an entry of: what is posted of it is reversed.

    It is so where the document is removed. Where it is not, what these months posted of it last has no effect: neither
    its entries nor the reversals of other months' entries. What another month said of it since stays.
    """
    in_force = _in_force(chain)
    if removed_in is not None:
        wrong = [row for row in in_force if row["reverses"] is None]
    else:
        elsewhere = max((row["revision"] for row in chain if row["month"] not in months), default=-1)
        ours = {row["id"] for row in chain if row["revision"] > elsewhere}
        wrong = [row for row in in_force if row["id"] in ours and row["reverses"] not in ours]
    for revision, row in enumerate(wrong, _next_revision(chain)):
        found.reversals.append(row | {"into": removed_in or row["month"], "revision": revision})


def _in_force(chain: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of a document that have effect, the newest first: those that no other one with effect reverses."""
    taken_back: set[str] = set()
    found = []
    for row in sorted(chain, key=lambda row: -row["revision"]):
        if row["id"] not in taken_back:
            found.append(row)
            if row["reverses"] is not None:
                taken_back.add(row["reverses"])
    return found


def _live(chain: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The entry of a document that has effect and reverses none."""
    return next((row for row in _in_force(chain) if row["reverses"] is None), None)


def _next_revision(chain: Sequence[dict[str, Any]]) -> int:
    return int(max(row["revision"] for row in chain)) + 1


def reversals(wanted: Sequence[dict[str, Any]], lines: pa.Table) -> Journal:
    """The entries that reverse these (`Corrections.reversals`), with the sides of their lines exchanged.

    `lines` are those of the entries that are reversed. A reversal counts on the first day of its month.
    """
    entries = []
    for row in wanted:
        revision = row["revision"]
        entries.append(
            {
                "month": row["into"],
                "id": entry_id(row["source_system"], row["source_id"], revision),
                "posting_date": row["into"],
                "document_date": row["into"],
                "source_type": row["source_type"],
                "source_system": row["source_system"],
                "source_id": row["source_id"],
                "revision": revision,
                "status": "draft",
                "reverses": row["id"],
                "description": f"Reversal of {row['id']}",
            }
        )
    made = pa.Table.from_pylist(entries, UNSEALED_ENTRIES)
    return sealed(made, _exchanged(made, lines)) if entries else no_entries()


def _exchanged(entries: pa.Table, lines: pa.Table) -> pa.Table:
    """The lines of the reversed entries, on the other side, as lines of the entries that reverse them."""
    owners: Any = pc.index_in(lines["entry_id"], value_set=entries["reverses"].combine_chunks())
    columns = {name: lines[name] for name in LINES.names}
    columns |= {"debit": lines["credit"], "credit": lines["debit"]}
    columns |= {"month": entries["month"].take(owners), "entry_id": entries["id"].take(owners)}
    return pa.Table.from_arrays([columns[name] for name in LINES.names], schema=LINES)


def with_revisions(desired: Journal, found: Corrections) -> Journal:
    """The desired entries that are not posted as they are, each with its revision."""
    if not found.revisions and not found.unchanged:
        return desired
    rows = desired.entries.to_pylist()
    ids, revisions = [], []
    for place, row in enumerate(rows):
        revision = found.revisions.get(place, 0)
        revisions.append(revision)
        ids.append(entry_id(row["source_system"], row["source_id"], revision))
    owners: Any = pc.index_in(desired.lines["entry_id"], value_set=desired.entries["id"].combine_chunks())
    keeps = pa.array([place not in found.unchanged for place in range(len(rows))], pa.bool_())
    named = pa.array(ids, pa.string())
    entries = _with_column(
        _with_column(desired.entries, "id", named), "revision", pa.array(revisions, pa.int32())
    )
    lines = _with_column(desired.lines, "entry_id", named.take(owners))
    return Journal(entries.filter(keeps), lines.filter(keeps.take(owners)))


def _with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values)
