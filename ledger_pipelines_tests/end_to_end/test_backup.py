"""`ledger backup` and `ledger restore`: the same books, to the byte of every export, or the old ones."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.backup import LEFT_OUT, load
from ledger_pipelines.store.backup.archive import Archive
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.migrations import MIGRATION_LOCK, migrate, sql_directory
from ledger_pipelines.workflows.backup import back_up, open_backup
from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines.workflows.cfo.verification import verify
from ledger_pipelines.workflows.documents import statement_archive, statement_book
from ledger_pipelines.workflows.exports import export_accruals, export_errors, export_statements
from ledger_pipelines.workflows.general_ledger.exports import EXPORTS
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.end_to_end.broken.test_database import in_a_sentence
from ledger_pipelines_tests.end_to_end.harness import Ledger, eventually, execute, fetch, restore_from, rows

WORLD = SandboxConfig(until=date(2025, 6, 30), companies=6, students=12, invoices=40, rate_limit=None)
CLOSED, OPEN = date(2025, 2, 1), date(2025, 3, 1)
MONTHS = [CLOSED, OPEN]
#: What COPY has to escape.
ODD = 'Tab\t"é\\n\\N\r\nline'
_numbers = count(1)
Rows = dict[str, list[tuple[str]]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(WORLD) as found:
        yield found


@pytest.fixture(scope="module")
def books(server: EmbeddedServer, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A closed month, an open one, edits, a transaction of the CFO's and somebody who is signed in."""
    database = _copy(server, "template_ledger", "backed_up")
    ledger = Ledger(tmp_path_factory.mktemp("books"), database.url)
    ledger.use_all(sandbox)
    assert ledger("close", "2025-02").code == 0
    execute(
        database, "UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = 'x'"
    )
    # Of a company that is not there: they bear on no statement.
    execute(
        database, "INSERT INTO client_billing_overrides (account_number, billing_plan) VALUES ('ZZ', %s)", ODD
    )
    for name in ("Kept", "Removed"):
        execute(
            database,
            "INSERT INTO custom_line_items (account_number, name, monthly_fee) VALUES ('ZZ', %s, 49)",
            name,
        )
    execute(database, "DELETE FROM custom_line_items WHERE name = 'Removed'")
    closed = ledger("close", "2025-02", "--finalise")
    assert closed.code == 0, closed.err
    assert ledger("close", "2025-03").code == 0
    assert ledger("migrate").code == 0
    execute(
        database,
        "INSERT INTO cfo.transactions (date, description, amount, source_file) VALUES (now(), 'Bank', 12.50, 'a.csv')",
    )
    execute(
        database,
        "INSERT INTO console_sessions VALUES ('\\x01', '\\x02', 'Ada', 'admin', NULL, '{}', NULL, now())",
    )
    return database


@pytest.fixture(scope="module")
def file(books: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "books.zip"
    back_up(books, path, with_cfo=True, force=False)
    return path


def _copy(server: EmbeddedServer, of: str, name: str) -> Database:
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(of))
        )
    return server.database(name)


@pytest.fixture
def copied(server: EmbeddedServer, books: Database) -> Database:
    """The same books, for a test to change."""
    return _copy(server, "backed_up", f"backed_up_{next(_numbers)}")


def all_rows(database: Database) -> Rows:
    """All rows of all tables but those that are no book."""
    tables = fetch(
        database,
        """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
           WHERE nspname IN ('ledger', 'cfo') AND relkind IN ('r', 'p') AND NOT relispartition""",
    )
    return {
        table: fetch(database, f"SELECT t::text FROM {table} t ORDER BY 1")
        for (table,) in tables
        if table not in LEFT_OUT
    }


def schema_of(database: Database) -> list[tuple[str, ...]]:
    """Every trigger with its state, every constraint, index and sequence with its next number, as PostgreSQL says."""
    return fetch(
        database,
        """SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
           UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE connamespace IN ('ledger'::regnamespace, 'cfo'::regnamespace)
           UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname IN ('ledger', 'cfo')
           UNION ALL SELECT schemaname, sequencename, last_value::text FROM pg_sequences
               WHERE schemaname IN ('ledger', 'cfo') ORDER BY 1, 2, 3""",
    )


