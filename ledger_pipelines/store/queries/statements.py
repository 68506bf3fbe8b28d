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
from ledger_pipelines.store.copy import copy_out, select_list

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
    connection: psycopg.Connection,
    closed: Sequence[date],
    so_far: Sequence[date],
    schema: pa.Schema,
    *,
    accounts: Sequence[str] | None = None,
) -> pa.Table:
    """What statements of these closed months billed of tickets, with each ticket's id and when it was created.

    `schema` names the columns of `ticket_hours` and, of the month's `tickets`, ticket_id and created_at. Only what
    can matter beside the tickets of the months `so_far`: hours of those tickets, all hours of the months themselves,
    and hours of tickets of other months. Earlier years' other tickets are left where they are. Of all companies, or
    of these `accounts`.
    """
    if not closed or (accounts is not None and not accounts):
        return schema.empty_table()
    of_these = (
        sql.SQL("true")
        if accounts is None
        else sql.SQL("h.account_number IN ({})").format(sql.SQL(", ").join(map(sql.Literal, accounts)))
    )
    months, recent = (sql.SQL(", ").join(map(sql.Literal, some)) for some in (closed, so_far))
    query = sql.SQL(
        "SELECT {columns} FROM ticket_hours h LEFT JOIN tickets t USING (month, account_number, ticket_number) "
        "WHERE month IN ({closed}) AND (month IN ({recent}) OR ticket_month IS NOT NULL OR ticket_number IN "
        "(SELECT ticket_number FROM tickets WHERE month IN ({recent}))) AND {of_these}"
    ).format(columns=select_list(schema), closed=months, recent=recent, of_these=of_these)
    return copy_out(connection, query, schema)


def read_booked_statements(
    connection: psycopg.Connection, closed: Sequence[date], accounts: Sequence[str], schema: pa.Schema
) -> pa.Table:
    """The statements of these companies in these closed months, with the columns of `schema`."""
    if not closed or not accounts:
        return schema.empty_table()
    query = sql.SQL(
        "SELECT {} FROM billing_statements WHERE month IN ({}) AND account_number IN ({})"
    ).format(
        select_list(schema),
        sql.SQL(", ").join(map(sql.Literal, closed)),
        sql.SQL(", ").join(map(sql.Literal, accounts)),
    )
    return copy_out(connection, query, schema)


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
