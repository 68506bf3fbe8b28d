"""Questions about invoices that checks and people ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg


def misplaced_documents(connection: psycopg.Connection, months: Sequence[date]) -> list[tuple[date, str]]:
    """Documents that would be counted twice: month and number, of the months asked for.

    A document stands in two open months when its date was moved and only one of them was read again; news of a
    month that was closed and is open again stands in it and in the month that took the news.
    """
    return connection.execute(
        """SELECT i.month, coalesce(i.document_number, i.id) FROM invoices i
           WHERE i.month = ANY(%(months)s)
             AND EXISTS (SELECT FROM invoices other
                         JOIN ledger_periods p ON p.month = other.month AND p.status = 'open'
                         WHERE other.id = i.id AND other.month <> i.month)
             AND EXISTS (SELECT FROM ledger_periods p WHERE p.month = i.month AND p.status = 'open')
           ORDER BY 1, 2""",
        {"months": list(months)},
    ).fetchall()


def documents_off_their_lines(
    connection: psycopg.Connection, months: Sequence[date]
) -> list[tuple[date, str, str]]:
    """Documents whose subtotal is not the sum of their lines: month, number, and both amounts as text.

    Each line may be a cent off: the lines' amounts are rounded, and the subtotal may be rounded once.
    """
    return connection.execute(
        """SELECT i.month, coalesce(i.document_number, i.id), i.subtotal || ' is not ' || sum(l.net_amount)
           FROM invoices i JOIN invoice_lines l ON l.month = i.month AND l.invoice_id = i.id
           WHERE i.month = ANY(%s) AND NOT i.is_draft AND NOT i.is_cancelled AND NOT i.is_removed
           GROUP BY i.month, i.id, i.document_number, i.subtotal
           HAVING abs(i.subtotal - sum(l.net_amount)) > 0.01 * count(*)
           ORDER BY 1, 2""",
        [list(months)],
    ).fetchall()
