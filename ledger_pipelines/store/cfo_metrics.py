"""How the CFO sync is doing: what is ready, what waits and why, and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import psycopg


@dataclass(frozen=True, slots=True)
class ReadyMonth:
    """A month of payments with invoices that are ready; `state` changes with each attempt at any of them."""

    month: date
    invoices: int
    state: str


@dataclass(frozen=True, slots=True)
class WaitingInvoice:
    """A paid invoice that is not synced: how often it was tried, what was wrong, and when it is tried again."""

    invoice_id: int
    origin: str
    invoice_number: str | None
    client_name: str | None
    amount: Decimal
    currency: str
    paid_at: datetime
    sync_status: str | None
    retry_count: int
    error: str | None
    next_attempt_at: datetime | None
    retryable: bool


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month's sync: invoices paid and synced, waiting, the mean lag in seconds and the success rate in percent."""

    month: date
    paid: int
    synced: int
    waiting: int
    lag_seconds: Decimal | None
    success_rate: Decimal | None


def ready_months(connection: psycopg.Connection, at: datetime) -> list[ReadyMonth]:
    """The months of payments with something that is ready, in order."""
    rows = connection.execute(
        """SELECT date_trunc('month', r.paid_at AT TIME ZONE 'UTC')::date, count(*),
                  md5(string_agg(concat_ws(':', r.invoice_id, r.sync_status, r.retry_count, s.claimed_at), ','
                                 ORDER BY r.invoice_id))
           FROM get_invoices_ready_for_sync(%s) r LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
           GROUP BY 1 ORDER BY 1""",
        [at],
    ).fetchall()
    return [ReadyMonth(*row) for row in rows]


def waiting_invoices(
    connection: psycopg.Connection, months: Sequence[date] | None = None
) -> list[WaitingInvoice]:
    """Paid invoices that are not synced, the oldest first; those paid in these months, or all."""
    rows = connection.execute(
        """SELECT invoice_id, origin, invoice_number, client_name, amount_usd, currency, paid_at, sync_status,
                  retry_count, sync_error, next_attempt_at, retryable
           FROM v_crypto_invoices_pending_sync
           WHERE %(months)s::date[] IS NULL
              OR date_trunc('month', paid_at AT TIME ZONE 'UTC')::date = ANY (%(months)s)
           ORDER BY paid_at, invoice_id""",
        {"months": None if months is None else list(months)},
    ).fetchall()
    return [WaitingInvoice(*row) for row in rows]


def sync_metrics(
    connection: psycopg.Connection, at: datetime
) -> tuple[Decimal | None, Decimal | None, int, int]:
    """Mean lag in seconds (24 hours), success rate in percent (7 days), how many wait, how many have failed thrice."""
    (row,) = connection.execute(
        """SELECT (SELECT round(avg(extract(epoch FROM sync_timestamp - known_at)), 3) FROM v_crypto_invoices_synced
                   WHERE sync_timestamp > %(at)s - interval '24 hours'),
                  (SELECT round(count(*) FILTER (WHERE sync_status = 'synced') * 100.0 / nullif(count(*), 0), 2)
                   FROM crypto_invoice_cfo_sync WHERE created_at > %(at)s - interval '7 days'),
                  (SELECT count(*) FROM v_crypto_invoices_pending_sync),
                  (SELECT count(*) FROM v_crypto_invoices_pending_sync
                   WHERE sync_status = 'failed' AND retry_count >= 3)""",
        {"at": at},
    ).fetchall()
    lag, success_rate, pending, exhausted = row
    return lag, success_rate, pending, exhausted


def month_figures(connection: psycopg.Connection, months: Sequence[date]) -> list[MonthFigures]:
    """One for each of the months, in order, with what was paid in it."""
    rows = connection.execute(
        """SELECT m.month, count(p.invoice_id), count(s.sync_timestamp), count(p.invoice_id) - count(s.sync_timestamp),
                  round(avg(extract(epoch FROM s.sync_timestamp - p.known_at)), 1),
                  round(count(s.sync_timestamp) * 100.0 / nullif(count(p.invoice_id), 0), 2)
           FROM unnest(%s::date[]) AS m (month)
           LEFT JOIN v_paid_invoices p ON date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date = m.month
           LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
           GROUP BY m.month ORDER BY m.month""",
        [list(months)],
    ).fetchall()
    return [MonthFigures(*row) for row in rows]
