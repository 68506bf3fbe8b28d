"""What closed months know of tickets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_out, select_list


def read_known_tickets(connection: psycopg.Connection, closed: Sequence[date], schema: pa.Schema) -> pa.Table:
    """Each ticket of these closed months once, as the last of them has it.

    `schema` names columns of `tickets`, and billed_hours (what these months billed of the ticket, null where none
    did) and is_billed (whether the last one's statement had it).
    """
    if not closed:
        return schema.empty_table()
    query = sql.SQL(
        """SELECT {columns} FROM (
               SELECT DISTINCT ON (t.account_number, t.ticket_number) t.*, b.billed_hours,
                      h.hours IS NOT NULL AS is_billed
               FROM tickets t
               LEFT JOIN (SELECT account_number, ticket_number, sum(hours)::numeric(28, 18) AS billed_hours
                          FROM ticket_hours WHERE month IN ({months}) GROUP BY 1, 2) b
                    USING (account_number, ticket_number)
               LEFT JOIN ticket_hours h USING (month, account_number, ticket_number)
               WHERE t.month IN ({months}) ORDER BY t.account_number, t.ticket_number, t.month DESC) AS known"""
    ).format(columns=select_list(schema), months=sql.SQL(", ").join(map(sql.Literal, closed)))
    return copy_out(connection, query, schema)


def read_billed_by_codex(
    connection: psycopg.Connection, closed: Sequence[date], since: datetime, schema: pa.Schema
) -> pa.Table:
    """The tickets, no time entries, that these closed months billed and that were updated since then: each once, as
    the last of them has it. `schema` names columns of `tickets`.
    """
    if not closed:
        return schema.empty_table()
    query = sql.SQL(
        """SELECT {columns} FROM (
               SELECT DISTINCT ON (t.account_number, t.ticket_number) t.*
               FROM tickets t JOIN ticket_hours h USING (month, account_number, ticket_number)
               WHERE t.month IN ({months}) AND h.hours > 0 AND t.last_updated_at >= {since}
                     AND NOT EXISTS (SELECT FROM time_entries e WHERE e.month IN ({months})
                                     AND e.ticket_number || '/' || e.id = t.ticket_number)
               ORDER BY t.account_number, t.ticket_number, t.month DESC) AS billed
           ORDER BY account_number, ticket_number"""
    ).format(
        columns=select_list(schema),
        months=sql.SQL(", ").join(map(sql.Literal, closed)),
        since=sql.Literal(since),
    )
    return copy_out(connection, query, schema)


def read_gone_numbers(connection: psycopg.Connection) -> set[str]:
    """The numbers of tickets that closed months billed and that their source does not have any more."""
    return {number for (number,) in connection.execute("SELECT ticket_number FROM tickets WHERE is_gone")}
