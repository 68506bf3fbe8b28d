"""What the ledger believes to have handed over, and taking back what turned out to be gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from ledger_pipelines.store.cfo.sync import CLAIMED
from ledger_pipelines.store.copy import copy_in, copy_out, schema_of, select_list

#: What was handed over: the transaction that an invoice is, and the texts that make the row the invoice's.
HANDED = schema_of(
    {
        "invoice_id": pa.int32(),
        "cfo_transaction_id": pa.int64(),
        "identifier": pa.string(),
        "source_file": pa.string(),
    }
)
_SELECT = """SELECT s.invoice_id, s.cfo_transaction_id, coalesce(s.identifier_mapped, i.invoice_number),
                    CASE WHEN h.invoice_id IS NULL THEN 'crypto_invoice_' ELSE 'holded_invoice_' END
                        || coalesce(s.identifier_mapped, i.invoice_number)
             FROM crypto_invoice_cfo_sync s
             LEFT JOIN holded_paid_invoices h USING (invoice_id)
             LEFT JOIN crypto_invoices i ON i.id = s.invoice_id AND s.identifier_mapped IS NULL
             WHERE s.sync_status = 'synced'"""


@dataclass(frozen=True, slots=True)
class Released:
    """An invoice that was handed over, and whose transaction is gone or another's now: it is ready again.

    `amount` is null where it is paid no longer: then nothing is handed over.
    """

    invoice_id: int
    number: str
    amount: Decimal | None
    currency: str | None
    transaction_id: int
    reason: str


def handed_in_months(connection: psycopg.Connection, months: Sequence[date] | None) -> pa.Table:
    """What was handed over (HANDED) of the invoices paid in these months, or of all, those paid no longer, too."""
    if months is None:
        return copy_out(connection, sql.SQL(_SELECT + " ORDER BY 1"), HANDED)
    query = sql.SQL(
        _SELECT
        + """ AND EXISTS (SELECT FROM v_paid_invoices p WHERE p.invoice_id = s.invoice_id
                          AND date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date = ANY ({}::date[])) ORDER BY 1"""
    ).format(sql.Literal(list(months)))
    return copy_out(connection, query, HANDED)


def has_synced(connection: psycopg.Connection) -> bool:
    """Whether anything was ever handed over."""
    query = "SELECT EXISTS (SELECT FROM crypto_invoice_cfo_sync WHERE sync_status = 'synced')"
    return connection.execute(query).fetchone() == (True,)


SYNCED_INVOICES = pa.schema([*CLAIMED, pa.field("cfo_transaction_id", pa.int64())])


def synced_invoices(connection: psycopg.Connection) -> pa.Table:
    """All paid invoices that are synced (CLAIMED), each with the CFO's transaction that it is."""
    query = sql.SQL(
        """SELECT {} FROM (SELECT p.*, s.retry_count, s.cfo_transaction_id
                           FROM v_paid_invoices p JOIN crypto_invoice_cfo_sync s USING (invoice_id)
                           WHERE s.sync_status = 'synced') synced ORDER BY invoice_id"""
    ).format(select_list(SYNCED_INVOICES))
    return copy_out(connection, query, SYNCED_INVOICES)


