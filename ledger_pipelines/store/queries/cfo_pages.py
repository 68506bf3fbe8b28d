"""The CFO sync as people look at it: what waits, why it failed, which alerts are open, what was handed over as what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row

_NOT_TAKEN = "not taken up"
STATUSES = (_NOT_TAKEN, "pending", "retry", "failed")

_WAITING = sa.table(
    "v_crypto_invoices_pending_sync",
    sa.column("invoice_id", sa.Integer()),
    sa.column("origin", sa.Text()),
    sa.column("invoice_number", sa.Text()),
    sa.column("client_name", sa.Text()),
    sa.column("amount_usd", sa.Numeric(18, 2)),
    sa.column("currency", sa.Text()),
    sa.column("paid_in", sa.Text()),
    sa.column("paid_at", sa.DateTime(timezone=True)),
    sa.column("sync_status", sa.Text()),
    sa.column("retry_count", sa.Integer()),
    sa.column("sync_error", sa.Text()),
    sa.column("next_attempt_at", sa.DateTime(timezone=True)),
    sa.column("retryable", sa.Boolean()),
)
_C = _WAITING.c


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why invoices are not handed over: how many, of how much in one currency, and how many of them failed for good."""

    reason: str
    currency: str
    invoices: int
    failed: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """An alert that was raised; `cleared_at` is null while it is open."""

    kind: str
    message: str
    raised_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class SyncedGroup:
    """Invoices of a client, paid in a month, that were handed over as one entity's; `is_closed` says it of the month."""

    month: date
    is_closed: bool
    client_name: str
    entity: str | None
    currency: str
    invoices: int
    amount: Decimal


def found_waiting(*, status: str | None = None, text: str = "") -> sa.Select[Any]:
    """A query of paid invoices that are not handed over, with a status, or with a text in number, client or reason."""
    state = sa.func.coalesce(_C.sync_status, _NOT_TAKEN)
    query = sa.select(*(column for column in _C if column.name != "sync_status"), state.label("sync_status"))
    if status is not None:
        query = query.where(state == status)
    if text:
        texts = (_C.invoice_number, _C.client_name, _C.sync_error)
        query = query.where(sa.or_(*(one.icontains(text, autoescape=True) for one in texts)))
    return query


def failure_reasons(connection: psycopg.Connection) -> list[FailureReason]:
    """The reasons of what was tried and is not handed over, those with most invoices first."""
    with connection.cursor(row_factory=class_row(FailureReason)) as cursor:
        return cursor.execute(
            """SELECT sync_error AS reason, currency, count(*) AS invoices,
                      count(*) FILTER (WHERE sync_status = 'failed') AS failed, sum(amount_usd) AS amount
               FROM v_crypto_invoices_pending_sync WHERE sync_error IS NOT NULL
               GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""
        ).fetchall()


def listed_alerts(connection: psycopg.Connection, kinds: list[str] | None = None) -> list[ListedAlert]:
    """The alerts of these kinds, or all: the open ones, and of the others the latest twenty."""
    with connection.cursor(row_factory=class_row(ListedAlert)) as cursor:
        return cursor.execute(
            """SELECT kind, message, raised_at, cleared_at FROM (
                   SELECT *, row_number() OVER (PARTITION BY cleared_at IS NULL ORDER BY cleared_at DESC, id) AS place
                   FROM alerts WHERE %(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s)) a
               WHERE cleared_at IS NULL OR place <= 20
               ORDER BY cleared_at DESC NULLS FIRST, raised_at DESC, id""",
            {"kinds": kinds},
        ).fetchall()


def synced_groups(connection: psycopg.Connection) -> list[SyncedGroup]:
    """All that was handed over, by month of payment, client and entity, in order."""
    with connection.cursor(row_factory=class_row(SyncedGroup)) as cursor:
        return cursor.execute(
            """SELECT s.month, coalesce(p.status = 'closed', false) AS is_closed, s.client_name, s.entity, s.currency,
                      s.invoices, s.amount
               FROM (SELECT date_trunc('month', paid_at AT TIME ZONE 'UTC')::date AS month,
                            coalesce(client_name, '') AS client_name, entity_mapped AS entity, currency,
                            count(*) AS invoices, sum(amount_usd) AS amount
                     FROM v_crypto_invoices_synced GROUP BY 1, 2, 3, 4) s
               LEFT JOIN ledger_periods p USING (month) ORDER BY 1, 3, 4, 5"""
        ).fetchall()
