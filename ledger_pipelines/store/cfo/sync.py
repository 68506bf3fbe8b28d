"""The ledger's side of the CFO sync: what is ready, who has claimed it, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.columns import Column, array, column, kept, positions, present, take
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.copy import copy_in, copy_out, read_table, schema_of, select_list

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
        "paid_in": pa.string(),
        "paid_at": _INSTANT,
        "retry_count": pa.int32(),
    }
)
_CLAIM = pa.schema([pa.field("wanted", pa.int64()), *CLAIMED])
#: How an attempt ended; `is_new` is false where it was linked, to one that came from here with the `linked_entity`.
OUTCOMES = schema_of(
    {
        "invoice_id": pa.int32(),
        "sync_status": pa.string(),
        "cfo_transaction_id": pa.int64(),
        "is_new": pa.bool_(),
        "linked_entity": pa.string(),
        "error": pa.string(),
        "retry_count": pa.int32(),
        "retryable": pa.bool_(),
        "next_attempt_at": _INSTANT,
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

    def parts(self, rows: int) -> Iterator[Claim]:
        """The claim in parts of so many invoices, in their order."""
        for place in range(0, self.invoices.num_rows, rows):
            yield replace(self, invoices=self.invoices.slice(place, rows))


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
        select_list(_CLAIM),
        sql.Literal(at),
        sql.Literal(token),
        sql.Literal(limit),
        sql.Literal(None if months is None else list(months)),
        sql.Literal(None if invoice_ids is None else list(invoice_ids)),
        sql.Literal(force),
    )
    rows = copy_out(connection, query, _CLAIM)
    claimed = kept(rows, present(column(rows, "invoice_id"))).select(CLAIMED.names)
    return Claim(token, rows["wanted"][0].as_py(), claimed)


def record_outcomes(
    connection: psycopg.Connection, token: UUID, outcomes: pa.Table, sent: pa.Table, *, at: datetime
) -> int:
    """Records how each attempt of a claim ended (OUTCOMES), all in one transaction; how many still were the claim's.

    Every attempt is logged with what was `sent` of it: rows with an `invoice_id` and the columns of the transaction.
    An invoice whose claim expired, and which another sync has taken meanwhile, is left to that one: it finds the
    same transaction.
    """
    payload = [name for name in sent.column_names if name != "invoice_id"]
    rows = positions(column(outcomes, "invoice_id"), column(sent, "invoice_id"))
    attempts = outcomes.append_column("was_sent", array(rows >= 0))
    for name in payload:
        attempts = attempts.append_column(name, take(column(sent, name), rows))
    with connection.transaction():
        _stage_attempts(connection, attempts.sort_by("invoice_id"), payload)
        recorded = connection.execute(
            """UPDATE crypto_invoice_cfo_sync s
               SET sync_status = a.sync_status, cfo_transaction_id = a.cfo_transaction_id, claim = NULL,
                   sync_timestamp = CASE WHEN a.sync_status = 'synced' THEN %(at)s END, sync_error = a.error,
                   retry_count = a.retry_count, retryable = a.retryable, next_attempt_at = a.next_attempt_at,
                   entity_mapped = coalesce(a.linked_entity, a.classified_entity),
                   subcategory_mapped = a.subcategory,
                   identifier_mapped = CASE WHEN a.sync_status = 'synced' THEN a.identifier END,
                   category_mapped = CASE WHEN a.sync_status = 'synced' THEN 'Revenue' END,
                   confidence_score = CASE WHEN a.sync_status = 'synced' THEN 1.0 END
               FROM attempts a WHERE s.invoice_id = a.invoice_id AND s.claim = %(token)s""",
            {"at": at, "token": token},
        ).rowcount
        connection.execute(
            """UPDATE crypto_invoices i SET status = 'complete' FROM attempts a
               WHERE i.id = a.invoice_id AND a.sync_status = 'synced' AND i.status IN ('paid', 'overpaid')"""
        )
        # Of texts alone: three times as fast as to_jsonb, which looks up how to write each value of each row.
        connection.execute(
            sql.SQL(
                """INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, error_message,
                                                    cfo_transaction_id, request_payload, response_data)
                   SELECT invoice_id, {at}, sync_status, error, cfo_transaction_id,
                          CASE WHEN was_sent THEN jsonb_object({names}::text[], ARRAY[{values}]) END,
                          CASE WHEN cfo_transaction_id IS NOT NULL
                               THEN jsonb_build_object('id', cfo_transaction_id, 'inserted', is_new) END
                   FROM attempts"""
            ).format(
                at=sql.Literal(at),
                names=sql.Literal(payload),
                values=sql.SQL(", ").join(map(sql.Identifier, payload)),
            )
        )
    return recorded


def _stage_attempts(connection: psycopg.Connection, attempts: pa.Table, payload: Sequence[str]) -> None:
    texts = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in payload)
    connection.execute(
        sql.SQL(
            """CREATE TEMPORARY TABLE attempts (invoice_id integer, sync_status text, cfo_transaction_id bigint,
                   is_new boolean, linked_entity text, error text, retry_count integer, retryable boolean,
                   next_attempt_at timestamptz, was_sent boolean, {}) ON COMMIT DROP"""
        ).format(texts)
    )
    copy_in(connection, sql.Identifier("pg_temp", "attempts"), attempts)
    # How many there are is all that the plans need, and what wide columns hold takes long to look at.
    connection.execute("ANALYZE attempts (invoice_id)")


def read_mappings(connection: psycopg.Connection) -> tuple[pa.Table, pa.Table]:
    """The entity mappings and the revenue categories that people edit."""
    return read_table(connection, "cfo_entity_mappings"), read_table(connection, "cfo_revenue_categories")


def withdrawn_invoices(connection: psycopg.Connection) -> pa.Table:
    """Synced invoices that are paid no longer, or are gone: invoice_id and cfo_transaction_id."""
    schema = schema_of({"invoice_id": pa.int32(), "cfo_transaction_id": pa.int64()})
    query = sql.SQL(
        """SELECT invoice_id, cfo_transaction_id FROM crypto_invoice_cfo_sync s
           WHERE sync_status = 'synced' AND NOT EXISTS (SELECT FROM v_paid_invoices p WHERE p.invoice_id = s.invoice_id)
           ORDER BY invoice_id"""
    )
    return copy_out(connection, query, schema)


def shared_transactions(connection: psycopg.Connection) -> list[int]:
    """Ids of transactions that more than one invoice is synced to."""
    rows = connection.execute(
        """SELECT cfo_transaction_id FROM crypto_invoice_cfo_sync WHERE sync_status = 'synced'
           GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"""
    ).fetchall()
    return [number for (number,) in rows]


SYNCED = schema_of(
    {
        "invoice_id": pa.int32(),
        "invoice_number": pa.string(),
        "client_name": pa.string(),
        "amount": pa.decimal128(18, 2),
        "cfo_transaction_id": pa.int64(),
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
            "CREATE TEMPORARY TABLE corrections (invoice_id integer, cfo_transaction_id bigint, entity text) "
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


def owners_of(connection: psycopg.Connection, transaction_ids: Column) -> pa.Table:
    """Which synced invoices these transactions are: cfo_transaction_id and invoice_id, the first synced first."""
    schema = schema_of({"cfo_transaction_id": pa.int64(), "invoice_id": pa.int32()})
    query = sql.SQL(
        """SELECT cfo_transaction_id, invoice_id FROM crypto_invoice_cfo_sync
           WHERE sync_status = 'synced' AND cfo_transaction_id = ANY ({}) ORDER BY sync_timestamp, invoice_id"""
    ).format(sql.Literal(transaction_ids.to_pylist()))
    return copy_out(connection, query, schema)


def of_shared_numbers(connection: psycopg.Connection, invoice_ids: Column) -> Column:
    """Those of these invoices whose number another paid invoice has, too."""
    query = sql.SQL(
        """SELECT p.invoice_id FROM v_paid_invoices p
           JOIN v_paid_invoices o ON o.invoice_number = p.invoice_number AND o.invoice_id <> p.invoice_id
           WHERE p.invoice_id = ANY ({})"""
    ).format(sql.Literal(invoice_ids.to_pylist()))
    return column(copy_out(connection, query, schema_of({"invoice_id": pa.int32()})), "invoice_id")


def invoice_of(connection: psycopg.Connection, number: str) -> dict[str, Any]:
    """What is known of a paid invoice and its sync, by its number, or by `#` and its id.

    Raises LedgerError when there is none, it is not paid, or several have the number.
    """
    by_id = number[1:] if number.startswith("#") and number[1:].isdecimal() else None
    rows = connection.execute(
        """SELECT to_jsonb(p) || jsonb_build_object('sync', to_jsonb(s)) FROM v_paid_invoices p
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
