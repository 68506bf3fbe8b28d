"""The ledger's side of the CFO sync: what is ready, who has claimed it, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.frames import copy_in, copy_out, read_table, schema_of

_INSTANT = pa.timestamp("us", "UTC")
CLAIMED = schema_of(
    {
        "invoice_id": pa.int32(),
        "origin": pa.string(),
        "invoice_number": pa.string(),
        "client_name": pa.string(),
        "billing_period": pa.string(),
        "description": pa.string(),
        "amount": pa.decimal128(18, 2),
        "currency": pa.string(),
        "paid_at": _INSTANT,
        "retry_count": pa.int32(),
    }
)
#: How an attempt ended: `entity` and `subcategory` are what it was mapped to, `is_new` is false where it was linked.
OUTCOMES = schema_of(
    {
        "invoice_id": pa.int32(),
        "sync_status": pa.string(),
        "cfo_transaction_id": pa.int32(),
        "is_new": pa.bool_(),
        "error": pa.string(),
        "retry_count": pa.int32(),
        "retryable": pa.bool_(),
        "next_attempt_at": _INSTANT,
        "entity": pa.string(),
        "subcategory": pa.string(),
    }
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Invoices that belong to one sync until it records how they ended, or the claim has expired.

    `wanted` is how many were ready: other syncs may have been quicker with some of them. `invoices` is CLAIMED.
    """

    token: UUID
    wanted: int
    invoices: pa.Table


def register_holded_invoices(connection: psycopg.Connection) -> int:
    """Gives every paid Holded invoice its number among the invoices that are synced; how many are new."""
    return connection.execute(
        """INSERT INTO holded_paid_invoices (holded_id)
           SELECT h.id FROM v_holded_paid_invoices h
           WHERE NOT EXISTS (SELECT FROM holded_paid_invoices p WHERE p.holded_id = h.id)
           ORDER BY h.date, h.id ON CONFLICT DO NOTHING"""
    ).rowcount


def claim_invoices(
    connection: psycopg.Connection,
    *,
    at: datetime,
    limit: int,
    months: Sequence[date] | None = None,
    invoice_ids: Sequence[int] | None = None,
    force: bool = False,
) -> Claim:
    """Claims up to `limit` invoices that are ready at `at`, the oldest paid first; committed when it returns.

    `months` are those of `paid_at` (UTC), all for None; `force` takes failed ones too, from count 0.
    """
    token = uuid4()
    ((wanted, claimed),) = connection.execute(
        "SELECT * FROM claim_invoices_for_sync(%s, %s, %s, %s, %s, %s)",
        [
            at,
            token,
            limit,
            None if months is None else list(months),
            None if invoice_ids is None else list(invoice_ids),
            force,
        ],
    ).fetchall()
    return Claim(token, wanted, _claimed(connection, token) if claimed else CLAIMED.empty_table())


def _claimed(connection: psycopg.Connection, token: UUID) -> pa.Table:
    query = sql.SQL(
        """SELECT p.invoice_id, p.origin, p.invoice_number, p.client_name, p.billing_period, p.description, p.amount,
                  p.currency, p.paid_at AT TIME ZONE 'UTC', s.retry_count
           FROM v_paid_invoices p JOIN crypto_invoice_cfo_sync s USING (invoice_id)
           WHERE s.claim = {} ORDER BY p.invoice_id"""
    ).format(sql.Literal(token))
    return copy_out(connection, query, CLAIMED)


