"""Which of the rows that people edit applies: the entity by the client, the subcategory by a keyword."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.frames import ENTITY_MAPPINGS, REVENUE_CATEGORIES
from ledger_pipelines.columns import Column, Int64s, array, column, fitted, mask, positions, present, take


def in_order(name: str, frame: pa.Table, schema: pa.Schema) -> pa.Table:
    """Mappings or categories by position. Raises FrameError when they are not as the schema says."""
    return fitted(f"table of {name}", frame, schema).sort_by("position")


def ordered_mappings(mappings: pa.Table) -> pa.Table:
    """Entity mappings (ENTITY_MAPPINGS) in the order in which they are tried."""
    return in_order("entity mappings", mappings, ENTITY_MAPPINGS)


def ordered_categories(categories: pa.Table) -> pa.Table:
    """Revenue categories (REVENUE_CATEGORIES) in the order in which they are tried."""
    return in_order("revenue categories", categories, REVENUE_CATEGORIES)


def entity_of(clients: Column, mappings: pa.Table) -> Column:
    """The entity of each client by the mappings (ENTITY_MAPPINGS); null where none matches, and for nobody.

    The first mapping by position wins; names are compared without case and surrounding space. One without a name
    (or with a blank one) matches any client that no mapping before it does. Raises FrameError when the mappings
    are not as their schema says.
    """
    ordered = ordered_mappings(mappings)
    return take(column(ordered, "entity"), mapping_rows(clients, ordered))


def mapping_rows(clients: Column, ordered: pa.Table) -> Int64s:
    """The row among the ordered mappings that applies to each client; -1 where none does, and for nobody."""
    names, keys = folded(clients), folded(column(ordered, "client_name"))
    rows = positions(names, keys)
    anybody = np.flatnonzero(~present(keys))
    if anybody.size:
        rows = np.where((rows < 0) | (rows > anybody[0]), anybody[0], rows)
    return np.where(present(names), rows, -1)


def category_rows(periods: Column, descriptions: Column, ordered: pa.Table) -> Int64s:
    """The row among the ordered categories that applies to each invoice; -1 where none does.

    The first by position whose keyword is part of the billing period or the description, ignoring case; else the
    first without a keyword, wherever it stands.
    """
    texts = [folded(periods), folded(descriptions)]
    keywords = folded(column(ordered, "keyword")).to_pylist()
    rows = np.full(len(periods), keywords.index(None) if None in keywords else -1, dtype=np.int64)
    for row, keyword in reversed(list(enumerate(keywords))):
        if keyword is not None:
            for text in texts:
                rows[mask(pc.match_substring(text, keyword))] = row
    return rows


def folded(values: Column) -> Column:
    """Texts without surrounding space and in one case; a blank one is null. Each distinct one is folded once."""
    encoded: Any = values.dictionary_encode()
    texts = [text.strip().casefold() or None for text in encoded.dictionary.to_pylist()]
    return array(texts, pa.string()).take(encoded.indices)
