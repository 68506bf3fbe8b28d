"""Questions about invoices that checks and people ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa


def misplaced_documents(connection: psycopg.Connection, months: Sequence[date]) -> list[tuple[date, str]]:
    """Documents that would be counted twice: month, and number with client and amount, of the months asked for.

    A document stands in two open months when its date was moved and only one of them was read again; news of a
    month that was closed and is open again stands in it and in the month that took the news.
    """
    return connection.execute(
        """SELECT i.month, concat_ws(' ', coalesce(i.document_number, i.id), 'of ' || i.contact_name,
                                 'over ' || i.total || ' ' || i.currency)
           FROM invoices i WHERE i.month = ANY(%(months)s)
             AND EXISTS (SELECT FROM invoices other
                         JOIN ledger_periods p ON p.month = other.month AND p.status = 'open'
                         WHERE other.id = i.id AND other.month <> i.month)
             AND EXISTS (SELECT FROM ledger_periods p WHERE p.month = i.month AND p.status = 'open')
           ORDER BY 1, 2""",
        {"months": list(months)},
    ).fetchall()


def known_documents(connection: psycopg.Connection, ids: pa.Array[Any]) -> pa.Array[Any]:
    """Those of these ids that are invoices of any month, such as the one that a credit note was made from."""
    rows = connection.execute(
        "SELECT DISTINCT id FROM invoices WHERE id = ANY(%s) AND document_type = 'invoice'",
        [ids.drop_null().unique().to_pylist()],
    ).fetchall()
    return pa.array([document_id for (document_id,) in rows], pa.string())


def invoiced_contacts(connection: psycopg.Connection, ids: pa.Array[Any]) -> list[str]:
    """Those of these contacts that any month's contracts are of, in order."""
    rows = connection.execute(
        "SELECT DISTINCT contact_id FROM contracts WHERE contact_id = ANY(%s) ORDER BY 1", [ids.to_pylist()]
    ).fetchall()
    return [contact_id for (contact_id,) in rows]