def record_outcomes(
    connection: psycopg.Connection, token: UUID, outcomes: pa.Table, sent: pa.Table, *, at: datetime
) -> int:
    """Records how each attempt of a claim ended (OUTCOMES), all in one transaction; how many still were the claim's.

    Every attempt is logged with what was `sent` of it: rows with an `invoice_id` and the columns of the transaction.
    An invoice whose claim expired, and which another sync has taken meanwhile, is left to that one: it finds the
    same transaction.
    """
    with connection.transaction():
        connection.execute(
            """CREATE TEMPORARY TABLE outcomes (invoice_id integer, sync_status text, cfo_transaction_id integer,
                   is_new boolean, error text, retry_count integer, retryable boolean, next_attempt_at timestamptz,
                   entity text, subcategory text) ON COMMIT DROP"""
        )
        columns = [sql.SQL("{} text").format(sql.Identifier(name)) for name in _sent_columns(sent)]
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE sent (invoice_id integer, {}) ON COMMIT DROP").format(
                sql.SQL(", ").join(columns)
            )
        )
        copy_in(connection, sql.Identifier("pg_temp", "outcomes"), outcomes)
        copy_in(connection, sql.Identifier("pg_temp", "sent"), sent)
        connection.execute("ANALYZE outcomes, sent")
        recorded = connection.execute(
            """UPDATE crypto_invoice_cfo_sync s
               SET sync_status = o.sync_status, cfo_transaction_id = o.cfo_transaction_id, claim = NULL,
                   sync_timestamp = CASE WHEN o.sync_status = 'synced' THEN %(at)s END, sync_error = o.error,
                   retry_count = o.retry_count, retryable = o.retryable, next_attempt_at = o.next_attempt_at,
                   entity_mapped = o.entity, subcategory_mapped = o.subcategory,
                   category_mapped = CASE WHEN o.sync_status = 'synced' THEN 'Revenue' END,
                   confidence_score = CASE WHEN o.sync_status = 'synced' THEN 1.0 END
               FROM outcomes o WHERE s.invoice_id = o.invoice_id AND s.claim = %(token)s""",
            {"at": at, "token": token},
        ).rowcount
        connection.execute(
            """UPDATE crypto_invoices i SET status = 'complete' FROM outcomes o
               WHERE i.id = o.invoice_id AND o.sync_status = 'synced' AND i.status IN ('paid', 'overpaid')"""
        )
        connection.execute(
            """INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, error_message,
                                                cfo_transaction_id, request_payload, response_data)
               SELECT o.invoice_id, %s, o.sync_status, o.error, o.cfo_transaction_id, to_jsonb(s) - 'invoice_id',
                      CASE WHEN o.cfo_transaction_id IS NOT NULL
                           THEN jsonb_build_object('id', o.cfo_transaction_id, 'inserted', o.is_new) END
               FROM outcomes o LEFT JOIN sent s USING (invoice_id) ORDER BY o.invoice_id""",
            [at],
        )
    return recorded


def _sent_columns(sent: pa.Table) -> list[str]:
    return [name for name in sent.column_names if name != "invoice_id"]


def read_mappings(connection: psycopg.Connection) -> tuple[pa.Table, pa.Table]:
    """The entity mappings and the revenue categories that people edit."""
    return read_table(connection, "cfo_entity_mappings"), read_table(connection, "cfo_revenue_categories")


SYNCED = schema_of(
    {
        "invoice_id": pa.int32(),
        "invoice_number": pa.string(),
        "client_name": pa.string(),
        "amount": pa.decimal128(18, 2),
        "cfo_transaction_id": pa.int32(),
        "entity_mapped": pa.string(),
    }
)


def synced_of_months(connection: psycopg.Connection, months: Sequence[date]) -> pa.Table:
    """Synced invoices paid in these months (SYNCED)."""
    query = sql.SQL(
        """SELECT invoice_id, invoice_number, client_name, amount_usd, cfo_transaction_id, entity_mapped
           FROM v_crypto_invoices_synced
           WHERE date_trunc('month', paid_at AT TIME ZONE 'UTC')::date IN ({}) ORDER BY invoice_id"""
    ).format(sql.SQL(", ").join(map(sql.Literal, months)))
    return copy_out(connection, query, SYNCED)


def record_corrections(connection: psycopg.Connection, corrections: pa.Table, *, at: datetime) -> None:
    """Sets `entity_mapped` and logs each; `corrections` have invoice_id, cfo_transaction_id and entity."""
    with connection.transaction():
        connection.execute(
            "CREATE TEMPORARY TABLE corrections (invoice_id integer, cfo_transaction_id integer, entity text) "
            "ON COMMIT DROP"
        )
        copy_in(connection, sql.Identifier("pg_temp", "corrections"), corrections)
        connection.execute(
            """WITH before AS (
                   SELECT s.invoice_id, s.entity_mapped, c.entity, c.cfo_transaction_id
                   FROM crypto_invoice_cfo_sync s JOIN corrections c USING (invoice_id) FOR UPDATE OF s
               ), changed AS (
                   UPDATE crypto_invoice_cfo_sync s SET entity_mapped = b.entity FROM before b
                   WHERE s.invoice_id = b.invoice_id
               )
               INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, cfo_transaction_id,
                                                request_payload, response_data)
               SELECT invoice_id, %s, 'corrected', cfo_transaction_id, jsonb_build_object('classified_entity', entity),
                      jsonb_build_object('before', entity_mapped) FROM before ORDER BY invoice_id""",
            [at],
        )


def invoice_of(connection: psycopg.Connection, number: str) -> dict[str, Any]:
    """What is known of an invoice and its sync, by its number. Raises LedgerError when no paid invoice has it."""
    row = connection.execute(
        """SELECT to_jsonb(p) || jsonb_build_object('sync', to_jsonb(s)) FROM v_paid_invoices p
           LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id) WHERE p.invoice_number = %s""",
        [number],
    ).fetchone()
    if row is None:
        raise LedgerError(f"No paid invoice has the number {number}: see `ledger cfo pending`.")
    found: dict[str, Any] = row[0]
    return found
