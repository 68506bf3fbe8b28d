"""What is known of one party: its name, whose ledger it is in, and what changed its balance."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row


def read_party(connection: psycopg.Connection, party: str) -> tuple[str, str] | None:
    """Whose ledger the party is in (`customer` or `supplier`) and its name; None where there is none."""
    row = connection.execute("SELECT coalesce(name, id) FROM parties WHERE id = %s", [party]).fetchone()
    ledger = party.partition(":")[0]
    return None if row is None or ledger not in ("customer", "supplier") else (ledger, row[0])


def read_party_changes(
    connection: psycopg.Connection, table: str, party: str, until: date
) -> list[dict[str, Any]]:
    """The changes of a party's items up to a day in order, each with the balance in its currency after it."""
    query = sql.SQL(
        """SELECT t.date, t.type, coalesce(l.invoice_number, t.voucher) AS document, t.settlement_voucher, t.amount,
                  t.currency, t.matched_by, t.item, t.settlement,
                  sum(t.amount) OVER (PARTITION BY t.currency ORDER BY t.date, t.month, t.item, t.number) AS balance
           FROM {} t LEFT JOIN {} l ON l.month = t.month AND l.item = t.item
           WHERE t.party = %s AND t.date <= %s ORDER BY t.date, t.month, t.item, t.number"""
    ).format(sql.Identifier(f"{table}_transactions"), sql.Identifier(table))
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [party, until]).fetchall()