def exports(database: Database, folder: Path) -> dict[str, bytes]:
    """What every export command writes, month by month."""
    found = {}
    for month in MONTHS:
        sheets = {
            "statements": export_statements(database, [month], None),
            "accruals": export_accruals(database, [month], MONTHS),
            "errors": export_errors(database, [month]),
        } | {name: export(database, [month]) for name, export in EXPORTS.items()}
        for name, sheet in sheets.items():
            found[f"{name} {month} csv"] = sheet.csv().encode()
            sheet.write_xlsx(folder / "sheet.xlsx")
            found[f"{name} {month} xlsx"] = (folder / "sheet.xlsx").read_bytes()
        found[f"statements {month} pdf"] = statement_book(database, month).document.content
        found[f"statements {month} zip"] = b"".join(statement_archive(database, month, "pdf").content)
    return found


def test_a_restored_ledger_is_the_same_to_the_byte_of_every_export(
    books: Database, file: Path, empty_database: Database, sandbox: Sandbox, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "home", empty_database.url)
    done = ledger("restore", str(file))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Restored ")
    assert all_rows(empty_database) == all_rows(books)
    assert schema_of(empty_database) == schema_of(books)
    assert fetch(empty_database, "SELECT count(*) FROM console_sessions") == [(0,)]
    written = exports(books, tmp_path)
    assert exports(empty_database, tmp_path) == written
    assert all(len(content) > 100 for name, content in written.items() if "aging" not in name)

    # The closed month is still refused, an edit is still kept, and the open month's run finds nothing to write.
    with pytest.raises(psycopg.errors.RestrictViolation, match="is closed"):
        execute(empty_database, "UPDATE tickets SET subject = '' WHERE month = '2025-02-01'")
    with pytest.raises(psycopg.errors.RestrictViolation, match="keeps its rows"):
        execute(empty_database, "DELETE FROM edits")
    ledger.use_all(sandbox)
    again = ledger("close", "2025-03")
    assert again.code == 0, again.err
    assert rows(empty_database) == rows(books)
    # A number that was given once is not given again, though its row was gone before the backup.
    execute(
        empty_database,
        "INSERT INTO custom_line_items (account_number, name, monthly_fee) VALUES ('ZZ', 'Later', 1)",
    )
    assert fetch(empty_database, "SELECT name, id FROM custom_line_items ORDER BY id") == [
        ("Kept", 1),
        ("Later", 3),
    ]


def test_a_used_ledger_is_replaced_only_when_asked_for(file: Path, books: Database, copied: Database) -> None:
    ledger = Ledger(file.parent / "used", copied.url)
    execute(copied, "UPDATE custom_line_items SET monthly_fee = 99")
    execute(copied, "SELECT ensure_month('tickets', '2026-11-01')")
    execute(copied, "DELETE FROM cfo.transactions")
    used = all_rows(copied)
    refused = in_a_sentence(ledger("restore", str(file)))
    assert "holds books" in refused
    assert "--replace" in refused
    assert all_rows(copied) == used
    done = ledger("restore", str(file), "--replace")
    assert (done.code, done.err) == (0, "")
    assert all_rows(copied) == all_rows(books)
    assert schema_of(copied) == schema_of(books)


def test_the_cfos_transactions_stay_as_they_are(file: Path, copied: Database) -> None:
    execute(copied, "INSERT INTO cfo.transactions (date, description, amount) VALUES (now(), 'Later', 7)")
    execute(copied, "UPDATE cfo.transactions SET amount = 1 WHERE source_file = 'a.csv'")
    execute(
        copied,
        """CREATE TABLE cfo.receipts (transaction int REFERENCES cfo.transactions ON DELETE CASCADE);
           INSERT INTO cfo.receipts SELECT id FROM cfo.transactions;
           CREATE TABLE cfo.seen (what text);
           CREATE FUNCTION cfo.see() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN INSERT INTO cfo.seen VALUES (TG_OP); RETURN coalesce(new, old); END $$;
           CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON cfo.transactions FOR EACH ROW
               EXECUTE FUNCTION cfo.see()""",
    )
    theirs = "SELECT 'T', t::text FROM cfo.transactions t UNION ALL SELECT 'R', r::text FROM cfo.receipts r"
    numbers = "SELECT last_value FROM cfo.transactions_id_seq"
    before, last = sorted(fetch(copied, theirs)), fetch(copied, numbers)
    execute(copied, "UPDATE custom_line_items SET monthly_fee = 99")
    done = Ledger(file.parent / "kept", copied.url)("restore", str(file), "--replace")
    assert (done.code, done.err) == (0, "")
    assert f"The CFO's {len(before) // 2} transactions stayed as they are" in done.out
    with Archive(file) as archive:
        ours = [table for table in archive.manifest.tables if table.schema_name == "ledger"]
    assert done.out.startswith(f"Restored {sum(table.rows for table in ours):,} rows of {len(ours)} tables, ")
    assert fetch(copied, "SELECT DISTINCT monthly_fee::int FROM custom_line_items") == [(49,)]
    assert (sorted(fetch(copied, theirs)), fetch(copied, numbers)) == (before, last)
    assert fetch(copied, "SELECT * FROM cfo.seen") == []

    # Where the CFO has emptied the table the backup's are loaded, and no trigger takes them for new ones.
    execute(copied, "DELETE FROM cfo.transactions; DELETE FROM cfo.seen")
    assert restore_from(file, copied, replace=True, with_cfo=True).retained == 0
    assert fetch(copied, "SELECT amount::text FROM cfo.transactions WHERE source_file = 'a.csv'") == [
        ("12.50",)
    ]
    assert fetch(copied, "SELECT * FROM cfo.seen") == []
    assert fetch(copied, numbers) == last

    execute(copied, 'ALTER TABLE cfo.transactions RENAME TO "Transactions"')
    assert restore_from(file, copied, replace=True, with_cfo=True).left_out == ["cfo.transactions"]


