"""The books of one instant, copied out: every table of the ledger's schema, as one transaction sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import islice

import psycopg
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.backup.archive import (
    AppliedMigration,
    ArchiveWriter,
    Manifest,
    RowDigest,
    RowSink,
    TableEntry,
)
from ledger_pipelines.store.database import SCHEMA, Database
from ledger_pipelines.store.migrations import MIGRATION_LOCK, read_applied, read_migrations

#: What is no book: who is signed in, with sealed tokens, and processes that live now or never again.
LEFT_OUT = ("console_sessions", "run_processes")
#: Rows that are looked at together.
_AT_ONCE = 5_000
#: Called for each table when it begins and when it is done, with the rows so far.
OnTable = Callable[[str, int], None]


def dump_books(
    database: Database, writer: ArchiveWriter, *, beside: Sequence[tuple[str, str]], on_table: OnTable
) -> Manifest:
    """Writes all tables of the ledger, and these of other schemas that are there, as of one instant.

    Raises LedgerError when the database holds no ledger, one that is newer than this program, or one that is migrated
    meanwhile.
    """
    with database.connect(application_name="ledger backup") as connection:
        # A restore or a migration that is under way is waited for; one that begins later is noticed at the end.
        connection.execute("SELECT pg_advisory_lock_shared(%s)", [MIGRATION_LOCK])
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            migrations = _migrations(connection, database)
            connection.execute("SELECT pg_advisory_unlock_shared(%s)", [MIGRATION_LOCK])
            first_month = connection.execute(
                "SELECT value FROM ledger_settings WHERE name = 'first_month'"
            ).fetchall()[0][0]
            tables = [(SCHEMA, name) for name in ledger_tables(connection) if name not in LEFT_OUT]
            tables += [table for table in beside if _exists(connection, table)]
            entries = [_dump(connection, writer, table, on_table) for table in tables]
            manifest = Manifest(
                format="ledger_pipelines backup 1",
                made_at=datetime.now(UTC),
                server_version=str(connection.info.parameter_status("server_version")),
                first_month=first_month,
                migrations=migrations,
                tables=tuple(entries),
                sequences=_sequences(connection, sorted({schema for schema, _ in tables})),
                relations=count_relations(connection),
                left_out=LEFT_OUT,
            )
        if _migrations(connection, database) != migrations:
            raise LedgerError("The ledger was migrated during the backup: make it again.")
    writer.finish(manifest)
    return manifest


def ledger_tables(connection: psycopg.Connection) -> list[str]:
    """The tables of the ledger's schema, without partitions, by name."""
    rows = connection.execute(
        """SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p')
           AND NOT relispartition ORDER BY relname""",
        [SCHEMA],
    ).fetchall()
    return [str(name) for (name,) in rows]


def count_relations(connection: psycopg.Connection) -> int:
    """Tables, partitions, indexes and what belongs to them in the ledger's schema: what the server has to lock."""
    (row,) = connection.execute(
        """WITH own AS (SELECT oid, reltoastrelid FROM pg_class WHERE relnamespace = to_regnamespace(%s))
           SELECT (SELECT count(*) FROM own) + 2 * (SELECT count(*) FROM own WHERE reltoastrelid <> 0)""",
        [SCHEMA],
    ).fetchall()
    return int(row[0])


def columns_of(connection: psycopg.Connection, table: tuple[str, str]) -> tuple[str, ...]:
    """The table's columns that are given and not computed, in its order."""
    rows = connection.execute(
        """SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))
           AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum""",
        list(table),
    ).fetchall()
    return tuple(str(name) for (name,) in rows)


def copy_rows(
    connection: psycopg.Connection, table: tuple[str, str], columns: Sequence[str], sink: RowSink | None
) -> RowDigest:
    """Copies the table's rows to the sink, if there is one, and says what they come to."""
    digest = RowDigest()
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*table)
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        # The server sends each row by itself.
        rows = iter(copy)
        while some := list(islice(rows, _AT_ONCE)):
            digest.add(some)
            if sink is not None:
                sink.write(b"".join(some))
    return digest


def _dump(
    connection: psycopg.Connection, writer: ArchiveWriter, table: tuple[str, str], on_table: OnTable
) -> TableEntry:
    schema, name = table
    on_table(name, 0)
    with _unlocked_afterwards(connection):
        columns = columns_of(connection, table)
        months = _months(connection, table)
        with writer.member(f"{schema}/{name}.copy") as sink:
            digest = copy_rows(connection, table, columns, sink)
            sha256 = sink.sha256()
    on_table(name, digest.rows)
    return TableEntry(
        schema_name=schema,
        name=name,
        columns=columns,
        rows=digest.rows,
        sha256=sha256,
        row_digest=digest.text(),
        months=months,
    )


@contextmanager
def _unlocked_afterwards(connection: psycopg.Connection) -> Iterator[None]:
    """Gives the locks of what was read back, with the snapshot kept.

    Years of months in dozens of tables are more partitions and indexes than a server's lock table may hold at once.
    """
    with connection.transaction(force_rollback=True):
        yield


def _months(connection: psycopg.Connection, table: tuple[str, str]) -> tuple[date, ...] | None:
    rows = connection.execute(
        """SELECT c.relkind = 'p', (SELECT array_agg(substring(p.relname FROM '_([0-9]{4}_[0-9]{2})$') ORDER BY p.relname)
                                    FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = c.oid)
           FROM pg_class c WHERE c.oid = to_regclass(format('%%I.%%I', %s::text, %s::text))""",
        list(table),
    ).fetchall()
    is_partitioned, months = rows[0]
    if not is_partitioned:
        return None
    return tuple(date.fromisoformat(f"{month.replace('_', '-')}-01") for month in months or ())


def _migrations(connection: psycopg.Connection, database: Database) -> tuple[AppliedMigration, ...]:
    applied = read_applied(connection)
    if not applied:
        raise LedgerError(f"There is no ledger in {database.label}, so there is nothing to back up.")
    known = len(read_migrations())
    if max(version for version, _, _ in applied) > known:
        raise LedgerError(
            f"The database is at migration {max(version for version, _, _ in applied)}, this program knows {known}: "
            "back it up with the newer program."
        )
    return tuple(
        AppliedMigration(version=version, name=name, checksum=text) for version, name, text in applied
    )


def _exists(connection: psycopg.Connection, table: tuple[str, str]) -> bool:
    return bool(columns_of(connection, table))


def _sequences(connection: psycopg.Connection, schemas: Sequence[str]) -> dict[str, int]:
    """The last number that each sequence gave, by schema and name; those that gave none are left out."""
    rows = connection.execute(
        """SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences
           WHERE schemaname = ANY(%s) AND last_value IS NOT NULL ORDER BY 1""",
        [list(schemas)],
    ).fetchall()
    return dict(rows)
