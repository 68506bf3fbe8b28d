"""What documents are made of: a month's statements with their lines, and parties' open items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_out, schema_of, select_list, table_schema
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import DATE, TEXT

#: An open item of a party on a day.
PARTY_ITEMS = schema_of(
    {
        **dict.fromkeys(("party", "name", "currency", "kind", "voucher", "invoice_number"), TEXT),
        "invoice_date": DATE,
        "due_date": DATE,
        "amount": LEDGER_AMOUNT,
        "remaining": LEDGER_AMOUNT,
    }
)


@contextmanager
def reading_long(connection: psycopg.Connection) -> Iterator[None]:
    """One view of the database for as long as somebody takes to download it, but not for ever where nobody does."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '15min'")
        yield


def statement_accounts(connection: psycopg.Connection, month: date) -> list[str]:
    """The companies that have a statement of the month, in an order that is the same on every server."""
    rows = connection.execute(
        'SELECT account_number FROM billing_statements WHERE month = %s ORDER BY account_number COLLATE "C"',
        [month],
    ).fetchall()
    return [account for (account,) in rows]


def latest_month(connection: psycopg.Connection) -> date | None:
    """The latest month that has statements."""
    row = connection.execute("SELECT max(month) FROM billing_statements").fetchone()
    return None if row is None else row[0]


def read_statements_of(
    connection: psycopg.Connection, month: date, accounts: Sequence[str]
) -> tuple[pa.Table, pa.Table]:
    """The statements of these companies for a month, and their lines."""
    statements, lines = (
        _of_accounts(connection, table, month, accounts)
        for table in ("billing_statements", "billing_statement_lines")
    )
    return statements, lines


def _of_accounts(
    connection: psycopg.Connection, table: str, month: date, accounts: Sequence[str]
) -> pa.Table:
    schema = table_schema(connection, table)
    query = sql.SQL("SELECT {} FROM {} WHERE month = {} AND account_number = ANY ({}::text[])").format(
        select_list(schema), sql.Identifier(table), sql.Literal(month), sql.Literal(list(accounts))
    )
    return copy_out(connection, query, schema)


def overdue_parties(connection: psycopg.Connection, day: date) -> list[str]:
    """The customers that have an item overdue at the end of a day, in an order that is the same on every server."""
    query = sql.SQL(
        'SELECT DISTINCT party COLLATE "C" FROM ({}) i WHERE due_date < {} AND remaining > 0 ORDER BY 1'
    ).format(_items_on(day), sql.Literal(day))
    return [party for (party,) in connection.execute(query).fetchall()]


def read_party_items(connection: psycopg.Connection, day: date, parties: Sequence[str]) -> pa.Table:
    """What is open of these customers at the end of a day (`PARTY_ITEMS`), by party, currency and date."""
    query = sql.SQL(
        "SELECT {} FROM ({}) i WHERE party = ANY ({}::text[]) "
        'ORDER BY party COLLATE "C", currency, invoice_date, due_date, item'
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, PARTY_ITEMS.names)),
        _items_on(day),
        sql.Literal(list(parties)),
    )
    return copy_out(connection, query, PARTY_ITEMS)


def _items_on(day: date) -> sql.Composable:
    """What its month's end has of the customers' ledger, without the changes after the day."""
    return sql.SQL(
        """WITH later AS (
               SELECT item, sum(amount) AS amount FROM customer_ledger_transactions
               WHERE month = date_trunc('month', {day}::date)::date AND date > {day} GROUP BY item
           )
           SELECT l.party, coalesce(p.name, l.party) AS name, l.currency, l.kind, l.voucher, l.invoice_number,
                  l.invoice_date, l.due_date, l.amount, l.remaining_amount - coalesce(c.amount, 0) AS remaining, l.item
           FROM customer_ledger l LEFT JOIN later c USING (item) LEFT JOIN parties p ON p.id = l.party
           WHERE l.month = date_trunc('month', {day}::date)::date AND l.remaining_amount <> coalesce(c.amount, 0)"""
    ).format(day=sql.Literal(day))
