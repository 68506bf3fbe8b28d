"""Which of the rows that people edit applies: the entity by the client, the subcategory by a keyword."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ledger_pipelines.cfo.frames import ENTITY_MAPPINGS, REVENUE_CATEGORIES
from ledger_pipelines.frames import Series, fitted, mapped, to_pandas, values_of


def ordered_mappings(mappings: pa.Table) -> pa.Table:
    """Entity mappings (ENTITY_MAPPINGS) in the order in which they are tried. Raises FrameError when they are none."""
    return fitted("table of entity mappings", mappings, ENTITY_MAPPINGS).sort_by("position")


def ordered_categories(categories: pa.Table) -> pa.Table:
    """Revenue categories (REVENUE_CATEGORIES) in the order in which they are tried. Raises FrameError likewise."""
    return fitted("table of revenue categories", categories, REVENUE_CATEGORIES).sort_by("position")


def entity_of(clients: pa.Array[Any], mappings: pa.Table) -> pa.Array[Any]:
    """The entity of each client by the mappings (ENTITY_MAPPINGS); null where none matches, and for nobody.

    The first mapping by position wins; names are compared without case and surrounding space. One without a name
    (or with a blank one) matches any client that no mapping before it does. Raises FrameError when the mappings
    are not as their schema says.
    """
    names = to_pandas(pa.table({"client_name": clients}))["client_name"]
    (entities,) = mapped_clients(names, ordered_mappings(mappings), "entity")
    return values_of(entities).combine_chunks()


def mapped_clients(clients: Series, ordered: pa.Table, *names: str) -> list[Series]:
    """What the ordered mappings say of each client, a column for each of these names."""
    keys = [folded(name) for name in ordered["client_name"].to_pylist()]
    anybodys = keys.index(None) if None in keys else None
    # The first of equals stands last here, and so remains; what comes after the one for anybody is never tried.
    places: dict[str | None, int | None] = {
        key: place for place, key in reversed([*enumerate(keys[:anybodys])])
    }
    places[None] = None
    found = mapped(clients, lambda client: places.get(folded(client), anybodys), pa.int64())
    return [mapped(found, dict(enumerate(ordered[name].to_pylist())).get, pa.string()) for name in names]


def subcategory_of(periods: Series, descriptions: Series, ordered: pa.Table) -> Series:
    """The subcategory of each invoice by the ordered categories; missing where none applies.

    The first by position whose keyword is part of the billing period or the description, ignoring case; else the
    first without a keyword, wherever it stands.
    """
    keywords = [folded(keyword) for keyword in ordered["keyword"].to_pylist()]
    subcategories = ordered["subcategory"].to_pylist()
    default = subcategories[keywords.index(None)] if None in keywords else None

    def place_of(text: str | None) -> int:
        words = folded(text) or ""
        return next((place for place, one in enumerate(keywords) if one and one in words), len(keywords))

    by_period, by_description = (mapped(texts, place_of, pa.int64()) for texts in (periods, descriptions))
    first = by_period.where(by_period < by_description, by_description)
    return mapped(first, [*subcategories, default].__getitem__, pa.string())


def folded(text: str | None) -> str | None:
    """A text without surrounding space and in one case; a blank one is none."""
    return (text or "").strip().casefold() or None
