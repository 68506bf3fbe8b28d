"""What the console's search box finds: companies, statements and invoices, by their numbers and names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import psycopg

#: How many of each kind are shown: who sees this many types more of what is sought.
MOST = 25


@dataclass(frozen=True, slots=True)
class FoundCompany:
    """A company by its latest name, and the latest month that knows it."""

    account_number: str
    name: str
    month: date


@dataclass(frozen=True, slots=True)
class FoundStatement:
    """A statement of a company."""

    statement_number: str
    account_number: str
    company_name: str
    month: date
    total: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class FoundInvoice:
    """An invoice of Holded (`source` is `holded`), or one to be paid in a cryptocurrency (`crypto`)."""

    source: str
    number: str | None
    customer: str | None
    date: date
    amount: Decimal
    currency: str


def _pattern(text: str) -> str:
    """LIKE's pattern for a text anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def find_companies(connection: psycopg.Connection, text: str) -> list[FoundCompany]:
    """Companies whose account or name, in any month, has the text; whose account it is comes first."""
    rows = connection.execute(
        """SELECT account_number, name, month FROM (
               SELECT DISTINCT ON (account_number) account_number, name, month FROM companies
               WHERE account_number ILIKE %(pattern)s OR name ILIKE %(pattern)s
               ORDER BY account_number, month DESC) found
           ORDER BY account_number <> %(text)s, name, account_number LIMIT %(most)s""",
        {"pattern": _pattern(text), "text": text, "most": MOST},
    ).fetchall()
    return [FoundCompany(*row) for row in rows]


def find_statements(connection: psycopg.Connection, text: str) -> list[FoundStatement]:
    """Statements whose number begins with the text, which must name the account in full: `620547-2025`."""
    account, dash, _ = text.rpartition("-")
    if not dash:
        return []
    rows = connection.execute(
        """SELECT statement_number, account_number, company_name, month, total, currency FROM billing_statements
           WHERE account_number = %s AND starts_with(statement_number, %s) ORDER BY month DESC LIMIT %s""",
        [account, text, MOST],
    ).fetchall()
    return [FoundStatement(*row) for row in rows]


def find_invoices(connection: psycopg.Connection, text: str) -> list[FoundInvoice]:
    """Invoices whose number or customer has the text; whose number it is come first, then the latest."""
    rows = connection.execute(
        """SELECT source, number, customer, day, amount, currency FROM (
               SELECT 'holded' AS source, document_number AS number, contact_name AS customer, date AS day,
                      total AS amount, currency FROM invoices WHERE NOT is_removed
               UNION ALL
               SELECT 'crypto', invoice_number, c.name, i.created_at::date, amount_usd, 'USD'
               FROM crypto_invoices i JOIN crypto_clients c ON c.id = i.client_id) invoices
           WHERE number ILIKE %(pattern)s OR customer ILIKE %(pattern)s
           ORDER BY lower(number) <> lower(%(text)s), day DESC, source, number LIMIT %(most)s""",
        {"pattern": _pattern(text), "text": text, "most": MOST},
    ).fetchall()
    return [FoundInvoice(*row) for row in rows]
