"""What the ledger believes to have handed over, and taking back what turned out to be gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ledger_pipelines.store.cfo.sync import CLAIMED
from ledger_pipelines.store.copy import copy_out, schema_of, select_list


@dataclass(frozen=True, slots=True)
class SyncedInvoice:
    """What was handed over: the transaction that an invoice is, and the texts that make the row the invoice's."""

    invoice_id: int
    transaction_id: int
    identifier: str | None
    source_file: str | None


@dataclass(frozen=True, slots=True)
class LostTransaction:
    """A handed-over invoice whose row is gone, or is no longer its."""

    invoice_id: int
    transaction_id: int
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Released:
    """An invoice that was handed over, and whose transaction is gone or another's now: it is ready again.

    `amount` is null where it is paid no longer: then nothing is handed over.
    """

    invoice_id: int
    number: str
    amount: Decimal | None
    currency: str | None


_SYNCED = """SELECT s.invoice_id, s.cfo_transaction_id AS transaction_id,
                    coalesce(s.identifier_mapped, i.invoice_number) AS identifier,
                    CASE WHEN h.invoice_id IS NULL THEN 'crypto_invoice_' ELSE 'holded_invoice_' END
                        || coalesce(s.identifier_mapped, i.invoice_number) AS source_file
             FROM crypto_invoice_cfo_sync s
             LEFT JOIN holded_paid_invoices h USING (invoice_id)
             LEFT JOIN crypto_invoices i ON i.id = s.invoice_id AND s.identifier_mapped IS NULL
             WHERE s.sync_status = 'synced'"""


def synced_in_months(connection: psycopg.Connection, months: Sequence[date] | None) -> list[SyncedInvoice]:
    """What was handed over of the invoices paid in these months, or of all, those paid no longer, too."""
    of_months = """ AND (%(months)s::date[] IS NULL OR EXISTS (
                        SELECT FROM v_paid_invoices p WHERE p.invoice_id = s.invoice_id
                        AND date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date = ANY (%(months)s)))"""
    cursor = connection.cursor(row_factory=class_row(SyncedInvoice))
    values = {"months": None if months is None else list(months)}
    return cursor.execute(_SYNCED + of_months + " ORDER BY 1", values).fetchall()


def latest_synced(
    connection: psycopg.Connection, before: datetime | None, limit: int
) -> tuple[list[SyncedInvoice], datetime | None]:
    """What was handed over last, or last before an instant, and the instant of the oldest of it.

    All that was handed over at one instant is there or none of it is, so that the next look begins where this ends.
    """
    ((oldest,),) = connection.execute(
        """SELECT min(sync_timestamp) FROM (
               SELECT sync_timestamp FROM crypto_invoice_cfo_sync
               WHERE sync_status = 'synced' AND sync_timestamp < coalesce(%s, 'infinity'::timestamptz)
               ORDER BY sync_timestamp DESC LIMIT %s) latest""",
        [before, limit],
    ).fetchall()
    cursor = connection.cursor(row_factory=class_row(SyncedInvoice))
    since = (
        " AND s.sync_timestamp >= %s AND s.sync_timestamp < coalesce(%s, 'infinity'::timestamptz) ORDER BY 1"
    )
    return cursor.execute(_SYNCED + since, [oldest, before]).fetchall(), oldest


def has_synced(connection: psycopg.Connection) -> bool:
    """Whether anything was ever handed over."""
    query = "SELECT EXISTS (SELECT FROM crypto_invoice_cfo_sync WHERE sync_status = 'synced')"
    return connection.execute(query).fetchone() == (True,)


SYNCED_INVOICES = pa.schema([*CLAIMED, pa.field("cfo_transaction_id", pa.int64())])