def log_corrections(connection: psycopg.Connection, corrections: pa.Table, *, at: datetime) -> None:
    """Logs what rows of the CFO's were given; `corrections` have invoice_id, cfo_transaction_id and the facts."""
    facts = [name for name in corrections.column_names if name not in ("invoice_id", "cfo_transaction_id")]
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO crypto_cfo_sync_log (invoice_id, sync_attempt_timestamp, sync_status, cfo_transaction_id,
                                                request_payload) VALUES (%s, %s, 'corrected', %s, %s)""",
            [
                (
                    row["invoice_id"],
                    at,
                    row["cfo_transaction_id"],
                    Jsonb({name: str(row[name]) for name in facts}),
                )
                for row in corrections.to_pylist()
            ],
        )


def latest_handed(
    connection: psycopg.Connection, before: datetime | None, limit: int
) -> tuple[pa.Table, datetime | None]:
    """What was handed over last (HANDED), or last before an instant, and the instant of the oldest of it.

    All that was handed over at one instant is there or none of it is, so that the next look begins where this ends.
    """
    row = connection.execute(
        """SELECT min(sync_timestamp) FROM (
               SELECT sync_timestamp FROM crypto_invoice_cfo_sync
               WHERE sync_status = 'synced' AND (%(before)s::timestamptz IS NULL OR sync_timestamp < %(before)s)
               ORDER BY sync_timestamp DESC LIMIT %(limit)s) latest""",
        {"before": before, "limit": limit},
    ).fetchone()
    oldest = None if row is None else row[0]
    if oldest is None:
        return HANDED.empty_table(), None
    query = sql.SQL(
        _SELECT + " AND s.sync_timestamp >= {} AND ({} IS NULL OR s.sync_timestamp < {}) ORDER BY 1"
    ).format(sql.Literal(oldest), *[sql.SQL("{}::timestamptz").format(sql.Literal(before))] * 2)
    return copy_out(connection, query, HANDED), oldest


def release(connection: psycopg.Connection, astray: pa.Table, *, at: datetime) -> list[Released]:
    """Makes invoices (ASTRAY) ready again, each with a row in the log; those that another sync has mended are left."""
    with connection.transaction():
        connection.execute(
            "CREATE TEMPORARY TABLE astray (invoice_id integer, cfo_transaction_id bigint, reason text) ON COMMIT DROP"
        )
        reasons = [
            f"The CFO's transaction {number} {'is gone' if gone else 'is no longer this invoice'}: "
            "it is handed over again. Was the CFO's database restored from a backup?"
            for number, gone in zip(
                astray["cfo_transaction_id"].to_pylist(), astray["is_gone"].to_pylist(), strict=True
            )
        ]
        staged = astray.select(["invoice_id", "cfo_transaction_id"]).append_column(
            "reason", pa.array(reasons, pa.string())
        )
        copy_in(connection, sql.Identifier("pg_temp", "astray"), staged)
        return _release(connection, at)


def release_shared(connection: psycopg.Connection, *, at: datetime) -> list[Released]:
    """Makes ready again all but the first of invoices that have one transaction."""
    with connection.transaction():
        connection.execute(
            """CREATE TEMPORARY TABLE astray ON COMMIT DROP AS
               SELECT invoice_id, cfo_transaction_id,
                      'The CFO''s transaction ' || cfo_transaction_id || ' is also invoice #' || owner
                          || ': it is handed over by itself.' AS reason
               FROM (SELECT invoice_id, cfo_transaction_id,
                            first_value(invoice_id) OVER of_one AS owner, row_number() OVER of_one AS place
                     FROM crypto_invoice_cfo_sync
                     WHERE cfo_transaction_id IN (SELECT cfo_transaction_id FROM crypto_invoice_cfo_sync
                                                  WHERE sync_status = 'synced' GROUP BY 1 HAVING count(*) > 1)
                       AND sync_status = 'synced'
                     WINDOW of_one AS (PARTITION BY cfo_transaction_id ORDER BY sync_timestamp, invoice_id)) s
               WHERE place > 1"""
        )
        return _release(connection, at)


def _release(connection: psycopg.Connection, at: datetime) -> list[Released]:
    rows = connection.execute(
        """WITH before AS (
               SELECT s.invoice_id, s.cfo_transaction_id, s.identifier_mapped, a.reason
               FROM crypto_invoice_cfo_sync s JOIN pg_temp.astray a USING (invoice_id, cfo_transaction_id)
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
           SELECT b.invoice_id, coalesce(p.invoice_number, b.identifier_mapped, '#' || b.invoice_id), p.amount,
                  p.currency, b.cfo_transaction_id, b.reason
           FROM before b LEFT JOIN v_paid_invoices p USING (invoice_id) ORDER BY b.invoice_id""",
        {"at": at},
    ).fetchall()
    return [Released(*row) for row in rows]
