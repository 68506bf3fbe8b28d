"""What the billing step reads, and the totals that people look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.money import CHARGE
from ledger_pipelines.store.frames import copy_out, select_list, table_schema

_TOTAL_FIELDS: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("kind", pa.string()),
    pa.field("currency", pa.string()),
    pa.field("amount", CHARGE),
]
_TOTALS = pa.schema(_TOTAL_FIELDS)


@contextmanager
def one_view(connection: psycopg.Connection) -> Iterator[None]:
    """All reads in the body see the database as it was at the first of them, so that they fit together."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def read_booked_hours(
    connection: psycopg.Connection, closed: Sequence[date], so_far: Sequence[date]
) -> pa.Table:
    """What statements of these closed months billed of tickets: month, account_number, ticket_number, hours.

    Only what can matter beside the tickets of the months `so_far`: hours of those tickets, and all hours of the
    months themselves. Earlier years' other tickets are left where they are.
    """
    schema = table_schema(connection, "ticket_hours")
    wanted = pa.schema([schema.field(name) for name in ("month", "account_number", "ticket_number", "hours")])
    if not closed:
        return wanted.empty_table()
    months, recent = (sql.SQL(", ").join(map(sql.Literal, some)) for some in (closed, so_far))
    query = sql.SQL(
        "SELECT {columns} FROM ticket_hours WHERE month IN ({closed}) AND (month IN ({recent}) OR ticket_number IN "
        "(SELECT ticket_number FROM tickets WHERE month IN ({recent})))"
    ).format(columns=select_list(wanted), closed=months, recent=recent)
    return copy_out(connection, query, wanted)


def read_billed_items(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """The custom line items on the statements of these months: month, source_id."""
    fields: list[pa.Field[Any]] = [pa.field("month", pa.date32()), pa.field("source_id", pa.string())]
    if not months:
        return pa.schema(fields).empty_table()
    query = sql.SQL(
        "SELECT month, source_id FROM billing_statement_lines WHERE source_type = 'line_item' AND month IN ({})"
    ).format(sql.SQL(", ").join(map(sql.Literal, months)))
    return copy_out(connection, query, pa.schema(fields))


def totals_by_kind(connection: psycopg.Connection, first: date, last: date) -> pa.Table:
    """What the statements of these months charge: month, kind of line, currency, amount."""
    query = sql.SQL(
        "SELECT month, kind, currency, sum(amount) FROM billing_statement_lines "
        "WHERE month BETWEEN {} AND {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ).format(sql.Literal(first), sql.Literal(last))
    return copy_out(connection, query, _TOTALS)
