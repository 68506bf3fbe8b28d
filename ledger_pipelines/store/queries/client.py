"""What the ledger has of one company: its statements, their lines, and the records and errors behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Row = Mapping[str, Any]

#: The snapshot, or what people edit, that has the record behind a line, by the line's source type; and its key there.
RECORDS = {
    "asset": ("assets", "id"),
    "contact": ("contacts", "id"),
    "ticket": ("tickets", "ticket_number"),
    "manual_asset": ("manual_assets", "id"),
    "manual_user": ("manual_users", "id"),
    "line_item": ("custom_line_items", "id"),
}
_SNAPSHOTS = ("assets", "contacts", "tickets")


@dataclass(frozen=True, slots=True)
class TicketHours:
    """A ticket of a month: all its hours, what closed months billed of them, and those that count in the month.

    `ticket_month` is its own month where that was closed before these hours were known.
    """

    ticket_number: str
    subject: str | None
    status: str | None
    requester: str | None
    total_hours: Decimal
    billed_before: Decimal
    hours: Decimal
    ticket_month: date | None
    last_updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChargedMonth:
    """What a month's statement charges, by kind, and in all."""

    month: date
    currency: str
    total_user_charges: Decimal
    total_asset_charges: Decimal
    ticket_charge: Decimal
    backup_charge: Decimal
    total_line_item_charges: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class ClientError:
    """An open integration error that is about a company."""

    id: int
    message: str
    months: Sequence[date]
    last_seen_at: datetime
    is_blocking: bool


def rows_of(connection: psycopg.Connection, query: sql.Composable | str, values: Sequence[Any]) -> list[Row]:
    """What a query finds, a mapping for each row."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return list(cursor.execute(query, values).fetchall())  # type: ignore[arg-type]


def read_company(connection: psycopg.Connection, account: str, month: date) -> Row | None:
    """The company's record in a month's snapshot."""
    found = rows_of(
        connection, "SELECT * FROM companies WHERE month = %s AND account_number = %s", [month, account]
    )
    return found[0] if found else None


def months_of_company(connection: psycopg.Connection, account: str) -> tuple[str, list[date]] | None:
    """Its latest name and the months that it has statements in, the latest first; None where no month knows it."""
    row = connection.execute(
        """SELECT name FROM (
               SELECT month, name FROM companies WHERE account_number = %(account)s
               UNION ALL SELECT month, company_name FROM billing_statements WHERE account_number = %(account)s) known
           ORDER BY month DESC LIMIT 1""",
        {"account": account},
    ).fetchone()
    if row is None:
        return None
    months = connection.execute(
        "SELECT month FROM billing_statements WHERE account_number = %s ORDER BY month DESC", [account]
    ).fetchall()
    return row[0], [month for (month,) in months]


def read_lines(connection: psycopg.Connection, account: str, months: Sequence[date]) -> list[Row]:
    """The lines of a company's stored statements of these months."""
    return rows_of(
        connection,
        "SELECT * FROM billing_statement_lines WHERE month = ANY(%s) AND account_number = %s "
        "ORDER BY month, kind, source_type, source_id",
        [list(months), account],
    )


def charged_months(
    connection: psycopg.Connection, account: str, first: date, last: date
) -> list[ChargedMonth]:
    """What its stored statements of these months charge, in order."""
    rows = connection.execute(
        """SELECT month, currency, total_user_charges, total_asset_charges, ticket_charge, backup_charge,
                  total_line_item_charges, total
           FROM billing_statements WHERE account_number = %s AND month BETWEEN %s AND %s ORDER BY month""",
        [account, first, last],
    ).fetchall()
    return [ChargedMonth(*row) for row in rows]


