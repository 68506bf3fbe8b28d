"""Crypto clients, their invoices, and the payments of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ledger_pipelines.errors import ConflictError, LedgerError


@dataclass(frozen=True, slots=True)
class CryptoInvoice:
    """An invoice as a payment finds it: `amount` in its own currency; whether the CFO has it, or a sync is at it."""

    id: int
    number: str
    status: str
    currency: str
    amount: Decimal
    network: str | None
    paid_at: datetime | None
    is_handed_over: bool


@dataclass(frozen=True, slots=True)
class StoredPayment:
    """A payment as it is kept: with an empty `output` nobody has said which of the transaction's it is.

    `counts` is false of one on another network than the invoice's; `is_unexpected` says that it came when the invoice
    was cancelled or complete already.
    """

    id: int
    invoice_id: int
    transaction_hash: str
    output: str
    amount: Decimal
    confirmations: int
    needed: int
    confirmed_at: datetime | None
    lost_at: datetime | None
    counts: bool
    is_unexpected: bool


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


def reported_invoice(connection: psycopg.Connection, number: str) -> dict[str, Any] | None:
    """What was reported of an invoice, by column, and its client; None where there is none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT i.invoice_number, c.name AS client_name, i.amount_usd, i.crypto_currency, i.crypto_network,
                      i.crypto_amount, i.billing_period, i.description, i.issue_date, i.due_date
               FROM crypto_invoices i JOIN crypto_clients c ON c.id = i.client_id WHERE i.invoice_number = %s""",
            [number],
        ).fetchone()


def number_of(connection: psycopg.Connection, invoice_id: int) -> str | None:
    """The number of a crypto invoice by its id; None where there is none."""
    row = connection.execute(
        "SELECT invoice_number FROM crypto_invoices WHERE id = %s", [invoice_id]
    ).fetchone()
    return None if row is None else str(row[0])


def lock_invoice(connection: psycopg.Connection, number: str, currency: str) -> CryptoInvoice:
    """The invoice, locked until the transaction ends, so that two payments at once are counted together.

    Raises LedgerError when there is none, or it is in another currency.
    """
    row = connection.execute(
        """SELECT id, invoice_number, status, crypto_currency, crypto_amount, crypto_network, paid_at,
                  EXISTS (SELECT FROM crypto_invoice_cfo_sync s
                          WHERE s.invoice_id = i.id AND s.sync_status IN ('synced', 'pending'))
           FROM crypto_invoices i WHERE invoice_number = %s FOR UPDATE""",
        [number],
    ).fetchone()
    if row is None:
        raise LedgerError(f"There is no crypto invoice {number}: check its number.")
    invoice = CryptoInvoice(*row)
    if invoice.currency.strip().casefold() != currency.strip().casefold():
        raise LedgerError(
            f"Invoice {number} is in {invoice.currency}, the payment in {currency}: check which it pays."
        )
    return invoice


def payments_of_transaction(connection: psycopg.Connection, transaction_hash: str) -> list[StoredPayment]:
    """All payments of one transaction, whichever invoices they are of."""
    return _payments(connection, "transaction_hash", transaction_hash)


def payments_of(connection: psycopg.Connection, invoice: CryptoInvoice) -> list[StoredPayment]:
    """The invoice's payments, in the order in which they were detected."""
    return _payments(connection, "invoice_id", invoice.id)


def _payments(connection: psycopg.Connection, by: str, value: str | int) -> list[StoredPayment]:
    query = sql.SQL(
        """SELECT id, invoice_id, transaction_hash, output, amount, confirmations, needed, confirmed_at, lost_at,
                  counts, is_unexpected
           FROM crypto_payment_transactions WHERE {} = %s ORDER BY id"""
    ).format(sql.Identifier(by))
    rows = connection.execute(query, [value]).fetchall()
    return [StoredPayment(*row) for row in rows]


def add_payment(
    connection: psycopg.Connection,
    invoice: CryptoInvoice,
    *,
    transaction_hash: str,
    output: str,
    currency: str,
    network: str | None,
    amount: Decimal,
    confirmations: int,
    needed: int,
    counts: bool,
    is_unexpected: bool,
    at: datetime,
) -> None:
    """Stores a payment that was not reported before; `at` is when it is.

    Raises LedgerError when another invoice's report of it came first at this moment.
    """
    row = connection.execute(
        """INSERT INTO crypto_payment_transactions
               (invoice_id, transaction_hash, output, currency, network, amount, confirmations, needed, counts,
                is_unexpected, detected_at, confirmed_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (transaction_hash, output) DO NOTHING RETURNING id""",
        [
            invoice.id,
            transaction_hash,
            output,
            currency,
            network,
            amount,
            confirmations,
            needed,
            counts,
            is_unexpected,
            at,
            at if confirmations >= needed else None,
        ],
    ).fetchone()
    if row is None:
        raise ConflictError(
            f"The payment {transaction_hash} was told of another invoice just now: tell its output."
        )


def renew_payment(
    connection: psycopg.Connection,
    payment: StoredPayment,
    *,
    output: str,
    network: str | None,
    confirmations: int,
    needed: int,
    counts: bool,
    is_unexpected: bool,
    at: datetime,
) -> None:
    """Stores what is reported of a payment now: its confirmations may be more or fewer than before."""
    connection.execute(
        """UPDATE crypto_payment_transactions
           SET output = %(output)s, network = %(network)s, confirmations = %(confirmations)s, needed = %(needed)s,
               counts = %(counts)s, is_unexpected = is_unexpected OR %(is_unexpected)s,
               confirmed_at = CASE WHEN %(is_confirmed)s THEN coalesce(confirmed_at, %(at)s) END,
               lost_at = CASE WHEN %(is_confirmed)s THEN NULL
                              WHEN confirmed_at IS NOT NULL THEN %(at)s ELSE lost_at END
           WHERE id = %(id)s""",
        {
            "id": payment.id,
            "output": output,
            "network": network,
            "confirmations": confirmations,
            "needed": needed,
            "counts": counts,
            "is_unexpected": is_unexpected,
            "is_confirmed": confirmations >= needed,
            "at": at,
        },
    )


def set_state(
    connection: psycopg.Connection,
    invoice: CryptoInvoice,
    *,
    status: str,
    paid_at: datetime | None,
    received: Decimal | None,
) -> None:
    """Gives the invoice this status, the instant of payment and what payments made it paid, each null where it is not."""
    connection.execute(
        "UPDATE crypto_invoices SET status = %s, paid_at = %s, received = %s WHERE id = %s",
        [status, paid_at, received, invoice.id],
    )
