"""Entries of Codex's bulk answer as columns: companies with their parts, hundreds at a time (wire/codex.md).

An entry with anything in it that is not plainly well-formed is given back whole, to be read record by record. Here:
which those are, and the columns of the others. Not here: how one is read record by record (`companies`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.sources.codex.models import ENTITIES
from ledger_pipelines.sources.records.columnar import ColumnReader, Mask, NotPlainError, read_objects

_COMPANY = "company"
#: Into how many lots entries are divided that cannot be read together.
_LOTS = 8


@dataclass(frozen=True, slots=True)
class PlainEntries:
    """The companies of plain entries, and the frames of the entities that are wanted."""

    accounts: list[str]
    frames: Mapping[str, pa.RecordBatch]


class EntryReader:
    """Reads entries for these entities."""

    def __init__(self, entities: frozenset[str]) -> None:
        self._entities = entities
        self._companies = ColumnReader(ENTITIES["companies"])
        self._parts = {name: ColumnReader(ENTITIES[name]) for name in sorted(entities - {"companies"})}
        self._schema = pa.schema(
            {
                _COMPANY: self._companies.read_as,
                **{name: pa.list_(reader.read_as) for name, reader in self._parts.items()},
            }
        )
        self._exact = [name for reader in self._parts.values() for name in reader.exact_numbers]

    def read(self, items: Sequence[bytes]) -> Iterator[tuple[PlainEntries, list[bytes]]]:
        """The entries as columns, and those that are not plain.

        Where one of another form spoils the others' reading, they are read in smaller lots, and the last few with it are
        not plain: that costs little also where all of them are so.
        """
        try:
            yield self._read_together(items)
        except (NotPlainError, pa.ArrowInvalid):
            if len(items) <= _LOTS:
                yield PlainEntries([], {}), list(items)
                return
            size = -(-len(items) // _LOTS)
            for start in range(0, len(items), size):
                yield from self.read(items[start : start + size])

    def _read_together(self, items: Sequence[bytes]) -> tuple[PlainEntries, list[bytes]]:
        """Raises NotPlainError or ArrowInvalid where one of them cannot be read as columns at all."""
        table = read_objects(items, self._schema, self._exact)
        companies, plain = self._companies.columns(table[_COMPANY].combine_chunks())
        accounts = companies["account_number"]
        parts: dict[str, tuple[pa.RecordBatch, Mask]] = {}
        for name, reader in self._parts.items():
            lists = table[name].combine_chunks()
            owners = pc.list_parent_indices(lists)
            batch, is_plain = reader.columns(pc.list_flatten(lists), accounts.take(owners))
            plain &= lists.is_valid().to_numpy(zero_copy_only=False)
            entry_of = owners.to_numpy()
            plain[entry_of[~is_plain]] = False
            parts[name] = batch, entry_of
        frames: dict[str, pa.RecordBatch] = {"companies": _rows(companies, plain)}
        frames |= {name: _rows(batch, plain[entry_of]) for name, (batch, entry_of) in parts.items()}
        wanted = {name: frame for name, frame in frames.items() if name in self._entities}
        others = [item for item, is_plain in zip(items, plain, strict=True) if not is_plain]
        known: list[Any] = frames["companies"]["account_number"].to_pylist()
        return PlainEntries(known, wanted), others


@cache
def entry_reader(entities: frozenset[str]) -> EntryReader:
    """The reader for these entities, which holds nothing of what it has read."""
    return EntryReader(entities)


def _rows(batch: pa.RecordBatch, chosen: Any) -> pa.RecordBatch:
    return batch if chosen.all() else batch.filter(pa.array(chosen))
