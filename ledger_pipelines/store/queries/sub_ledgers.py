"""What the sub-ledgers and reports read of the journal: lines of control accounts, and sums of all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row

from ledger_pipelines.store.copy import copy_out
from ledger_pipelines.tables.sub_ledgers import CUSTOMER_LEDGER

_ENTRY_COLUMNS = frozenset(
    {"posting_date", "document_date", "source_type", "source_system", "source_id", "reverses"}
)

#: Both sub-ledgers have the same columns.
_ITEMS = CUSTOMER_LEDGER.part(("party", "voucher", "remaining_amount", "currency"))


def read_control_lines(
    connection: psycopg.Connection, schema: pa.Schema, until: date, *, entries: Sequence[str] | None = None
) -> pa.Table:
    """The journal's lines on control accounts up to a month, with what their entries say; `control` is whose it is.

    Those of these entries only, where some are given.
    """
    of_entries: sql.Composable = sql.SQL("")
    if entries is not None:
        of_entries = sql.SQL(" AND l.entry_id = ANY ({}::text[])").format(sql.Literal(list(entries)))
    columns = sql.SQL(", ").join(
        sql.Identifier("a" if name == "control" else "e" if name in _ENTRY_COLUMNS else "l", name)
        for name in schema.names
    )
    query = sql.SQL(
        """SELECT {} FROM journal_lines l JOIN accounts a ON a.number = l.account AND a.control IS NOT NULL
           JOIN journal_entries e ON e.month = l.month AND e.id = l.entry_id WHERE l.month <= {}{}"""
    ).format(columns, sql.Literal(until), of_entries)
    return copy_out(connection, query, schema)


def read_movements(
    connection: psycopg.Connection, schema: pa.Schema, until: date, *, as_of: date | None = None
) -> pa.Table:
    """The journal's debits and credits up to a month, by month, account and currency, and what of them is draft.

    Up to a day of that month, where one is given.
    """
    later: sql.Composable = sql.SQL("")
    if as_of is not None:
        later = sql.SQL(
            " AND NOT EXISTS (SELECT FROM journal_entries e WHERE e.month = l.month AND e.id = l.entry_id "
            "AND e.posting_date > {})"
        ).format(sql.Literal(as_of))
    query = sql.SQL(
        """SELECT l.month, l.account, l.currency, coalesce(sum(l.debit), 0), coalesce(sum(l.credit), 0),
                  coalesce(sum(l.debit) FILTER (WHERE d.id IS NOT NULL), 0),
                  coalesce(sum(l.credit) FILTER (WHERE d.id IS NOT NULL), 0)
           FROM journal_lines l
           LEFT JOIN (SELECT month, id FROM journal_entries WHERE status = 'draft') d
               ON d.month = l.month AND d.id = l.entry_id
           WHERE l.month <= {}{} GROUP BY 1, 2, 3"""
    ).format(sql.Literal(until), later)
    return copy_out(connection, query, schema)


def read_vat_lines(
    connection: psycopg.Connection, schema: pa.Schema, months: Sequence[date], vat_accounts: Sequence[str]
) -> pa.Table:
    """The months' lines on VAT accounts, and those that name a VAT code, category or rate."""
    if not months:
        return schema.empty_table()
    columns = sql.SQL(", ").join(map(sql.Identifier, schema.names))
    query = sql.SQL(
        """SELECT {} FROM journal_lines WHERE month IN ({}) AND (account = ANY ({}::text[]) OR vat_category IS NOT NULL
           OR vat_code IS NOT NULL OR vat_rate IS NOT NULL)"""
    ).format(columns, sql.SQL(", ").join(map(sql.Literal, months)), sql.Literal(list(vat_accounts)))
    return copy_out(connection, query, schema)


def read_without_contract(
    connection: psycopg.Connection, schema: pa.Schema, account: str, until: date
) -> pa.Table:
    """What of an account people entered by hand or opened with, up to a month: credits positive, by reason."""
    query = sql.SQL(
        """SELECT l.month, l.account, l.currency,
                  CASE e.source_type WHEN 'manual' THEN 'manual' ELSE 'openings' END,
                  coalesce(sum(l.credit), 0) - coalesce(sum(l.debit), 0)
           FROM journal_lines l JOIN journal_entries e ON e.month = l.month AND e.id = l.entry_id
           WHERE l.account = {} AND e.source_type IN ('manual', 'opening') AND l.month <= {} GROUP BY 1, 2, 3, 4"""
    ).format(sql.Literal(account), sql.Literal(until))
    return copy_out(connection, query, schema)


