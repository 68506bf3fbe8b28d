"""Ledgers of every schema that there was, with books in them, brought to the present one: the same books.

A ledger at migration N is made of the first N files of `sql/` and filled with what its tables can hold of a small book.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from rich.console import Console

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.local.up import migrated
from ledger_pipelines.store.backup.dump import columns_of, ledger_tables
from ledger_pipelines.store.database import SCHEMA, Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.migrations import migrate, read_migrations, sql_directory
from ledger_pipelines.workflows.backup import back_up
from ledger_pipelines.workflows.documents import statement_archive, statement_book
from ledger_pipelines.workflows.exports import Export, export_errors, export_statements
from ledger_pipelines.workflows.general_ledger.exports import EXPORTS
from ledger_pipelines_tests.conftest import FIRST_MONTH
from ledger_pipelines_tests.end_to_end.broken.test_database import in_a_sentence
from ledger_pipelines_tests.end_to_end.harness import Ledger, execute, fetch, restore_from
from ledger_pipelines_tests.general_ledger.journals import entry
from ledger_pipelines_tests.workflows.billed_books import MONTHS, OPEN, bill_months, fill
from ledger_pipelines_tests.workflows.general_ledger.books import reckon, write

#: The last file of the first baseline: no ledger that anybody keeps is older.
BASELINE = 7
NEWEST = len(read_migrations())
#: What the migrations themselves keep, and no book.
_KEPT = ("schema_migrations", "journal_checks")
#: Of which a backup is restored, too: the oldest, one between and the newest.
_RESTORED = (BASELINE, 11, NEWEST - 1)
_numbers = count(1)
Content = dict[str, tuple[tuple[str, ...], list[bytes]]]


@dataclass(frozen=True)
class Book:
    """A ledger, what is in its tables, and what its exports write."""

    database: Database
    tables: Content
    exports: Mapping[str, bytes]


@contextmanager
def _database(server: EmbeddedServer) -> Iterator[Database]:
    name = f"upgrade_{next(_numbers)}"
    yield server.database(name)
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def book(server: EmbeddedServer) -> Iterator[Book]:
    """Three billed months, the first one closed, with edits and a journal."""
    with _database(server) as database:
        migrate(database, first_month=FIRST_MONTH)
        with database.connect() as connection:
            sale = [("1500", 1000, {"party": "customer:1"}), ("3000", -1000, {})]
            write(connection, entry("s1", "2025-01-10", sale), entry("s2", "2025-02-10", sale))
            reckon(connection, "2025-01", "2025-02", "2025-03")
        fill(database)
        with database.connect() as connection:
            tables = _content(connection)
        yield Book(database, tables, _exports(database))


def _content(connection: psycopg.Connection) -> Content:
    """Each table's columns, and its rows as COPY writes them, in an order of their own."""
    found: Content = {}
    for name in ledger_tables(connection):
        columns = columns_of(connection, (SCHEMA, name))
        query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name)
        )
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            found[name] = (columns, sorted(map(bytes, copy)))
    return found


def _exports(database: Database) -> dict[str, bytes]:
    """What every export writes of each month, or why it does not."""
    found = {}
    for month in MONTHS:
        for name, write_it in _writers(database, month).items():
            try:
                found[f"{name} {month}"] = write_it()
            except LedgerError as error:
                found[f"{name} {month}"] = str(error).encode()
    return found


def _writers(database: Database, month: date) -> dict[str, Callable[[], bytes]]:
    def sheet(export: Callable[[Database, list[date]], Export]) -> Callable[[], bytes]:
        return lambda: export(database, [month]).csv().encode()

    return {
        "statements": sheet(lambda *asked: export_statements(*asked, None)),
        "errors": sheet(export_errors),
        "pdf": lambda: statement_book(database, month).document.content,
        "zip": lambda: b"".join(statement_archive(database, month, "csv").content),
        **{name: sheet(export) for name, export in EXPORTS.items()},
    }


def _schema(database: Database) -> list[tuple[str, ...]]:
    """Triggers, constraints, indexes and functions as PostgreSQL says them, of tables and partitions."""
    return fetch(
        database,
        """SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
           UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE connamespace = 'ledger'::regnamespace
           UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'ledger'
           UNION ALL SELECT oid::regprocedure::text, prosrc, '' FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
           ORDER BY 1, 2, 3""",
    )


def _older(database: Database, version: int, book: Book, folder: Path) -> None:
    """Makes this the ledger of the book as it was at a migration."""
    first = folder / f"sql-{version}"
    first.mkdir()
    for path in sorted(sql_directory().glob("*.sql"))[:version]:
        shutil.copyfile(path, first / path.name)
    migrate(database, first_month=FIRST_MONTH, directory=first)
    with database.connect() as connection, connection.transaction():
        for table, month in _partitions(book.database):
            if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,):
                connection.execute("SELECT ensure_month(%s, %s)", [table, month])
        # The rows are those that the program wrote once: no trigger has to look at them again, or to keep them as edits.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("ALTER TABLE edits DISABLE TRIGGER USER")
        for table in ledger_tables(connection):
            # The chart of accounts came with the ninth file.
            if table not in _KEPT and (table != "accounts" or version >= 9):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                _project(connection, book.database, table)
        connection.execute("ALTER TABLE edits ENABLE TRIGGER USER")
        if version >= 12:
            for name in ("append_only", "append_only_truncate"):
                connection.execute(f"ALTER TABLE edits ENABLE ALWAYS TRIGGER {name}".encode())
        for name, last in fetch(
            book.database, "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
        ):
            connection.execute("SELECT setval(to_regclass(%s), %s)", [name, last])
        connection.execute("SET LOCAL session_replication_role = origin")
        connection.execute("SELECT freeze_month(month) FROM ledger_periods WHERE status = 'closed'")


