"""The key of an imported entry: year, journal and the transaction's id (rules/general_ledger.md, SAF-T, Key)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError

SAFT = "saft"
#: What parts a key, and so stands in none of its parts.
_SEPARATORS = {"%": "%25", "/": "%2F", "#": "%23"}
_compute: Any = pc


def source_ids(entries: pa.Table) -> Any:
    """`2015/A/4567`, for numbers start anew in each journal and year; from `year`, `journal` and `transaction`."""
    journal, transaction = (_escaped(entries[part]) for part in ("journal", "transaction"))
    years = _compute.cast(entries["year"], pa.string())
    return _compute.binary_join_element_wise(years, journal, transaction, "/")


def numbers(entries: pa.Table) -> Any:
    """The number that an imported entry keeps: `A-4567`."""
    return _compute.binary_join_element_wise(entries["journal"], entries["transaction"], "-")


def distinct(values: Any) -> list[Any]:
    """The values of a column, each once and in order, missing ones left out."""
    return sorted(value for value in pc.unique(values).to_pylist() if value is not None)


def repeated(ids: Any) -> pa.Array[Any]:
    """The source ids that stand more than once among these."""
    counted = pc.value_counts(ids)
    more: Any = counted.filter(_compute.greater(counted.field("counts"), 1))
    found: pa.Array[Any] = more.field("values")
    return found


def revisions(ids: Any) -> pa.Array[Any]:
    """Numbers the entries that share a key, in the file's order: 0, then 2 for the second, 3 and so on."""
    found = np.zeros(len(ids), np.int32)
    places = _compute.indices_nonzero(_compute.is_in(ids, value_set=repeated(ids)))
    seen: Counter[str] = Counter()
    for place, source_id in zip(places.to_pylist(), ids.take(places).to_pylist(), strict=True):
        seen[source_id] += 1
        found[place] = seen[source_id] if seen[source_id] > 1 else 0
    return pa.array(found, pa.int32())


def refuse_alike(contents: Mapping[str, Sequence[str]]) -> None:
    """Raises LedgerError where an entry stands twice with one content; `contents` are those of each repeated id."""
    for source_id, found in contents.items():
        if len(set(found)) < len(found):
            raise LedgerError(
                f"The entry {source_id} (year, journal, transaction) stands twice in the file, alike: export it again "
                "with each entry once."
            )


def _escaped(texts: Any) -> Any:
    for separator, escaped in _SEPARATORS.items():
        texts = _compute.replace_substring(texts, separator, escaped)
    return texts
