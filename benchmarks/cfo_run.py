"""A CFO sync of paid invoices against one bare INSERT of the same transactions, measured in one process and server.

The baseline is one INSERT of the same rows, ready in the server, into a table of the same form with the same keys:
no time of a client is in it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
import pyarrow as pa
from psycopg import sql

from benchmarks.databases import filled_database
from ledger_pipelines.cfo.transactions import transactions_of
from ledger_pipelines.destinations.cfo.transactions import CFO_SCHEMA, prepare_cfo_database
from ledger_pipelines.store.cfo.sync import CLAIMED, read_mappings
from ledger_pipelines.store.copy import copy_in, copy_out
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.cfo.sync import sync_invoices

FIRST = date(2025, 1, 1)
NOW = datetime(2025, 11, 1, tzinfo=UTC)
ROUNDS = 3
_TYPES = {"invoice_id": "integer", "date": "timestamptz", "amount": "numeric", "confidence": "numeric"}


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds: medians."""

    invoices: int = 0
    bare_insert: float = 0
    sync: float = 0


def fill(database: Database, invoices: int) -> None:
    """Paid crypto invoices of three clients, one every minute of October."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO crypto_clients (name) VALUES ('Alps Blockchain'), ('Exos Capital'), ('Somebody Else')"
        )
        connection.execute(
            """INSERT INTO crypto_invoices (invoice_number, client_id, billing_period, description, amount_usd,
                                            crypto_currency, crypto_network, crypto_amount, status, paid_at)
               SELECT 'DPY-2025-10-' || n, 1 + n %% 3, '2025-10', CASE n %% 2 WHEN 0 THEN 'Hosting of miners' END,
                      100 + n, 'USDT', 'TRC20', 100 + n, 'paid', timestamptz '2025-10-01Z' + n * interval '1 minute'
               FROM generate_series(1, %s) AS n""",
            [invoices],
        )
        connection.execute("ANALYZE")


def measure(invoices: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    tell(f"Writing {invoices:,} paid invoices")
    with filled_database(FIRST, fill, invoices) as database:
        cfo = Database(database.url, CFO_SCHEMA)
        prepare_cfo_database(cfo)
        tell("CFO sync against one bare INSERT")
        with database.connect() as ours, cfo.connect() as theirs:
            return _measure(database, cfo, ours, theirs)


def _measure(
    database: Database, cfo: Database, ours: psycopg.Connection, theirs: psycopg.Connection
) -> Figures:
    transactions = _transactions(ours)
    figures = Figures(invoices=transactions.num_rows)
    theirs.execute("CREATE TABLE bare_transactions (LIKE transactions INCLUDING ALL)")
    inserts, syncs = [], []
    for _ in range(ROUNDS):
        inserts.append(_bare_insert(theirs, transactions))
        ours.execute("TRUNCATE crypto_invoice_cfo_sync, crypto_cfo_sync_log")
        ours.execute("UPDATE crypto_invoices SET status = 'paid' WHERE status = 'complete'")
        theirs.execute("TRUNCATE transactions")
        ours.execute("VACUUM ANALYZE crypto_invoices")
        ours.execute("CHECKPOINT")
        began = time.perf_counter()
        counts = sync_invoices(database, cfo, clock=lambda: NOW)
        syncs.append(time.perf_counter() - began)
        if counts.inserted != figures.invoices:
            raise RuntimeError(f"{counts.inserted} of {figures.invoices} invoices were synced")
    figures.bare_insert, figures.sync = statistics.median(inserts), statistics.median(syncs)
    return figures


def _transactions(ours: psycopg.Connection) -> pa.Table:
    query = sql.SQL(
        """SELECT invoice_id, origin, invoice_number, client_name, billing_period, description, amount, currency, paid_in,
                  paid_at AT TIME ZONE 'UTC', 0 FROM v_paid_invoices ORDER BY invoice_id"""
    )
    return transactions_of(copy_out(ours, query, CLAIMED), *read_mappings(ours)).transactions


def _bare_insert(theirs: psycopg.Connection, transactions: pa.Table) -> float:
    names = sql.SQL(", ").join(
        sql.Identifier(name) for name in transactions.column_names if name != "invoice_id"
    )
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_TYPES.get(name, "text")))
        for name in transactions.column_names
    )
    theirs.execute("TRUNCATE bare_transactions")
    with theirs.transaction():
        theirs.execute(sql.SQL("CREATE TEMPORARY TABLE ready ({}) ON COMMIT DROP").format(columns))
        copy_in(theirs, sql.Identifier("pg_temp", "ready"), transactions)
        began = time.perf_counter()
        theirs.execute(sql.SQL("INSERT INTO bare_transactions ({0}) SELECT {0} FROM ready").format(names))
        return time.perf_counter() - began
