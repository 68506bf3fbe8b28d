"""What the journal comes to, added up by the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_out, schema_of
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import BIGINT, DATE, TEXT

_BY_TYPE = schema_of(
    {
        "month": DATE,
        "source_type": TEXT,
        "status": TEXT,
        "currency": TEXT,
        "entries": BIGINT,
        "debit": LEDGER_AMOUNT,
        "credit": LEDGER_AMOUNT,
    }
)
_UNKNOWN = schema_of(
    {"month": DATE, "account": TEXT, "currency": TEXT, "lines": BIGINT, "balance": LEDGER_AMOUNT}
)


def totals_by_type(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """Debits and credits of the months by kind of document, status and currency, and of how many entries."""
    query = sql.SQL(
        """SELECT e.month, e.source_type, e.status, l.currency, count(DISTINCT e.id), coalesce(sum(l.debit), 0),
                  coalesce(sum(l.credit), 0)
           FROM journal_entries e JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id
           WHERE e.month = ANY({0}) AND l.month = ANY({0}) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
    ).format(sql.Literal(list(months)))
    return copy_out(connection, query, _BY_TYPE)


def first_rows(
    connection: psycopg.Connection, table: str, month: date, columns: Sequence[str], count: int = 20
) -> pa.Table:
    """The first rows of a month of the journal, in the order of their key: with these columns."""
    key = sql.SQL(", ").join(map(sql.Identifier, TABLES[table].key))
    query = sql.SQL("SELECT {} FROM {} WHERE month = {} ORDER BY {} LIMIT {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(table),
        sql.Literal(month),
        key,
        sql.Literal(count),
    )
    return copy_out(connection, query, TABLES[table].part(columns))


def lines_of_unknown_accounts(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """What stands on accounts that the chart of accounts lacks, by month, account and currency."""
    query = sql.SQL(
        """SELECT month, account, currency, count(*), coalesce(sum(debit), 0) - coalesce(sum(credit), 0)
           FROM journal_lines l WHERE month = ANY({})
             AND NOT EXISTS (SELECT FROM accounts a WHERE a.number = l.account)
           GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    ).format(sql.Literal(list(months)))
    return copy_out(connection, query, _UNKNOWN)
