"""The ledger's side of the CFO sync: what is ready, who has claimed it, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson
import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.copy import copy_in, copy_out, read_table, schema_of, select_list

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
        "paid_in": pa.string(),
        "paid_at": pa.timestamp("us", "UTC"),
        "retry_count": pa.int32(),
    }
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Invoices (CLAIMED) that belong to one sync until it records how they ended, or the claim has expired."""

    token: UUID
    invoices: pa.Table


class Attempt(NamedTuple):
    """How handing over an invoice ended: with the transaction that it is, or with an error.

    `retry_count` is how often it was tried again before, `sent` what the CFO's database was asked to take, null where
    nothing could be sent. `is_new` is false where the invoice was linked to a transaction that was there, and
    `linked_entity` that of one that came from here. `is_transient` is whether the error may pass by itself.
    """

    invoice_id: int
    retry_count: int
    sent: Mapping[str, str] | None
    transaction_id: int | None = None
    is_new: bool = False
    linked_entity: str | None = None
    error: str | None = None
    is_transient: bool = False


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

    `months` are those of `paid_at` (UTC), all for None; `force` takes failed ones, and those that wait for a
    retry, from count 0.
    """
    token = uuid4()
    query = sql.SQL("SELECT {} FROM claim_invoices_for_sync({}, {}, {}, {}, {}, {})").format(
        select_list(CLAIMED),
        sql.Literal(at),
        sql.Literal(token),
        sql.Literal(limit),
        sql.Literal(None if months is None else list(months)),
        sql.Literal(None if invoice_ids is None else list(invoice_ids)),
        sql.Literal(force),
    )
    return Claim(token, copy_out(connection, query, CLAIMED))


def record_attempts(
    connection: psycopg.Connection, token: UUID, attempts: Sequence[Attempt], *, at: datetime
) -> Counter[str]:
    """Records how each attempt of a claim ended, all or none; how many invoices are in each status by that.

    Every attempt is logged. An invoice whose claim expired, and which another sync has taken meanwhile, is left to that
    one: it finds the same transaction.
    """
    columns = dict(zip(Attempt._fields, map(list, zip(*attempts, strict=True)), strict=True))
    columns["sent"] = [None if sent is None else orjson.dumps(sent) for sent in columns["sent"]]
    with connection.transaction():
        connection.execute(
            """CREATE TEMPORARY TABLE attempts (
                   invoice_id integer, retry_count integer, sent jsonb, transaction_id bigint, is_new boolean,
                   linked_entity text, error text, is_transient boolean) ON COMMIT DROP"""
        )
        copy_in(
            connection,
            sql.Identifier("pg_temp", "attempts"),
            pa.table(columns, _ATTEMPTS),
        )
        states = connection.execute(_RECORD, {"token": token, "at": at}).fetchall()
    return Counter(dict(states))


#: The frame of attempts; what was sent is JSON.
_ATTEMPTS = schema_of(
    {
        "invoice_id": pa.int32(),
        "retry_count": pa.int32(),
        "sent": pa.string(),
        "transaction_id": pa.int64(),
        "is_new": pa.bool_(),
        "linked_entity": pa.string(),
        "error": pa.string(),
        "is_transient": pa.bool_(),
    }
)
_RECORD = """
    WITH ended AS MATERIALIZED (
        SELECT a.*, n.* FROM pg_temp.attempts a, after_sync_attempt(a.error, a.is_transient, a.retry_count, %(at)s) n
    ), recorded AS (
        UPDATE crypto_invoice_cfo_sync s
        SET sync_status = e.status, cfo_transaction_id = e.transaction_id, claim = NULL, sync_error = e.error,
            sync_timestamp = CASE WHEN e.status = 'synced' THEN %(at)s END,
            retry_count = e.retries, retryable = e.is_retryable, next_attempt_at = e.due_at,
            entity_mapped = coalesce(e.linked_entity, e.sent ->> 'classified_entity'),
            subcategory_mapped = e.sent ->> 'subcategory',
            identifier_mapped = CASE WHEN e.status = 'synced' THEN e.sent ->> 'identifier' END,
            category_mapped = CASE WHEN e.status = 'synced' THEN 'Revenue' END,
            confidence_score = CASE WHEN e.status = 'synced' THEN 1.0 END
        FROM ended e WHERE s.invoice_id = e.invoice_id AND s.claim = %(token)s
    ), completed AS (
        UPDATE crypto_invoices i SET status = 'complete' FROM ended e
        WHERE i.id = e.invoice_id AND e.status = 'synced' AND i.status IN ('paid', 'overpaid')
    ), logged AS (
        INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, error_message,
                                         cfo_transaction_id, request_payload, response_data)
        SELECT invoice_id, %(at)s, status, error, transaction_id, sent,
               CASE WHEN status = 'synced' THEN jsonb_build_object('id', transaction_id, 'inserted', is_new) END
        FROM ended ORDER BY invoice_id
    )
    SELECT status, count(*) FROM ended GROUP BY 1"""


def read_mappings(connection: psycopg.Connection) -> tuple[pa.Table, pa.Table]:
    """The entity mappings and the revenue categories that people edit."""
    return read_table(connection, "cfo_entity_mappings"), read_table(connection, "cfo_revenue_categories")


def invoice_of(connection: psycopg.Connection, number: str) -> dict[str, Any]:
    """What is known of a paid invoice and its sync, by its number, or by `#` and its id.

    Raises LedgerError when there is none, it is not paid, or several have the number.
    """
    by_id = number[1:] if number.startswith("#") and number[1:].isdecimal() else None
    rows = connection.execute(
        """SELECT to_jsonb(p) || jsonb_build_object(
                      'sync', to_jsonb(s) || jsonb_build_object('ready_at', ready_for_sync_at(s)))
           FROM v_paid_invoices p
           LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
           WHERE p.invoice_number = %(number)s OR p.invoice_id::text = %(id)s ORDER BY p.invoice_id""",
        {"number": number, "id": by_id},
    ).fetchall()
    if len(rows) > 1:
        named = " or ".join(
            f"#{row['invoice_id']} ({row['origin']}, {row['client_name']})" for (row,) in rows
        )
        raise LedgerError(f"{len(rows)} paid invoices have the number {number}: say which, {named}.")
    if not rows:
        raise LedgerError(_why_not_paid(connection, number))
    found: dict[str, Any] = rows[0][0]
    return found


def _why_not_paid(connection: psycopg.Connection, number: str) -> str:
    row = connection.execute(
        """SELECT i.status, trim_scale(i.crypto_amount), i.crypto_currency,
                  trim_scale(coalesce(sum(p.amount) FILTER (WHERE p.confirmed_at IS NOT NULL), 0)),
                  trim_scale(coalesce(sum(p.amount), 0))
           FROM crypto_invoices i LEFT JOIN crypto_payment_transactions p ON p.invoice_id = i.id
           WHERE i.invoice_number = %s GROUP BY i.id""",
        [number],
    ).fetchone()
    if row is None:
        return f"No paid invoice has the number {number}: see `ledger cfo pending`."
    status, amount, currency, confirmed, seen = row
    return (
        f"Invoice {number} is {status}, so the CFO does not hear of it: of {amount} {currency}, {confirmed} are "
        f"confirmed and {seen} seen."
    )
