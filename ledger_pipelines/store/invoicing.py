"""Questions about invoices that checks and people ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg


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


def documents_off_their_lines(
    connection: psycopg.Connection, months: Sequence[date]
) -> list[tuple[date, str]]:
    """Documents whose subtotal is not the sum of their lines: month, and number with client and amounts.

    Each line may be a cent off: the lines' amounts are rounded, and the subtotal may be rounded once.
    """
    rows = connection.execute(
        """SELECT i.month, concat_ws(' ', coalesce(i.document_number, i.id), 'of ' || i.contact_name,
                                 'over ' || i.total || ' ' || i.currency),
                  i.subtotal || ' is not ' || l.net
           FROM invoices i
           JOIN LATERAL (SELECT sum(net_amount) AS net, count(*) AS lines FROM invoice_lines l
                            WHERE l.month = i.month AND l.invoice_id = i.id) l ON true
           WHERE i.month = ANY(%s) AND NOT i.is_draft AND NOT i.is_cancelled AND NOT i.is_removed
                 AND abs(i.subtotal - l.net) > 0.01 * l.lines
           ORDER BY 1, 2""",
        [list(months)],
    ).fetchall()
    return [(month, f"{name}: {told}") for month, name, told in rows]
