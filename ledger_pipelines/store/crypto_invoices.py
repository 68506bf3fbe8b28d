"""Crypto clients, their invoices, and the payments of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ledger_pipelines.errors import LedgerError


@dataclass(frozen=True, slots=True)
class CryptoInvoice:
    """An invoice as a payment finds it: `amount` in its own currency."""

    id: int
    number: str
    status: str
    currency: str
    amount: Decimal
    network: str | None


def add_invoice(connection: psycopg.Connection, client: str, **values: Any) -> int:
    """Stores an invoice of a client, made when new, and returns its id; an invoice that is there stays as it is."""
    with connection.transaction():
        connection.execute("INSERT INTO crypto_clients (name) VALUES (%s) ON CONFLICT DO NOTHING", [client])
        names = sorted(values)
        connection.execute(
            sql.SQL(
                "INSERT INTO crypto_invoices (client_id, {}) SELECT id, {} FROM crypto_clients WHERE name = %s "
                "ON CONFLICT (invoice_number) DO NOTHING"
            ).format(
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            ),
            [*(values[name] for name in names), client],
        )
        ((number,),) = connection.execute(
            "SELECT id FROM crypto_invoices WHERE invoice_number = %s", [values["invoice_number"]]
        ).fetchall()
    return int(number)


def lock_invoice(connection: psycopg.Connection, number: str, currency: str) -> CryptoInvoice:
    """The invoice, locked until the transaction ends, so that two payments at once are counted together.

    Raises LedgerError when there is none, or it is in another currency.
    """
    row = connection.execute(
        """SELECT id, invoice_number, status, crypto_currency, crypto_amount, crypto_network FROM crypto_invoices
           WHERE invoice_number = %s FOR UPDATE""",
        [number],
    ).fetchone()
    if row is None:
        raise LedgerError(f"There is no crypto invoice {number}: check its number.")
    invoice = CryptoInvoice(*row)
    if invoice.currency.casefold() != currency.casefold():
        raise LedgerError(
            f"Invoice {number} is in {invoice.currency}, the payment in {currency}: check which it pays."
        )
    return invoice


def store_payment(
    connection: psycopg.Connection,
    invoice: CryptoInvoice,
    *,
    transaction_hash: str,
    currency: str,
    network: str | None,
    amount: Decimal,
    confirmations: int,
    needed: int,
    at: datetime,
) -> None:
    """Keeps a payment, or the confirmations that it has gained; `at` is when it reached those it needs.

    Raises LedgerError when its hash was told of another invoice or with another amount.
    """
    confirmed_at = at if confirmations >= needed else None
    row = connection.execute(
        """INSERT INTO crypto_payment_transactions AS p
               (invoice_id, transaction_hash, currency, network, amount, confirmations, needed, detected_at, confirmed_at)
           VALUES (%(invoice)s, %(hash)s, %(currency)s, %(network)s, %(amount)s, %(confirmations)s, %(needed)s, %(at)s,
                   %(confirmed_at)s)
           ON CONFLICT (transaction_hash) DO UPDATE
           SET confirmations = greatest(p.confirmations, excluded.confirmations),
               confirmed_at = CASE WHEN greatest(p.confirmations, excluded.confirmations) >= p.needed
                                   THEN coalesce(p.confirmed_at, %(at)s) END
           RETURNING invoice_id, amount""",
        {
            "invoice": invoice.id,
            "hash": transaction_hash,
            "currency": currency,
            "network": network,
            "amount": amount,
            "confirmations": confirmations,
            "needed": needed,
            "at": at,
            "confirmed_at": confirmed_at,
        },
    ).fetchone()
    if row != (invoice.id, amount):
        raise LedgerError(
            f"The payment {transaction_hash} was told before, of another invoice or with another amount: "
            f"it cannot pay {invoice.number}."
        )


def payments_of(connection: psycopg.Connection, invoice: CryptoInvoice) -> list[Mapping[str, Any]]:
    """The invoice's payments, in the order in which they were detected."""
    cursor = connection.cursor(row_factory=dict_row)
    return list(
        cursor.execute(
            """SELECT transaction_hash, amount, confirmations, needed, confirmed_at
               FROM crypto_payment_transactions WHERE invoice_id = %s ORDER BY id""",
            [invoice.id],
        )
    )


def set_state(
    connection: psycopg.Connection, invoice: CryptoInvoice, status: str, paid_at: datetime | None
) -> None:
    """Gives the invoice this status; the instant of payment stays what it was first."""
    connection.execute(
        "UPDATE crypto_invoices SET status = %s, paid_at = coalesce(paid_at, %s) WHERE id = %s",
        [status, paid_at, invoice.id],
    )