def ticket_hours_of(
    connection: psycopg.Connection, account: str, month: date, ticket_number: str | None = None
) -> list[TicketHours]:
    """The tickets whose hours count in a month, or the one of this number; the largest first."""
    rows = connection.execute(
        """SELECT h.ticket_number, t.subject, t.status, coalesce(t.requester_name, t.requester_email), h.total_hours,
                  h.billed_before, h.hours, h.ticket_month, t.last_updated_at
           FROM ticket_hours h LEFT JOIN tickets t USING (month, account_number, ticket_number)
           WHERE h.month = %(month)s AND h.account_number = %(account)s
             AND (%(ticket)s::text IS NULL OR h.ticket_number = %(ticket)s)
           ORDER BY h.hours DESC, h.ticket_number""",
        {"month": month, "account": account, "ticket": ticket_number},
    ).fetchall()
    return [TicketHours(*row) for row in rows]


def open_errors_of(connection: psycopg.Connection, account: str, limit: int = 50) -> list[ClientError]:
    """The open errors about a company, the latest first."""
    rows = connection.execute(
        """SELECT id, error_message, months, last_seen_at, is_blocking FROM integration_errors
           WHERE NOT is_resolved AND NOT is_ignored
             AND (error_details ->> 'account_number' = %(account)s
                  OR entity_type = 'company' AND external_id = %(account)s)
           ORDER BY last_seen_at DESC, id DESC LIMIT %(limit)s""",
        {"account": account, "limit": limit},
    ).fetchall()
    return [ClientError(*row) for row in rows]


def read_record(
    connection: psycopg.Connection, account: str, month: date, source_type: str, source_id: str
) -> Row | None:
    """The record behind a line: of the month's snapshot, or as people have edited it by now."""
    table, key = RECORDS[source_type]
    query = sql.SQL("SELECT * FROM {} WHERE account_number = %s AND {}::text = %s").format(
        sql.Identifier(table), sql.Identifier(key)
    )
    values: list[Any] = [account, source_id]
    if table in _SNAPSHOTS:
        query, values = query + sql.SQL(" AND month = %s"), [*values, month]
    found = rows_of(connection, query, values)
    return found[0] if found else None


def read_snapshot_time(connection: psycopg.Connection, month: date, table: str) -> datetime | None:
    """When a month's rows of a table were read from their source."""
    row = connection.execute(
        "SELECT snapshot_at FROM month_snapshots WHERE month = %s AND table_name = %s", [month, table]
    ).fetchone()
    return None if row is None else row[0]


def override_in_force(
    connection: psycopg.Connection, table: str, key: str, value: Any, month: date
) -> Row | None:
    """Of one thing's overrides the one that counts in a month: that which began latest."""
    query = sql.SQL(
        "SELECT * FROM {} WHERE {} = %s AND coalesce(from_month <= %s, true) ORDER BY from_month DESC NULLS LAST LIMIT 1"
    ).format(sql.Identifier(table), sql.Identifier(key))
    found = rows_of(connection, query, [value, month])
    return found[0] if found else None


def last_term(connection: psycopg.Connection, account: str) -> tuple[date, str] | None:
    """The last month that has the company, and its contract term there, empty where it has none; None without any."""
    found = rows_of(
        connection,
        "SELECT month, coalesce(contract_term_length, '') AS term FROM companies WHERE account_number = %s "
        "ORDER BY month DESC LIMIT 1",
        [account],
    )
    return (found[0]["month"], found[0]["term"]) if found else None


def plans_named(connection: psycopg.Connection, name: str, month: date) -> tuple[list[Row], list[Row]]:
    """The plans of a name, whatever their terms: our own that have begun by the month, the one that counts first; and
    the month's of Codex.
    """
    own = rows_of(
        connection,
        "SELECT * FROM billing_plans WHERE btrim(billing_plan) = %s AND coalesce(from_month <= %s, true) "
        "ORDER BY from_month DESC NULLS LAST, id DESC",
        [name, month],
    )
    codex = rows_of(
        connection,
        "SELECT * FROM plans WHERE month = %s AND btrim(plan_name) = %s ORDER BY plan_name, term_length",
        [month, name],
    )
    return own, codex