def test_what_was_handed_over_after_the_backup_is_there_once(file: Path, copied: Database) -> None:
    books = Books(copied, replace(copied, schema="cfo"))
    books.sync()
    before = books.count()
    books.paid("DPY-1")
    books.sync()
    restore_from(file, copied, replace=True, with_cfo=True)
    books.sync()
    assert books.count() == before + 1
    books.paid("DPY-1")
    books.paid("DPY-2")
    counts = books.sync()
    assert (counts.inserted, counts.linked, counts.failed) == (1, 1, 0)
    assert books.count() == before + 2
    assert books.sync() == SyncCounts()
    assert [one for one in verify(books.ledger, books.cfo) if one.is_mendable] == []


def test_an_owner_who_is_no_superuser_restores_into_a_database_of_theirs(
    server: EmbeddedServer, file: Path, books: Database
) -> None:
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute("CREATE ROLE bookkeeper LOGIN NOSUPERUSER")
        connection.execute("CREATE DATABASE of_theirs OWNER bookkeeper TEMPLATE template0 ENCODING 'UTF8'")
    theirs = Database(server.database("of_theirs").url.replace("//postgres@", "//bookkeeper@"))
    ledger = Ledger(file.parent / "theirs", theirs.url)
    for options in ((), ("--replace",)):
        done = ledger("restore", str(file), *options)
        assert (done.code, done.err) == (0, "")
        assert all_rows(theirs) == all_rows(books)
    assert fetch(theirs, "SELECT current_user::text") == [("bookkeeper",)]
    assert schema_of(theirs) == schema_of(books)


#: What somebody makes of the ledger or in its schema, how it is told of, and how it goes again.
OTHERS = (
    (
        "CREATE VIEW public.totals AS SELECT month, sum(total) AS total FROM ledger.billing_statements GROUP BY 1",
        r"something rests on it \(view public\.totals depends on table billing_statements\)",
        "DROP VIEW public.totals",
    ),
    (
        "CREATE TABLE public.waits (a int, b interval[] DEFAULT ledger.sync_backoff())",
        r"something rests on it \(default value for column b of table public\.waits depends on function sync_backoff",
        "DROP TABLE public.waits",
    ),
    (
        "CREATE TABLE ledger.notes_of_ada (note text)",
        "has notes_of_ada, which no migration makes, and would lose it",
        "DROP TABLE ledger.notes_of_ada",
    ),
    (
        "ALTER TABLE ledger.tickets ADD COLUMN seen_by text",
        r"has tickets\.seen_by, which no migration makes",
        "ALTER TABLE ledger.tickets DROP COLUMN seen_by",
    ),
    (
        "CREATE FUNCTION ledger.of_ada() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        r"has of_ada\(\), which no migration makes",
        "DROP FUNCTION ledger.of_ada",
    ),
)


def test_what_others_made_of_the_books_is_not_dropped(file: Path, copied: Database) -> None:
    used = all_rows(copied)
    for make, told, drop in OTHERS:
        execute(copied, make)
        with pytest.raises(LedgerError, match=told):
            restore_from(file, copied, replace=True, with_cfo=True)
        execute(copied, drop)
    assert all_rows(copied) == used


