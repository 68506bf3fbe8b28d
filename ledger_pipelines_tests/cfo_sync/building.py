"""Paid invoices, and what became of them on both sides, as the tests say and read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from ledger_pipelines.store.cfo.crypto_invoices import add_invoice
from ledger_pipelines.store.copy import table_schema
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.workflows.cfo.sync import SyncCounts, sync_invoices

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
DELTA = "Delta Mining Paraguay S.A."
Row = dict[str, Any]


class Watch:
    """A clock that is put forward by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now


class Books:
    """Our ledger and the CFO's database, side by side, and a clock for both."""

    def __init__(self, ledger: Database, cfo: Database) -> None:
        self.ledger = ledger
        self.cfo = cfo
        self.watch = Watch()

    def sync(self, **how: Any) -> SyncCounts:
        return sync_invoices(self.ledger, self.cfo, clock=self.watch, **how)

    def ours(self, query: str, *values: Any) -> list[Row]:
        return _rows(self.ledger, query, values)

    def theirs(self, query: str, *values: Any) -> list[Row]:
        return _rows(self.cfo, query, values)

    def ready(self, at: datetime | None = None) -> list[int]:
        """Ids of what `get_invoices_ready_for_sync` says is ready, in its order."""
        rows = self.ours("SELECT invoice_id FROM get_invoices_ready_for_sync(%s)", at or self.watch.now)
        return [row["invoice_id"] for row in rows]

    def state(self, invoice_id: int) -> Row:
        """The invoice's row in crypto_invoice_cfo_sync; empty when no sync has taken it up."""
        rows = self.ours("SELECT * FROM crypto_invoice_cfo_sync WHERE invoice_id = %s", invoice_id)
        return rows[0] if rows else {}

    def log(self, invoice_id: int) -> list[Row]:
        return self.ours("SELECT * FROM crypto_cfo_sync_log WHERE invoice_id = %s ORDER BY id", invoice_id)

    def transactions(self) -> list[Row]:
        return self.theirs("SELECT * FROM transactions ORDER BY source_file")

    def count(self) -> int:
        """How many transactions the CFO has."""
        return int(self.theirs("SELECT count(*) FROM transactions")[0]["count"])

    def paid(self, number: str, amount: str = "100.00", **values: Any) -> int:
        """A paid crypto invoice of Alps Blockchain, unless told otherwise; its id."""
        client = values.pop("client", "Alps Blockchain")
        invoice = {
            "invoice_number": number,
            "amount_usd": Decimal(amount),
            "billing_period": "2025-10 hosting",
            "crypto_currency": "USDT",
            "crypto_network": "TRC20",
            "crypto_amount": Decimal(amount),
            "status": "paid",
            "paid_at": NOON - timedelta(minutes=1),
            **values,
        }
        with self.ledger.connect() as connection:
            return add_invoice(connection, client, **invoice)

    def many_paid(self, count: int, prefix: str) -> None:
        """Paid invoices {prefix}1, {prefix}2, …, of as many cents as their number, one paid each second."""
        self.ours(
            """WITH client AS (INSERT INTO crypto_clients (name) VALUES ('Exos Capital')
                               ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id)
               INSERT INTO crypto_invoices (invoice_number, client_id, amount_usd, crypto_currency, crypto_network,
                                            crypto_amount, status, paid_at)
               SELECT %s || n, client.id, n / 100.0, 'USDT', 'TRC20', n / 100.0, 'paid', %s + n * interval '1 second'
               FROM client, generate_series(1, %s) n RETURNING id""",
            prefix,
            NOON - timedelta(hours=1),
            count,
        )

    def paid_in_holded(self, month: date, *invoices: Row) -> None:
        """Makes these (by `id` and `document_number`) the Holded documents of the month."""
        with self.ledger.connect() as connection:
            replace_month(connection, "invoices", [month], _holded(connection, month, invoices))


def _holded(connection: psycopg.Connection, month: date, invoices: tuple[Row, ...]) -> pa.Table:
    schema = table_schema(connection, "invoices")
    usual = {
        "month": month,
        "document_type": "invoice",
        "contact_id": "c1",
        "contact_name": "GM Data Centers",
        "date": month,
        "currency": "EUR",
        "discount": Decimal("0.0000"),
        "subtotal": Decimal("1000.00"),
        "tax": Decimal("210.00"),
        "total": Decimal("1210.00"),
        "payments_total": Decimal("1210.00"),
        "payments_pending": Decimal("0.00"),
        "is_draft": False,
        "is_cancelled": False,
        "is_paid": True,
        "last_payment_on": month.replace(day=20),
        "description": "Colocation",
        "is_removed": False,
    }
    return pa.Table.from_pylist([usual | one for one in invoices], schema)


def _rows(database: Database, query: str, values: tuple[Any, ...]) -> list[Row]:
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row).execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []
