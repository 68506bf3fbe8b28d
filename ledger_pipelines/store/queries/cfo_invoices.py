"""Invoices by their id, as the CFO's sync knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class InvoiceSync:
    """The state of an invoice: its own status, and its sync's, which is pending until a sync takes it up.

    `is_paid` says whether it is to be handed over at all.
    """

    invoice_id: int
    invoice_number: str | None
    invoice_status: str
    is_paid: bool
    sync_status: str
    cfo_transaction_id: int | None
    sync_timestamp: datetime | None
    entity_mapped: str | None
    category_mapped: str | None
    error: str | None
    retry_count: int
    next_attempt_at: datetime | None


def read_invoice_sync(connection: psycopg.Connection, invoice_id: int) -> InvoiceSync | None:
    """The invoice of this id, crypto's or Holded's; None where there is none."""
    with connection.cursor(row_factory=class_row(InvoiceSync)) as cursor:
        return cursor.execute(
            """SELECT i.invoice_id, i.invoice_number, i.status AS invoice_status, i.is_paid,
                      coalesce(s.sync_status, 'pending') AS sync_status, s.cfo_transaction_id, s.sync_timestamp,
                      s.entity_mapped, s.category_mapped, s.sync_error AS error,
                      coalesce(s.retry_count, 0) AS retry_count, s.next_attempt_at
               FROM (SELECT invoice_id, invoice_number, status, true AS is_paid FROM v_paid_invoices
                     UNION ALL
                     SELECT id, invoice_number, status, false FROM crypto_invoices
                     WHERE status NOT IN ('paid', 'overpaid', 'complete')) i
               LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
               WHERE i.invoice_id = %s""",
            [invoice_id],
        ).fetchone()
