"""The chart of accounts."""

from __future__ import annotations

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_out
from ledger_pipelines.tables.general_ledger import ACCOUNTS

_READ = sql.SQL("SELECT {} FROM accounts ORDER BY number").format(
    sql.SQL(", ").join(map(sql.Identifier, ACCOUNTS.schema.names))
)


def read_accounts(connection: psycopg.Connection) -> pa.Table:
    """Every account, with its role, by its number."""
    return copy_out(connection, _READ, ACCOUNTS.schema)
