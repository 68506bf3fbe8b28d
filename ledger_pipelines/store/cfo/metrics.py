"""How the CFO sync is doing: what is ready, what waits and why, and the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    paid_in: str | None

    @property
    def label(self) -> str:
        """Its number, or where it has none, its id, which commands take for it."""
        return self.invoice_number or f"#{self.invoice_id}"

    @property
    def amount_label(self) -> str:
        """Its amount, and what a crypto invoice was paid with."""
        return amount_label(self.amount, self.currency, self.paid_in)


def amount_label(amount: Decimal, currency: str, paid_in: str | None) -> str:
    """`1,234.50 EUR`; of a crypto invoice with what it was paid with: `43,250.00 USD (0.5 BTC)`."""
    return f"{amount:,.2f} {currency}" + (f" ({paid_in})" if paid_in else "")


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month's sync: invoices paid, synced, pending and failed for good (`force` alone takes these again), the mean lag
    in seconds and the success rate in percent.
    """

    month: date
    paid: int
    synced: int
    pending: int
    failed: int
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
                  retry_count, sync_error, next_attempt_at, retryable, paid_in
           FROM v_crypto_invoices_pending_sync
           WHERE %(months)s::date[] IS NULL
              OR date_trunc('month', paid_at AT TIME ZONE 'UTC')::date = ANY (%(months)s)
           ORDER BY paid_at, invoice_id""",
        {"months": None if months is None else list(months)},
    ).fetchall()
    return [WaitingInvoice(*row) for row in rows]


def sync_metrics(
    connection: psycopg.Connection, at: datetime
) -> tuple[Decimal | None, Decimal | None, int, int, int]:
    """Mean lag in seconds (24 hours), success rate in percent (7 days), how many wait, have failed thrice, wait for long.

    Those that wait for long have been known for more than two minutes.

    What a sync hands over for the first time at this moment has neither succeeded nor failed, and does not count in the
    rate.
    """
    (row,) = connection.execute(
        """SELECT (SELECT round(avg(extract(epoch FROM sync_timestamp - known_at)), 3) FROM v_crypto_invoices_synced
                   WHERE sync_timestamp > %(at)s - interval '24 hours'),
                  (SELECT round(count(*) FILTER (WHERE sync_status = 'synced') * 100.0 / nullif(count(*), 0), 2)
                   FROM crypto_invoice_cfo_sync s WHERE created_at > %(at)s - interval '7 days'
                     AND NOT (sync_status = 'pending' AND sync_error IS NULL AND ready_for_sync_at(s) > %(at)s)),
                  (SELECT count(*) FROM v_crypto_invoices_pending_sync),
                  (SELECT count(*) FROM v_crypto_invoices_pending_sync
                   WHERE sync_status = 'failed' AND retry_count >= cardinality(sync_backoff())),
                  (SELECT count(*) FROM v_crypto_invoices_pending_sync WHERE known_at < %(at)s - interval '2 minutes')""",
        {"at": at},
    ).fetchall()
    lag, success_rate, pending, exhausted, overdue = row
    return lag, success_rate, pending, exhausted, overdue


def month_figures(
    connection: psycopg.Connection, months: Mapping[date, Sequence[date]]
) -> list[MonthFigures]:
    """One for each of the months, in order, with what was paid in the months of payments that belong to it."""
    pairs = [(month, paid_in) for month, payments in months.items() for paid_in in payments]
    rows = connection.execute(
        """SELECT m.month, count(p.invoice_id), count(s.sync_timestamp),
                  count(p.invoice_id) FILTER (WHERE s.sync_timestamp IS NULL AND s.sync_status IS DISTINCT FROM 'failed'),
                  count(p.invoice_id) FILTER (WHERE s.sync_timestamp IS NULL AND s.sync_status = 'failed'),
                  round(avg(extract(epoch FROM s.sync_timestamp - p.known_at)), 1),
                  round(count(s.sync_timestamp) * 100.0 / nullif(count(p.invoice_id), 0), 2)
           FROM unnest(%s::date[], %s::date[]) AS m (month, paid_in)
           LEFT JOIN v_paid_invoices p ON date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date = m.paid_in
           LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
           GROUP BY m.month ORDER BY m.month""",
        [[month for month, _ in pairs], [paid_in for _, paid_in in pairs]],
    ).fetchall()
    return [MonthFigures(*row) for row in rows]


def stray_months(connection: psycopg.Connection, first: date, last: date) -> list[date]:
    """The months of payments that lie before the month `first` or after the month `last`, in order."""
    rows = connection.execute(
        """SELECT DISTINCT date_trunc('month', paid_at AT TIME ZONE 'UTC')::date FROM v_paid_invoices
           WHERE date_trunc('month', paid_at AT TIME ZONE 'UTC')::date NOT BETWEEN %s AND %s ORDER BY 1""",
        [first, last],
    ).fetchall()
    return [month for (month,) in rows]


def ready_invoices(connection: psycopg.Connection, at: datetime) -> list[int]:
    """Ids of all that is ready."""
    rows = connection.execute("SELECT invoice_id FROM get_invoices_ready_for_sync(%s)", [at]).fetchall()
    return [number for (number,) in rows]


def unaccounted_invoices(
    connection: psycopg.Connection,
    months: Sequence[date],
    *,
    were_ready: Sequence[int],
    ready_at: datetime,
    now: datetime,
) -> list[tuple[str, str]]:
    """Paid invoices of these months that are neither synced, nor scheduled, nor failed: number and state.

    What was ready at `ready_at`, when a sync of it began, must have been taken up since.
    """
    return connection.execute(
        """SELECT coalesce(p.invoice_number, '#' || p.invoice_id),
                  CASE WHEN s.sync_status IS NULL AND p.status = 'complete'
                       THEN 'complete, and no sync knows of it: set it to paid to have it handed over'
                       WHEN s.claimed_at > %(now)s + interval '1 minute' THEN 'claimed in the future'
                       WHEN s.next_attempt_at > %(now)s + longest.wait THEN 'scheduled later than any retry'
                       ELSE 'was ready, and was not taken up' END
           FROM v_paid_invoices p LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id),
                (SELECT max(wait) + interval '1 minute' AS wait FROM unnest(sync_backoff()) AS wait) longest
           WHERE date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date = ANY (%(months)s)
             AND s.sync_status IS DISTINCT FROM 'synced'
             AND (p.status = 'complete' AND s.sync_status IS NULL
                  OR s.claimed_at > %(now)s + interval '1 minute'
                  OR s.next_attempt_at > %(now)s + longest.wait
                  OR p.invoice_id = ANY (%(were_ready)s) AND ready_for_sync_at(s) <= %(ready_at)s)
           ORDER BY p.paid_at, p.invoice_id""",
        {"months": list(months), "were_ready": list(were_ready), "ready_at": ready_at, "now": now},
    ).fetchall()
