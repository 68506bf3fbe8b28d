"""What the posting reads beside whole months of tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row

from ledger_pipelines.money import AMOUNT
from ledger_pipelines.store.copy import copy_out, schema_of
from ledger_pipelines.tables.table import DATE, TEXT

_DEFERRED = schema_of({"month": DATE, "document_id": TEXT, "amount": AMOUNT})
_ROWS = schema_of({"month": DATE, "id": TEXT})
_IDS = schema_of({"id": TEXT})
_CODES = schema_of({"id": TEXT, "name": TEXT, "code": TEXT})


def read_deferred(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """What of each document of these months belongs to contracts, by the month in which it stands: `month`,
    `document_id`, `amount` (negative of a credit note).
    """
    query = sql.SQL(
        """SELECT i.month, i.id, sum(c.amount) FROM invoices i
           JOIN contracts c ON c.document_id = i.id AND c.month <= i.month
           WHERE i.month = ANY({}::date[]) GROUP BY i.month, i.id"""
    ).format(sql.Literal(list(months)))
    return copy_out(connection, query, _DEFERRED)


def read_superseded(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """The rows of documents and payments in these months of which a later month has another: `month`, `id`.

    What is known of a document is its latest month's row.
    """
    query = sql.SQL(
        """SELECT month, id FROM invoices i
           WHERE month = ANY({0}) AND EXISTS (SELECT FROM invoices later WHERE later.id = i.id AND later.month > i.month)
           UNION ALL
           SELECT month, id FROM invoice_payments p WHERE month = ANY({0})
             AND EXISTS (SELECT FROM invoice_payments later WHERE later.id = p.id AND later.month > p.month)"""
    ).format(sql.Literal(list(months)))
    return copy_out(connection, query, _ROWS)


def read_uncounted(connection: psycopg.Connection) -> pa.Table:
    """The documents that count for nothing, as they are known last: `id`."""
    query = sql.SQL(
        """SELECT id FROM (SELECT DISTINCT ON (id) id, is_draft OR is_cancelled OR is_removed AS is_nothing FROM invoices
                           ORDER BY id, month DESC) newest WHERE is_nothing"""
    )
    return copy_out(connection, query, _IDS)


def read_contact_codes(connection: psycopg.Connection) -> pa.Table:
    """Every contact of Holded that was ever read, as it was read last: `id`, `name`, `code`."""
    query = sql.SQL("SELECT DISTINCT ON (id) id, name, code FROM holded_contacts ORDER BY id, month DESC")
    return copy_out(connection, query, _CODES)


def read_crypto_invoices(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """The crypto invoices, each with its confirmed payments that count, in the order of their confirmations."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT i.invoice_number, i.client_id, c.name AS client_name,
                      (i.created_at AT TIME ZONE 'UTC')::date AS issued_on, i.due_date, i.amount_usd, i.crypto_amount,
                      i.status,
                      coalesce((SELECT json_agg(json_build_object(
                                    'payment_id',
                                    p.transaction_hash || CASE p.output WHEN '' THEN '' ELSE ':' || p.output END,
                                    'confirmed_on', (p.confirmed_at AT TIME ZONE 'UTC')::date,
                                    'amount', p.amount::text)
                                ORDER BY p.confirmed_at, p.transaction_hash, p.output)
                                FROM crypto_payment_transactions p
                                WHERE p.invoice_id = i.id AND p.confirmed_at IS NOT NULL AND p.counts
                                  AND NOT p.is_unexpected AND p.lost_at IS NULL), '[]') AS payments
               FROM crypto_invoices i JOIN crypto_clients c ON c.id = i.client_id ORDER BY i.invoice_number"""
        ).fetchall()
