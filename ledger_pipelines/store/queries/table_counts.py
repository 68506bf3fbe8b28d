"""How many rows each table has, and what the database itself is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from ledger_pipelines.store.database import Database

#: Bytes up to which a table's rows are counted one by one; of a larger one the server's estimate is taken.
_COUNTED_UP_TO = 48 * 2**20


@dataclass(frozen=True, slots=True)
class TableCount:
    """A table: its rows, counted or (`is_estimate`) as the server estimates them, and its bytes with indexes."""

    name: str
    rows: int
    is_estimate: bool
    size: int


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """A migration of `sql/` that the database has."""

    version: int
    name: str
    applied_at: datetime | None


def answers(database: Database) -> bool:
    """Whether the database answers, within two seconds, and is a ledger's. Raises where it does not."""
    with database.connect(application_name="ledger health") as connection:
        connection.execute("SET statement_timeout = '2s'")
        connection.execute("SELECT FROM schema_migrations LIMIT 1")
    return True


def count_tables(connection: psycopg.Connection) -> list[TableCount]:
    """The tables of the ledger's schema, by name; a partitioned one with all of its parts."""
    found = connection.execute(
        """SELECT c.relname, sum(greatest(p.reltuples, 0))::bigint, sum(pg_total_relation_size(p.oid))::bigint
           FROM pg_class c LEFT JOIN pg_inherits i ON i.inhparent = c.oid
           JOIN pg_class p ON p.oid = coalesce(i.inhrelid, c.oid)
           WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    small = [name for name, _, size in found if size <= _COUNTED_UP_TO]
    counts: dict[str, int] = {}
    if small:
        each = [
            sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), sql.Identifier(name))
            for name in small
        ]
        rows_of = connection.execute(sql.SQL(" UNION ALL ").join(each)).fetchall()
        counts = {str(name): int(rows) for name, rows in rows_of}
    return [
        TableCount(name, counts.get(name, int(rows)), name not in counts, int(size))
        for name, rows, size in found
    ]


def server_version(connection: psycopg.Connection) -> str:
    """The version of the PostgreSQL that answers."""
    row = connection.execute("SHOW server_version").fetchone()
    return "" if row is None else str(row[0])


def applied_migrations(connection: psycopg.Connection) -> list[AppliedMigration]:
    """The migrations that the database has, in order."""
    rows = connection.execute(
        "SELECT version, name, applied_at FROM schema_migrations ORDER BY version"
    ).fetchall()
    return [AppliedMigration(*row) for row in rows]
