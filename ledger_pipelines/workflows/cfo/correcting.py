"""What correcting the handed-over transactions would change, by the mappings that there are or would be.

The same rule as the correction's (`sync.correct_months`): where a mapping says another entity than was handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ledger_pipelines.cfo.frames import ENTITY_MAPPINGS
from ledger_pipelines.cfo.mappings import entity_of
from ledger_pipelines.store.cfo.mappings import ENTITIES, Row, list_mappings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.cfo_pages import HandedGroup, handed_groups


@dataclass(frozen=True, slots=True)
class Correction:
    """Handed-over invoices whose transactions would get another entity; those of closed months stay as they are."""

    group: HandedGroup
    entity: str


def preview_corrections(database: Database, mappings: Sequence[Row] | None = None) -> list[Correction]:
    """The corrections that these mappings call for, or those that there are."""
    rows = list_mappings(database, ENTITIES) if mappings is None else mappings
    with database.connect() as connection:
        groups = handed_groups(connection)
    table = pa.Table.from_pylist([dict(row) for row in rows], ENTITY_MAPPINGS)
    clients = pa.array([one.client_name for one in groups], pa.string())
    entities = entity_of(clients, table).to_pylist()
    return [
        Correction(group, entity)
        for group, entity in zip(groups, entities, strict=True)
        if entity not in (None, group.entity)
    ]