def test_what_others_made_in_an_older_ledger_is_not_dropped(
    file: Path, empty_database: Database, tmp_path: Path
) -> None:
    for migration in sorted(sql_directory().glob("*.sql"))[:-1]:
        shutil.copy(migration, tmp_path)
    migrate(empty_database, first_month=CLOSED, directory=tmp_path)
    execute(empty_database, "CREATE TABLE ledger.notes_of_ada AS SELECT 'mine' AS note")
    with pytest.raises(LedgerError, match="has notes_of_ada, which no migration makes"):
        restore_from(file, empty_database, replace=True, with_cfo=False)
    assert fetch(empty_database, "SELECT note FROM ledger.notes_of_ada") == [("mine",)]
    execute(empty_database, "DROP TABLE ledger.notes_of_ada")
    restore_from(file, empty_database, replace=True, with_cfo=False)


def test_a_restore_that_is_killed_or_fails_leaves_the_old_books(
    file: Path, books: Database, copied: Database
) -> None:
    execute(copied, "UPDATE custom_line_items SET monthly_fee = 99")
    execute(copied, "DELETE FROM cfo.transactions")
    used, schema = all_rows(copied), schema_of(copied)

    def fail(table: str, copied_rows: int) -> None:
        if table == "journal_lines" and copied_rows:
            raise OSError(5, "Input/output error")

    with pytest.raises(LedgerError, match=r"Input/output error"):
        restore_from(file, copied, replace=True, with_cfo=True, on_table=fail)
    assert (all_rows(copied), schema_of(copied)) == (used, schema)

    ledger = Ledger(file.parent / "killed", copied.url)
    # A lock on the CFO's empty table holds the restore up in the middle, with everything else dropped.
    with copied.connect() as other, ledger.started("restore", str(file), "--replace") as running:
        other.execute("BEGIN")
        other.execute("LOCK TABLE cfo.transactions IN ACCESS SHARE MODE")
        other.execute("LOCK TABLE cfo.transactions IN SHARE MODE")
        eventually(
            lambda: fetch(
                copied,
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ledger restore' "
                "AND datname = current_database() AND wait_event_type = 'Lock'",
            ),
            seconds=60,
            what="a restore that waits in the middle",
        )
        running.kill()
        other.execute("ROLLBACK")
    eventually(
        lambda: (
            not fetch(
                copied,
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ledger restore' "
                "AND datname = current_database()",
            )
        ),
        seconds=60,
        what="the end of the killed restore's transaction",
    )
    assert (all_rows(copied), schema_of(copied)) == (used, schema)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ledger up 4711", "`ledger up` runs on"),
        ("ledger run", "A run is in progress"),
        ("ledger step codex", "A run is in progress"),
    ],
)
def test_a_restore_waits_for_nobody_who_works_on_the_ledger(
    file: Path, copied: Database, name: str, message: str
) -> None:
    used = all_rows(copied)
    with copied.connect(application_name=name), pytest.raises(LedgerError, match=message):
        restore_from(file, copied, replace=True, with_cfo=True)
    assert all_rows(copied) == used


def test_a_second_restore_and_an_open_reader_are_told_in_a_sentence(
    file: Path, copied: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_PATIENCE", "200ms")
    used = all_rows(copied)
    for statement in (
        f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})",
        "SELECT count(*) FROM ledger.tickets",
    ):
        with copied.connect() as other, other.transaction():
            other.execute(statement.encode())
            with pytest.raises(LedgerError, match="Somebody reads, migrates or restores the books"):
                restore_from(file, copied, replace=True, with_cfo=True)
    assert all_rows(copied) == used


def _changed(change: Callable[[dict[str, object]], None]) -> Callable[[Path, Path], None]:
    """Writes the file with another manifest."""

    def write(file: Path, to: Path) -> None:
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "manifest.json":
                    manifest = json.loads(content)
                    change(manifest)
                    content = json.dumps(manifest).encode()
                new.writestr(name, content)

    return write