def read_balances(connection: psycopg.Connection, schema: pa.Schema, months: Sequence[date]) -> pa.Table:
    """What remains of all items at the months' ends, by control account and currency, as the tables have it."""
    if not months:
        return schema.empty_table()
    query = sql.SQL(
        """SELECT month, account, currency, sum(remaining_amount) FROM
           (SELECT month, account, currency, remaining_amount FROM customer_ledger
            UNION ALL SELECT month, account, currency, remaining_amount FROM supplier_ledger) l
           WHERE month IN ({}) GROUP BY 1, 2, 3"""
    ).format(sql.SQL(", ").join(map(sql.Literal, months)))
    return copy_out(connection, query, schema)


def read_terms(connection: psycopg.Connection) -> Mapping[str, tuple[int | None, int | None, bool]]:
    """The parties' payment terms: days, months, and whether they count from the month's end."""
    rows = connection.execute(
        """SELECT id, payment_days, payment_months, free_billing_month FROM parties
           WHERE payment_days IS NOT NULL OR payment_months IS NOT NULL OR free_billing_month"""
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def read_items_on(connection: psycopg.Connection, schema: pa.Schema, table: str, day: date) -> pa.Table:
    """What is left of each item of a sub-ledger at the end of a day, with the names of the parties.

    That is what its month's end has, without the changes after the day.
    """
    query = sql.SQL(
        """WITH later AS (
               SELECT item, sum(amount) AS amount FROM {changes}
               WHERE month = date_trunc('month', {day}::date)::date AND date > {day} GROUP BY item
           )
           SELECT l.party, coalesce(p.name, l.party), l.voucher, l.invoice_number, l.currency, l.due_date,
                  l.remaining_amount - coalesce(c.amount, 0), l.item, l.account
           FROM {ledger} l LEFT JOIN later c USING (item) LEFT JOIN parties p ON p.id = l.party
           WHERE l.month = date_trunc('month', {day}::date)::date AND l.remaining_amount <> coalesce(c.amount, 0)
           ORDER BY l.item"""
    ).format(
        ledger=sql.Identifier(table), changes=sql.Identifier(f"{table}_transactions"), day=sql.Literal(day)
    )
    return copy_out(connection, query, schema)


def read_transactions(connection: psycopg.Connection, schema: pa.Schema, table: str, until: date) -> pa.Table:
    """The changes of a sub-ledger up to a month, in their order."""
    query = sql.SQL("SELECT {} FROM {} WHERE month <= {} ORDER BY month, item, number").format(
        sql.SQL(", ").join(map(sql.Identifier, schema.names)),
        sql.Identifier(f"{table}_transactions"),
        sql.Literal(until),
    )
    return copy_out(connection, query, schema)


def existing_items(connection: psycopg.Connection, items: Sequence[str]) -> set[str]:
    """Those of the items, by their ids, whose journal lines are there."""
    entries = sorted({item.rpartition(":")[0] for item in items})
    if not entries:
        return set()
    rows = connection.execute(
        "SELECT entry_id || ':' || line FROM journal_lines WHERE entry_id = ANY(%s)", [entries]
    ).fetchall()
    return {item for (item,) in rows} & set(items)


def items_that_do_not_add_up(connection: psycopg.Connection, table: str, month: date) -> pa.Table:
    """The items of a month of which the month before and the changes of the month come to something else."""
    query = sql.SQL(
        """WITH before AS (
               SELECT item, remaining_amount FROM {ledger} WHERE month = ({month}::date - interval '1 month')::date
           ), changes AS (
               SELECT item, sum(amount) AS amount FROM {changes} WHERE month = {month} GROUP BY item
           )
           SELECT l.party, l.voucher, l.remaining_amount, l.currency
           FROM {ledger} l LEFT JOIN before b USING (item) LEFT JOIN changes c USING (item)
           WHERE l.month = {month}
             AND l.remaining_amount <> coalesce(b.remaining_amount, 0) + coalesce(c.amount, 0)
             AND (b.item IS NOT NULL OR l.posting_date >= {month})
           ORDER BY l.item"""
    ).format(
        ledger=sql.Identifier(table),
        changes=sql.Identifier(f"{table}_transactions"),
        month=sql.Literal(month),
    )
    return copy_out(connection, query, _ITEMS)


def balance_by_month(
    connection: psycopg.Connection, table: str, last: date
) -> dict[str, dict[date, Decimal]]:
    """What remained at the ends of the twelve months up to the last, by currency and month."""
    query = sql.SQL(
        """SELECT currency, month, sum(remaining_amount) FROM {}
           WHERE month > %(last)s::date - interval '12 months' AND month <= %(last)s GROUP BY 1, 2"""
    ).format(sql.Identifier(table))
    found: dict[str, dict[date, Decimal]] = {}
    for currency, month, amount in connection.execute(query, {"last": last}).fetchall():
        found.setdefault(currency, {})[month] = amount
    return found


def draft_share(connection: psycopg.Connection, month: date) -> tuple[int, int]:
    """How many of a month's entries are drafts, and how many there are."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE status = 'draft'), count(*) FROM journal_entries WHERE month = %s",
        [month],
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def read_entries_beside_rows(
    connection: psycopg.Connection, after: date, until: date
) -> list[dict[str, Any]]:
    """The entries after a day up to another on control accounts, each beside the rows that it made.

    `day`, `entry` (its id), `account`, `who` (the party's name, else what the line or its entry says), `amount` on the
    side that raises the account, `currency`, and `left` in the rows of its month; None where it made no row.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """WITH made AS (
                   SELECT month, voucher, account, party, currency, remaining_amount FROM customer_ledger
                   UNION ALL
                   SELECT month, voucher, account, party, currency, remaining_amount FROM supplier_ledger
               )
               SELECT e.posting_date AS day, e.id AS entry, l.account,
                      coalesce(max(p.name), l.party, min(l.description), max(e.description), '') AS who,
                      sum((coalesce(l.debit, 0) - coalesce(l.credit, 0))
                          * CASE a.control WHEN 'customer' THEN 1 ELSE -1 END) AS amount,
                      l.currency,
                      (SELECT sum(m.remaining_amount) FROM made m WHERE m.month = e.month AND m.voucher = e.id
                              AND m.account = l.account AND m.currency = l.currency
                              AND (l.party IS NULL OR m.party = l.party)) AS "left"
               FROM journal_entries e JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id
               JOIN accounts a ON a.number = l.account AND a.control IS NOT NULL
               LEFT JOIN parties p ON p.id = l.party
               WHERE e.posting_date > %(after)s AND e.posting_date <= %(until)s
                     AND e.month BETWEEN date_trunc('month', %(after)s::date)::date AND %(until)s
               GROUP BY e.month, e.posting_date, e.id, l.account, l.party, l.currency
               ORDER BY 1, 2, 3, l.party""",
            {"after": after, "until": until},
        ).fetchall()


def read_trial_balance(connection: psycopg.Connection, months: Sequence[date]) -> list[dict[str, Any]]:
    """The months' trial balances in order, with the accounts' names and what of their movements is draft."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT t.month, t.account, a.name, t.currency, t.opening, t.debit, t.credit, t.closing,
                      coalesce(d.debit, 0) AS draft_debit, coalesce(d.credit, 0) AS draft_credit
               FROM trial_balance t LEFT JOIN accounts a ON a.number = t.account
               LEFT JOIN (SELECT l.month, l.account, l.currency, sum(l.debit) AS debit, sum(l.credit) AS credit
                          FROM journal_lines l JOIN journal_entries e ON e.month = l.month AND e.id = l.entry_id
                          WHERE l.month = ANY(%(months)s) AND e.month = ANY(%(months)s) AND e.status = 'draft'
                          GROUP BY 1, 2, 3) d USING (month, account, currency)
               WHERE t.month = ANY(%(months)s) ORDER BY t.month, t.currency, t.account""",
            {"months": list(months)},
        ).fetchall()


def read_journal(connection: psycopg.Connection, months: Sequence[date]) -> list[dict[str, Any]]:
    """The months' journal lines in order; an entry is named by its number, or by its id where it has none yet."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT coalesce(e.number, e.id) AS entry, e.posting_date AS date, l.account, l.debit, l.credit, l.currency,
                      coalesce(l.description, e.description) AS description, e.source_type, e.source_id, l.party,
                      l.reference, l.kid, l.invoice_number, l.due_date
               FROM journal_entries e JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id
               WHERE e.month = ANY(%(months)s) AND l.month = ANY(%(months)s)
               ORDER BY e.posting_date, e.source_type, e.id, l.line""",
            {"months": list(months)},
        ).fetchall()
