"""Electronic invoices in the database: each document once, in whatever month it is posted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import ClosedMonthError
from ledger_pipelines.months import describe_months
from ledger_pipelines.store.copy import copy_in, months_in
from ledger_pipelines.store.months import lock_months
from ledger_pipelines.store.writes import record_writes
from ledger_pipelines.tables.vendor_invoices import (
    VENDOR_INVOICE_LINES,
    VENDOR_INVOICE_TAXES,
    VENDOR_INVOICES,
)

#: Where they are kept, in the order in which they are locked and read.
TABLES = (VENDOR_INVOICES, VENDOR_INVOICE_TAXES, VENDOR_INVOICE_LINES)


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a document that was taken before."""

    month: date
    payable: Decimal
    currency: str
    file: str
    sha256: str
    content: str


def lock_documents(connection: psycopg.Connection) -> None:
    """Keeps other imports from looking for documents or adding them until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ledger.vendor_invoices', 0))")


def find_document(connection: psycopg.Connection, supplier: str, kind: str, number: str) -> Known | None:
    """The document of this key, in whatever month it is."""
    rows = connection.execute(
        """SELECT month, payable, currency, file, sha256, content FROM vendor_invoices
           WHERE supplier = %s AND kind = %s AND number = %s""",
        [supplier, kind, number],
    ).fetchall()
    return Known(*rows[0]) if rows else None


def add_documents(connection: psycopg.Connection, frames: Mapping[str, pa.Table]) -> None:
    """Adds the rows of each table (`TABLES`), whose partitions must be there; for a transaction of the caller's.

    Raises ClosedMonthError when one of their months is closed.
    """
    for table in TABLES:
        frame = frames[table.name]
        months = months_in(frame)
        closed = lock_months(connection, table.name, months)
        if closed:
            raise ClosedMonthError(
                f"{describe_months(closed)} was closed meanwhile: import the file again, it goes to the next open month."
            )
        copy_in(connection, sql.Identifier(table.name), frame)
        record_writes(connection, table.name, months, written_by=None)


def fill_self_assessed(connection: psycopg.Connection, month: date, taxes: pa.Table) -> int:
    """Sets the self-assessed VAT of a document's taxes where none is kept and these have one; the number of rows.

    For a transaction of the caller's. A closed month's stay as they are.
    """
    table = VENDOR_INVOICE_TAXES.name
    if lock_months(connection, table, [month]):
        return 0
    filled = 0
    for row in taxes.to_pylist():
        filled += connection.execute(
            """UPDATE vendor_invoice_taxes
               SET self_assessed_rate = %(self_assessed_rate)s, self_assessed = %(self_assessed)s
               WHERE month = %(kept_in)s AND supplier = %(supplier)s AND kind = %(kind)s AND number = %(number)s
                 AND line = %(line)s AND self_assessed IS NULL AND %(self_assessed)s::numeric IS NOT NULL""",
            {**row, "kept_in": month},
        ).rowcount
    if filled:
        record_writes(connection, table, [month], written_by=None)
    return filled