def _partitions(database: Database) -> list[tuple[str, date]]:
    return fetch(
        database,
        """SELECT inhparent::regclass::text, to_date(right(inhrelid::regclass::text, 7), 'YYYY_MM') FROM pg_inherits
           JOIN pg_class c ON c.oid = inhparent AND relkind = 'p' ORDER BY 1, 2""",
    )


def _project(connection: psycopg.Connection, book: Database, table: str) -> None:
    """Copies what the table has columns for."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns_of(connection, (SCHEMA, table))))
    content = io.BytesIO()
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, sql.Identifier(table))
    with book.connect() as reading, reading.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy:
            content.write(row)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        copy.write(content.getvalue())


def _projected(content: Content, to: Content) -> Content:
    """The first one's rows, of the tables and columns of the other."""
    found: Content = {}
    for table, (columns, present) in to.items():
        if table not in _KEPT and present:
            given, rows = content[table]
            places = [given.index(name) for name in columns]
            parts = (row.rstrip(b"\n").split(b"\t") for row in rows)
            found[table] = (
                columns,
                sorted(b"\t".join(part[place] for place in places) + b"\n" for part in parts),
            )
    return found


@pytest.mark.parametrize("version", range(BASELINE, NEWEST))
def test_books_of_an_older_schema_are_the_same_afterwards(
    version: int, book: Book, server: EmbeddedServer, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        older, restored = (stack.enter_context(_database(server)) for _ in range(2))
        _older(older, version, book, tmp_path)
        with older.connect() as connection:
            before = _content(connection)
        file = tmp_path / "older.zip"
        assert back_up(older, file, with_cfo=False, force=False).version == version

        said = io.StringIO()
        migrated(older, FIRST_MONTH, Console(file=said, width=500))
        names = [f"{found.version:04} {found.name}" for found in read_migrations()[version:]]
        assert said.getvalue() == f"Brought the ledger up to date: {', '.join(names)}.\n"
        assert restore_from(file, restored, replace=False, with_cfo=False).migrations == names

        for database in (older, restored):
            with database.connect() as connection:
                after = _content(connection)
            # What was there is as it was; what came later is empty or as the migrations fill it.
            assert _projected(after, before) == {
                table: content for table, content in before.items() if content[1] and table not in _KEPT
            }
            _same_exports(database, book, version)
            # A table that came later has its partitions when they are needed, and those of closed months closed.
            with database.connect() as connection:
                for table, month in _partitions(book.database):
                    connection.execute("SELECT ensure_month(%s, %s)", [table, month])
            assert _schema(database) == _schema(book.database)
        _still_works(older)


def _same_exports(database: Database, book: Book, version: int) -> None:
    written = _exports(database)
    assert written.keys() == book.exports.keys()
    has_journal = version >= 11
    for name, content in written.items():
        if has_journal or not name.startswith(tuple(EXPORTS)):
            assert content == book.exports[name], name
    assert b"Hosting" in written[f"statements {MONTHS[1]}"]


def _still_works(database: Database) -> None:
    """The closed month is refused, edits stay and are kept, and billing the open months again changes nothing."""
    with pytest.raises(psycopg.errors.RestrictViolation, match="is closed"):
        execute(database, f"UPDATE billing_statements SET total = 0 WHERE month = '{MONTHS[0]}'")
    with pytest.raises(psycopg.errors.RestrictViolation, match="keeps its rows"):
        execute(database, "DELETE FROM edits")
    statements = "SELECT t::text FROM billing_statements t ORDER BY 1"
    lines = "SELECT t::text FROM billing_statement_lines t ORDER BY 1"
    before = fetch(database, statements), fetch(database, lines)
    bill_months(database, OPEN)
    assert (fetch(database, statements), fetch(database, lines)) == before
    edits = fetch(database, "SELECT count(*), max(id) FROM edits")[0]
    execute(database, "UPDATE custom_line_items SET monthly_fee = monthly_fee + 1")
    after = fetch(database, "SELECT count(*), max(id) FROM edits")[0]
    assert after == (edits[0] + 1, edits[1] + 1)


def _newer(database: Database) -> None:
    execute(database, "INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'later', '0')")


def test_a_ledger_that_is_newer_than_the_program_is_refused_by_every_way_in(
    database: Database, tmp_path: Path
) -> None:
    own = tmp_path / "own.zip"
    back_up(database, own, with_cfo=False, force=False)
    _newer(database)
    told = f"at migration 99, this program knows {NEWEST}"
    ways: dict[str, Callable[[], object]] = {
        "up": lambda: migrated(database, FIRST_MONTH, Console(quiet=True)),
        "backup": lambda: back_up(database, tmp_path / "newer.zip", with_cfo=False, force=False),
        "restore": lambda: restore_from(own, database, replace=True, with_cfo=False),
    }
    for way in ways.values():
        with pytest.raises(LedgerError, match=told):
            way()
    refused = in_a_sentence(Ledger(tmp_path / "home", database.url)("migrate"))
    assert told in refused
    assert "install the newer program" in refused


def test_a_new_ledger_says_nothing_of_migrations(empty_database: Database) -> None:
    said = io.StringIO()
    for _ in range(2):
        migrated(empty_database, FIRST_MONTH, Console(file=said))
    assert said.getvalue() == ""
