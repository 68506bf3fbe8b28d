"""Contracts by the names that people know them by: the client's and the service's."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa

from ledger_pipelines.columns import column, positions, take
from ledger_pipelines.store.snapshots import read_newest_snapshot

#: The columns that name who and what, their snapshots, and the snapshots' ids; in the order in which they are put.
_NAMES = (("service_id", "service", "services", "id"), ("contact_id", "client", "holded_contacts", "id"))


def named_contracts(connection: psycopg.Connection, rows: pa.Table) -> pa.Table:
    """The rows with `client` and `service`, the newest names of their contact_id and service_id; null where unknown."""
    if rows.num_rows == 0:
        return rows
    for identity, name, table, key in _NAMES:
        if identity not in rows.column_names:
            continue
        known = read_newest_snapshot(connection, table)
        names: Any = pa.nulls(rows.num_rows, pa.string())
        if known is not None:
            names = take(column(known, "name"), positions(column(rows, identity), column(known, key)))
        rows = rows.add_column(1 if rows.column_names[0] == "month" else 0, name, names)
    return rows
