"""What correcting the handed-over transactions would change, by the mappings that there are or would be.

The same rule as the correction's (`sync.correct_months`): where a mapping says another entity than was handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa

from ledger_pipelines.cfo.frames import ENTITY_MAPPINGS
from ledger_pipelines.cfo.mappings import entity_of
from ledger_pipelines.store.cfo.mappings import ENTITIES, Row, list_mappings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.cfo_pages import SyncedGroup, synced_groups


@dataclass(frozen=True, slots=True)
class Correction:
    """Handed-over invoices of a month whose transactions would get another entity; those of a closed month stay."""

    month: date
    is_closed: bool
    before: str | None
    entity: str
    currency: str
    clients: list[str]
    invoices: int
    amount: Decimal


def preview_corrections(database: Database, mappings: Sequence[Row] | None = None) -> list[Correction]:
    """The corrections that these mappings call for, or those that there are; by month, entities and currency."""
    rows = list_mappings(database, ENTITIES) if mappings is None else mappings
    with database.connect() as connection:
        groups = synced_groups(connection)
    table = pa.Table.from_pylist([dict(row) for row in rows], ENTITY_MAPPINGS)
    clients = pa.array([one.client_name for one in groups], pa.string())
    entities = entity_of(clients, table).to_pylist()
    changed: dict[tuple[date, str, str, str], list[SyncedGroup]] = {}
    for group, entity in zip(groups, entities, strict=True):
        if entity not in (None, group.entity):
            key = (group.month, group.entity or "", str(entity), group.currency)
            changed.setdefault(key, []).append(group)
    return [
        Correction(
            month,
            of[0].is_closed,
            before or None,
            entity,
            currency,
            [one.client_name for one in of],
            sum(one.invoices for one in of),
            sum((one.amount for one in of), Decimal(0)),
        )
        for (month, before, entity, currency), of in sorted(changed.items())
    ]
