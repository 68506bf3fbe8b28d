"""What accounting files bring: accounts, and entries that are posted as they are read, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import ClosedMonthError
from ledger_pipelines.months import describe_months, month_of
from ledger_pipelines.store.copy import copy_in, copy_out, months_in
from ledger_pipelines.store.months import lock_months
from ledger_pipelines.store.writes import record_writes
from ledger_pipelines.tables.general_ledger import ACCOUNTS, JOURNAL_ENTRIES, JOURNAL_LINES

TABLES = (JOURNAL_ENTRIES.name, JOURNAL_LINES.name)
#: What is known of an entry that was imported before.
IMPORTED = JOURNAL_ENTRIES.part(("month", "id", "content"))
_STAGE = "accounts_of_file"
#: What a person has ever changed stays as the person left it.
_CONTROL = """
UPDATE accounts a SET control = s.control FROM pg_temp.accounts_of_file s
WHERE a.number = s.number AND a.control IS NULL AND s.control IS NOT NULL AND NOT EXISTS (
    SELECT FROM edits e WHERE e.table_name = 'accounts' AND e.after->>'number' = a.number)"""


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening entry of the journal."""

    entry_id: str
    day: date
    content: str


def read_imported(connection: psycopg.Connection, source_system: str, prefixes: Sequence[str]) -> pa.Table:
    """The entries (`IMPORTED`) of a source whose ids there begin with one of these and a slash."""
    query = sql.SQL(
        """SELECT {columns} FROM journal_entries WHERE source_system = {system}
           AND split_part(source_id, '/', 1) = ANY({prefixes}::text[])"""
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, IMPORTED.names)),
        system=sql.Literal(source_system),
        prefixes=sql.Literal(list(prefixes)),
    )
    return copy_out(connection, query, IMPORTED)


def find_imported(connection: psycopg.Connection, ids: Any) -> pa.Table:
    """Those of the entries with these ids that are there (`IMPORTED`), in whichever month."""
    rows = connection.execute(
        "SELECT month, id, content FROM journal_entries WHERE id = ANY(%s)", [ids.to_pylist()]
    ).fetchall()
    return pa.Table.from_pylist(
        [dict(zip(IMPORTED.names, row, strict=True)) for row in rows], schema=IMPORTED
    )


def find_elsewhere(connection: psycopg.Connection, source_system: str, documents: pa.Table) -> str | None:
    """An entry of another system for one of these documents (`source_type`, `source_id`, `document_date`), if any."""
    columns = [documents[name].to_pylist() for name in ("source_type", "source_id", "document_date")]
    row = connection.execute(
        """SELECT e.id FROM unnest(%s::text[], %s::text[], %s::date[]) AS d (source_type, source_id, document_date)
           JOIN journal_entries e USING (source_type, source_id, document_date)
           WHERE e.source_system <> %s ORDER BY e.id LIMIT 1""",
        [*columns, source_system],
    ).fetchone()
    return None if row is None else str(row[0])


def read_party_ids(connection: psycopg.Connection) -> frozenset[str]:
    """The ids of all parties."""
    return frozenset(party for (party,) in connection.execute("SELECT id FROM parties").fetchall())


def read_openings(connection: psycopg.Connection) -> list[Opening]:
    """The opening entries of the journal, the earliest first."""
    rows = connection.execute(
        "SELECT id, posting_date, content FROM journal_entries WHERE source_type = 'opening' ORDER BY posting_date, id"
    ).fetchall()
    return [Opening(*row) for row in rows]


def has_entries_before(connection: psycopg.Connection, day: date) -> bool:
    """Whether the journal has anything before this day."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM journal_entries WHERE month <= %s AND posting_date < %s)",
        [month_of(day), day],
    ).fetchone()
    return row is not None and bool(row[0])


def balances_before(connection: psycopg.Connection, day: date, currency: str) -> dict[str, Decimal]:
    """What each account has before this day in this currency, debits positive; those that are zero left out."""
    return dict(
        connection.execute(
            """SELECT account, coalesce(sum(debit), 0) - coalesce(sum(credit), 0) FROM journal_lines l
               JOIN journal_entries e ON e.month = l.month AND e.id = l.entry_id
               WHERE l.month <= %s AND posting_date < %s AND currency = %s GROUP BY account
               HAVING coalesce(sum(debit), 0) <> coalesce(sum(credit), 0)""",
            [month_of(day), day, currency],
        ).fetchall()
    )


def read_document_dates(connection: psycopg.Connection, entries: pa.Table) -> dict[str, date]:
    """The document date of each of these entries (`month`, `id`)."""
    return dict(
        connection.execute(
            "SELECT id, document_date FROM journal_entries WHERE month = ANY(%s) AND id = ANY(%s)",
            [months_in(entries), entries["id"].to_pylist()],
        ).fetchall()
    )


def add_accounts(connection: psycopg.Connection, accounts: pa.Table) -> int:
    """Adds the accounts (columns of `accounts`) that are new, and says how many.

    Of one that is there nothing is changed but that it becomes a control account, unless a person edited it. For the
    transaction of the import: from here on what it does to accounts is no person's edit.
    """
    connection.execute("SELECT set_config('ledger.import', 'on', true)")
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT * FROM accounts WITH NO DATA").format(
            sql.Identifier(_STAGE)
        )
    )
    copy_in(connection, sql.Identifier("pg_temp", _STAGE), accounts.select(ACCOUNTS.schema.names))
    added = connection.execute(
        "INSERT INTO accounts SELECT * FROM pg_temp.accounts_of_file ON CONFLICT (number) DO NOTHING"
    ).rowcount
    connection.execute(_CONTROL)
    connection.execute("DROP TABLE pg_temp.accounts_of_file")
    return added


@contextmanager
def posting_batches(
    connection: psycopg.Connection, months: Sequence[date]
) -> Iterator[Callable[[pa.Table, pa.Table], None]]:
    """Gives what posts a batch of entries with all their lines, in the caller's transaction, and then has the database
    look at the whole months.

    The months' partitions are there already. Raises ClosedMonthError where one of them is closed.
    """
    closed = {month for table in TABLES for month in lock_months(connection, table, months)}
    if closed:
        raise ClosedMonthError(
            f"{describe_months(closed)} is closed, and entries of the file lie in it: reopen it with `ledger reopen`."
        )

    def post(entries: pa.Table, lines: pa.Table) -> None:
        copy_in(connection, sql.Identifier(TABLES[0]), entries)
        copy_in(connection, sql.Identifier(TABLES[1]), lines)

    yield post
    for table in TABLES:
        record_writes(connection, table, months, written_by=None)
    connection.execute("SET CONSTRAINTS complete_journal IMMEDIATE")