def _row_altered(file: Path, to: Path) -> None:
    """A ZIP that is sound in itself, with one row more than was written."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            first = content.splitlines(keepends=True)[:1] if name == "ledger/invoices.copy" else []
            new.writestr(name, b"".join([content, *first]))


def _byte_flipped(file: Path, to: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    to.write_bytes(content)


def _member_missing(file: Path, to: Path) -> None:
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            if name != "ledger/edits.copy":
                new.writestr(name, old.read(name))


def _newer(manifest: dict[str, object]) -> None:
    migrations = manifest["migrations"]
    assert isinstance(migrations, list)
    migrations.append({"version": len(migrations) + 1, "name": "later", "checksum": "0"})


def _of_another_program(manifest: dict[str, object]) -> None:
    migrations = manifest["migrations"]
    assert isinstance(migrations, list)
    migrations[2]["checksum"] = "0"


def _without_table(manifest: dict[str, object]) -> None:
    tables = manifest["tables"]
    assert isinstance(tables, list)
    manifest["tables"] = [table for table in tables if table["name"] != "edits"]


UNFIT: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "empty": (lambda _, to: to.write_bytes(b""), "is no backup of a ledger, or was cut off"),
    "cut off": (
        lambda file, to: to.write_bytes(file.read_bytes()[:-100]),
        "is no backup of a ledger, or was cut off",
    ),
    "foreign": (lambda _, to: to.write_bytes(b"PGDMP" * 999), "is no backup of a ledger, or was cut off"),
    "foreign ZIP": (
        lambda _, to: zipfile.ZipFile(to, "w").close(),
        "is no backup of a ledger that this program can read",
    ),
    "byte": (_byte_flipped, "is damaged"),
    "row": (_row_altered, r"is damaged \(ledger\.invoices is not as it was written\)"),
    "member": (_member_missing, "does not hold the tables that it should"),
    "newer": (_changed(_newer), "install the newer program"),
    "another": (_changed(_of_another_program), "was made with another sql/0003_billing.sql"),
    "form": (
        _changed(lambda manifest: manifest.update(format="ledger_pipelines backup 2")),
        "that this program can read",
    ),
    "table": (_changed(_without_table), "does not hold the tables that it should"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_file_is_refused_before_anything_is_touched(name: str, file: Path, tmp_path: Path) -> None:
    make, told = UNFIT[name]
    unfit = tmp_path / "unfit.zip"
    make(file, unfit)
    with pytest.raises(LedgerError, match=told) as refused, open_backup(unfit):
        pass
    assert str(refused.value).startswith(str(unfit))


def test_a_mistyped_name_makes_no_ledger(tmp_path: Path) -> None:
    home = tmp_path / "nowhere"
    told = in_a_sentence(Ledger(home)("restore", str(tmp_path / "nosuch.zip")))
    assert told == f"{tmp_path}/nosuch.zip cannot be read: No such file or directory."
    assert not os.path.lexists(home / "postgres")


def test_a_backup_is_of_one_instant_and_for_its_owner(copied: Database, tmp_path: Path) -> None:
    output = tmp_path / "now.zip"
    before = all_rows(copied)

    def meanwhile(table: str, copied_rows: int) -> None:
        if table == "accounts" and copied_rows:
            execute(copied, "UPDATE custom_line_items SET monthly_fee = 77")

    back_up(copied, output, with_cfo=False, force=False, on_table=meanwhile)
    assert output.stat().st_mode & 0o777 == 0o600
    assert all_rows(copied) != before
    with Archive(output) as archive:
        (edits,) = (table for table in archive.manifest.tables if table.name == "edits")
        assert edits.rows == len(before["edits"])
        assert {table.schema_name for table in archive.manifest.tables} == {"ledger"}
        assert not {table.name for table in archive.manifest.tables} & set(LEFT_OUT)


def test_a_file_that_is_there_stays_and_a_full_disk_leaves_nothing(books: Database, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "home", books.url)
    output = tmp_path / "books.zip"
    output.write_text("mine")
    assert "is there already" in in_a_sentence(ledger("backup", str(output)))
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "sys.argv[0] = 'ledger'; from ledger_pipelines.cli import main; main()"
    )
    with ledger.python("-c", limited, "backup", "--force", str(output)) as running:
        told = in_a_sentence(running.finished())
    assert told == f"{output} cannot be written: File too large; choose another file."
    assert output.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["books.zip"]
    assert ledger("backup", "--force", str(output)).code == 0
    with closing(Database(books.url).connect()), Archive(output) as archive:
        archive.verify()


def test_without_a_ledger_there_is_nothing_to_back_up(empty_database: Database, tmp_path: Path) -> None:
    nowhere = Ledger(tmp_path / "nowhere")("backup", str(tmp_path / "a.zip"))
    assert "There is no ledger in" in in_a_sentence(nowhere)
    empty = Ledger(tmp_path / "empty", empty_database.url)("backup", str(tmp_path / "a.zip"))
    assert "there is nothing to back up" in in_a_sentence(empty)
    assert not (tmp_path / "a.zip").exists()
    assert not os.path.lexists(tmp_path / "nowhere" / "postgres")