def synced_invoices(connection: psycopg.Connection) -> pa.Table:
    """All paid invoices that are synced (SYNCED_INVOICES), each with the CFO's transaction that it is."""
    query = sql.SQL(
        """SELECT {} FROM (SELECT p.*, s.retry_count, s.cfo_transaction_id
                           FROM v_paid_invoices p JOIN crypto_invoice_cfo_sync s USING (invoice_id)
                           WHERE s.sync_status = 'synced') synced ORDER BY invoice_id"""
    ).format(select_list(SYNCED_INVOICES))
    return copy_out(connection, query, SYNCED_INVOICES)


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
           WHERE date_trunc('month', paid_at AT TIME ZONE 'UTC')::date = ANY ({}::date[]) ORDER BY invoice_id"""
    ).format(sql.Literal(list(months)))
    return copy_out(connection, query, SYNCED)


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


def owners_of(connection: psycopg.Connection, transaction_ids: Sequence[int]) -> dict[int, int]:
    """Of these transactions the invoice that is synced to each, the one that was synced first."""
    rows = connection.execute(
        """SELECT DISTINCT ON (cfo_transaction_id) cfo_transaction_id, invoice_id FROM crypto_invoice_cfo_sync
           WHERE sync_status = 'synced' AND cfo_transaction_id = ANY (%s)
           ORDER BY cfo_transaction_id, sync_timestamp, invoice_id""",
        [list(transaction_ids)],
    ).fetchall()
    return dict(rows)


def of_shared_numbers(connection: psycopg.Connection, invoice_ids: Sequence[int]) -> set[int]:
    """Those of these invoices whose number another paid invoice has, too."""
    rows = connection.execute(
        """SELECT p.invoice_id FROM v_paid_invoices p
           JOIN v_paid_invoices o ON o.invoice_number = p.invoice_number AND o.invoice_id <> p.invoice_id
           WHERE p.invoice_id = ANY (%s)""",
        [list(invoice_ids)],
    ).fetchall()
    return {number for (number,) in rows}


def release(
    connection: psycopg.Connection, lost: Sequence[LostTransaction], *, at: datetime
) -> list[Released]:
    """Makes invoices ready again, each with a row in the log; those that another sync has mended are left."""
    reasons = [
        f"The CFO's transaction {one.transaction_id} {'is gone' if one.is_gone else 'is no longer this invoice'}: "
        "it is handed over again. Was the CFO's database restored from a backup?"
        for one in lost
    ]
    found = [(one.invoice_id, one.transaction_id) for one in lost]
    return _release(connection, found, reasons, at)


def release_shared(connection: psycopg.Connection, *, at: datetime) -> list[Released]:
    """Makes ready again all but the first of invoices that have one transaction."""
    rows = connection.execute(
        """SELECT invoice_id, cfo_transaction_id, owner FROM (
               SELECT invoice_id, cfo_transaction_id, first_value(invoice_id) OVER of_one AS owner
               FROM crypto_invoice_cfo_sync WHERE sync_status = 'synced'
               WINDOW of_one AS (PARTITION BY cfo_transaction_id ORDER BY sync_timestamp, invoice_id)) s
           WHERE invoice_id <> owner"""
    ).fetchall()
    reasons = [
        f"The CFO's transaction {number} is also invoice #{owner}: it is handed over by itself."
        for _, number, owner in rows
    ]
    return _release(connection, [(invoice, number) for invoice, number, _ in rows], reasons, at)


def _release(
    connection: psycopg.Connection, found: Sequence[tuple[int, int]], reasons: Sequence[str], at: datetime
) -> list[Released]:
    cursor = connection.cursor(row_factory=class_row(Released))
    return cursor.execute(
        """WITH before AS (
               SELECT s.invoice_id, s.cfo_transaction_id, s.identifier_mapped, a.reason
               FROM crypto_invoice_cfo_sync s
               JOIN unnest(%(invoices)s::integer[], %(transactions)s::bigint[], %(reasons)s::text[])
                    AS a (invoice_id, cfo_transaction_id, reason) USING (invoice_id, cfo_transaction_id)
               WHERE s.sync_status = 'synced' FOR UPDATE OF s
           ), released AS (
               UPDATE crypto_invoice_cfo_sync s
               SET sync_status = 'retry', next_attempt_at = %(at)s, lost_at = %(at)s, sync_error = b.reason,
                   retry_count = 0, retryable = true, cfo_transaction_id = NULL, sync_timestamp = NULL
               FROM before b WHERE s.invoice_id = b.invoice_id
           ), logged AS (
               INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, error_message,
                                                cfo_transaction_id)
               SELECT invoice_id, %(at)s, 'lost', reason, cfo_transaction_id FROM before ORDER BY invoice_id
           )
           SELECT b.invoice_id, coalesce(p.invoice_number, b.identifier_mapped, '#' || b.invoice_id) AS number,
                  p.amount, p.currency
           FROM before b LEFT JOIN v_paid_invoices p USING (invoice_id) ORDER BY b.invoice_id""",
        {
            "invoices": [invoice for invoice, _ in found],
            "transactions": [number for _, number in found],
            "reasons": list(reasons),
            "at": at,
        },
    ).fetchall()


def record_entities(
    connection: psycopg.Connection, invoice_ids: Sequence[int], entities: Sequence[str], *, at: datetime
) -> None:
    """Sets the `entity_mapped` of each of these invoices, and logs what it was before."""
    connection.execute(
        """WITH before AS (
               SELECT s.invoice_id, s.entity_mapped, c.entity, s.cfo_transaction_id
               FROM crypto_invoice_cfo_sync s
               JOIN unnest(%s::integer[], %s::text[]) AS c (invoice_id, entity) USING (invoice_id) FOR UPDATE OF s
           ), changed AS (
               UPDATE crypto_invoice_cfo_sync s SET entity_mapped = b.entity FROM before b
               WHERE s.invoice_id = b.invoice_id
           )
           INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, cfo_transaction_id,
                                            request_payload, response_data)
           SELECT invoice_id, %s, 'corrected', cfo_transaction_id, jsonb_build_object('classified_entity', entity),
                  jsonb_build_object('before', entity_mapped) FROM before ORDER BY invoice_id""",
        [list(invoice_ids), list(entities), at],
    )


def log_corrections(
    connection: psycopg.Connection, corrections: Sequence[tuple[int, int, Mapping[str, Any]]], *, at: datetime
) -> None:
    """Logs what rows of the CFO's were given: of each correction the invoice, the transaction and the facts."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, cfo_transaction_id,
                                                request_payload) VALUES (%s, %s, 'corrected', %s, %s)""",
            [
                (invoice, at, number, Jsonb({name: str(value) for name, value in facts.items()}))
                for invoice, number, facts in corrections
            ],
        )
