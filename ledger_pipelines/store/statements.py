"""What the billing step reads, and the totals that people look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.money import AMOUNT
from ledger_pipelines.store.frames import copy_out, read_months, read_table

_TOTAL_FIELDS: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("kind", pa.string()),
    pa.field("currency", pa.string()),
    pa.field("amount", AMOUNT),
]
_TOTALS = pa.schema(_TOTAL_FIELDS)


def read_tables(
    connection: psycopg.Connection,
    month_tables: Mapping[str, tuple[Sequence[date], Sequence[str]]],
    plain_tables: Sequence[str],
) -> dict[str, pa.Table]:
    """Month tables by name, each with the months and columns asked for, and plain tables whole.

    All are read from one snapshot of the database, so that they fit together.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        frames = {
            table: read_months(connection, table, months, columns)
            for table, (months, columns) in month_tables.items()
        }
        return frames | {table: read_table(connection, table) for table in plain_tables}


def totals_by_kind(connection: psycopg.Connection, first: date, last: date) -> pa.Table:
    """What the statements of these months charge: month, kind of line, currency, amount."""
    query = sql.SQL(
        "SELECT month, kind, currency, sum(amount) FROM billing_statement_lines "
        "WHERE month BETWEEN {} AND {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ).format(sql.Literal(first), sql.Literal(last))
    return copy_out(connection, query, _TOTALS)
