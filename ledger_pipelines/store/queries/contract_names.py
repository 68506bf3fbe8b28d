"""Contracts by the names that people know them by: the client's and the service's."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa

from ledger_pipelines.frames import matching_rows
from ledger_pipelines.store.snapshots import read_newest_snapshot

#: The columns that name who and what: their ids here, their names, the snapshots with them, and their names there. They
#: are put before the rows' others, the last one first.
_NAMES = (
    ("service_id", "service", "services", "name"),
    ("contact_id", "email", "holded_contacts", "email"),
    ("contact_id", "client", "holded_contacts", "name"),
)


def named_contracts(connection: psycopg.Connection, rows: pa.Table) -> pa.Table:
    """The rows with `client`, `email` and `service`, as their ids were named last; null where that is unknown."""
    for identity, name, table, there in _NAMES:
        if identity not in rows.column_names:
            continue
        known = read_newest_snapshot(connection, table)
        names: Any = pa.nulls(rows.num_rows, pa.string())
        if known is not None:
            names = matching_rows(rows, known.select(["id", there]), {identity: "id"})[there]
        rows = rows.add_column(1 if rows.column_names[0] == "month" else 0, name, names)
    return rows
