"""A ledger made of a backup, in one transaction: until its end, and where it fails, the books are the old ones.

The schema's objects are dropped and made again by the migrations that the backup had, filled, compared with the
manifest, and migrated on. So every trigger, key and partition is what a migration made of it, whatever the old books had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter

import psycopg
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.backup.archive import Archive, TableEntry, months_of
from ledger_pipelines.store.backup.dump import (
    LEFT_OUT,
    OnTable,
    columns_of,
    copy_rows,
    count_relations,
    ledger_tables,
)
from ledger_pipelines.store.backup.objects import drop_objects, object_names, refuse_loss
from ledger_pipelines.store.database import SCHEMA, Database
from ledger_pipelines.store.migrations import (
    MIGRATION_LOCK,
    Migration,
    apply_migrations,
    filled_table,
    read_applied,
    read_migrations,
)
from ledger_pipelines.store.queries.ledger_facts import UP_APPLICATION
from ledger_pipelines.store.run_requests import end_request, unended_requests

_PATIENCE = "15s"
#: What follows ENABLE for each state of a trigger that is on, and for one that was off.
_STATES = {"O": "", "A": "ALWAYS", "R": "REPLICA"}
_LOST = "The books were restored from a backup that was made while this was under way: ask for it again."
#: What processes that execute runs and steps connect by.
_RUNNING = ("ledger run", "ledger step")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The tables of a backup that were loaded, those not written to, and the migrations that its books had yet to get.

    `retained` are those that others have filled, with their rows; `left_out` those of the archive that are not the
    ledger's.
    """

    tables: list[TableEntry]
    retained: dict[str, int]
    left_out: list[str]
    migrations: list[Migration]


def load_books(
    database: Database,
    archive: Archive,
    *,
    beside: Sequence[tuple[str, str]],
    replace: bool,
    on_table: OnTable,
) -> Loaded:
    """Makes the ledger that of the verified archive of a known program, all or nothing.

    Of tables of other schemas only those in `beside` are filled, where they are there and empty: others write to them,
    and rest on their rows. Whatever a file says, nothing else is written to.
    Raises LedgerError when the database holds a ledger that is newer or, without `replace`, not empty, when something
    runs on it, or when what was loaded is not what the archive has.
    """
    with database.connect(application_name="ledger restore") as connection:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
            with _translating_errors(database):
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
                _require_replaceable(connection, database)
                if not replace:
                    _require_empty(connection, database)
                _require_quiet(connection, database)
                _require_lock_room(connection, archive)
                before, version = object_names(connection), len(read_applied(connection))
                drop_objects(connection)
                if before:
                    refuse_loss(connection, before, version)
                apply_migrations(connection, up_to=archive.manifest.version)
                tables, retained, left_out = _fill(connection, archive, beside, on_table)
            added = apply_migrations(connection)
            _end_requests(connection)
        connection.execute("ANALYZE")
    return Loaded(tables, retained, left_out, added)


def require_known(archive: Archive) -> None:
    """Raises LedgerError when the archive is of a newer or another program than this one."""
    known = {migration.version: migration.checksum for migration in read_migrations()}
    manifest = archive.manifest
    if manifest.version > len(known):
        raise LedgerError(
            f"{archive.path} is at migration {manifest.version}, this program knows {len(known)}: "
            "install the newer program."
        )
    if [migration.version for migration in manifest.migrations] != list(range(1, manifest.version + 1)):
        raise LedgerError(
            f"{archive.path} does not say which migrations its books have had: take another file."
        )
    for migration in manifest.migrations:
        if known[migration.version] != migration.checksum:
            raise LedgerError(
                f"{archive.path} was made with another sql/{migration.version:04}_{migration.name}.sql than this "
                "program has: restore it with the program that made it."
            )


def _require_replaceable(connection: psycopg.Connection, database: Database) -> None:
    applied, known = read_applied(connection), len(read_migrations())
    newest = max((version for version, _, _ in applied), default=0)
    if newest > known:
        raise LedgerError(
            f"{database.label} is at migration {newest}, this program knows {known}: install the newer program."
        )


def _require_empty(connection: psycopg.Connection, database: Database) -> None:
    filled = filled_table(connection)
    if filled is not None:
        raise LedgerError(
            f"{database.label} holds books ({filled} has rows): `ledger restore --replace` puts the backup in their "
            "place; or restore into another LEDGER_HOME or LEDGER_DATABASE_URL."
        )


def _require_quiet(connection: psycopg.Connection, database: Database) -> None:
    """Whatever begins from now on waits for the lock on the migrations, or for the tables."""
    rows = connection.execute(
        """SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND (starts_with(application_name, %s) OR starts_with(application_name, %s)
                OR starts_with(application_name, %s)) ORDER BY 1""",
        [UP_APPLICATION, *_RUNNING],
    ).fetchall()
    names = [str(name) for (name,) in rows]
    if any(name.startswith(UP_APPLICATION) for name in names):
        raise LedgerError(f"`ledger up` runs on {database.label}: stop it before its books are replaced.")
    if names:
        raise LedgerError(
            f"A run is in progress on {database.label}: wait until it has ended, or stop it, and restore then."
        )


def _require_lock_room(connection: psycopg.Connection, archive: Archive) -> None:
    """One transaction that drops and makes so many tables holds a lock of each until its end."""
    (row,) = connection.execute(
        """SELECT current_setting('max_locks_per_transaction')::bigint,
                  current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint"""
    ).fetchall()
    each, transactions = row
    needed = count_relations(connection) + archive.manifest.relations
    if needed > each * transactions:
        raise LedgerError(
            f"The database can lock {each * transactions:,} tables and indexes at once, and this takes {needed:,}: set "
            f"max_locks_per_transaction to {needed // transactions + 16} or more, and start the server again."
        )


def _fill(
    connection: psycopg.Connection, archive: Archive, beside: Sequence[tuple[str, str]], on_table: OnTable
) -> tuple[list[TableEntry], dict[str, int], list[str]]:
    """Loads and compares all tables; returns them, those that others have filled, with their rows, and those not ours."""
    present = {(SCHEMA, name) for name in ledger_tables(connection) if name not in LEFT_OUT}
    # The CFO's may have another name.
    beside = [table for table in beside if columns_of(connection, table)]
    filled = {table: count for table in beside if (count := _count_of_others(connection, table))}
    empty = [table for table in beside if table not in filled]
    entries = [entry for entry in archive.manifest.tables if _key(entry) in {*present, *empty}]
    missing = sorted(name for _, name in present - {_key(entry) for entry in entries})
    if missing:
        raise LedgerError(
            f"{archive.path} lacks {', '.join(missing)}: nothing was changed; take another file."
        )
    for entry in entries:
        if columns_of(connection, _key(entry)) != entry.columns:
            raise LedgerError(
                f"{archive.path} has other columns of {entry.schema_name}.{entry.name} than its migrations make, or than "
                "are in the database: nothing was changed."
            )
        for month in months_of(entry):
            connection.execute("SELECT ensure_month(%s, %s)", [entry.name, month])
    ordered = _in_order(connection, entries)
    with _triggers_off(connection, empty):
        for entry in reversed(ordered):
            # What migrations put there; of partitioned tables nothing.
            if entry.months is None and _key(entry) in present:
                connection.execute(sql.SQL("DELETE FROM {}").format(_identifier(entry)))
        for entry in ordered:
            on_table(entry.name, 0)
            _copy_in(connection, archive, entry)
            on_table(entry.name, entry.rows)
    _set_sequences(connection, archive, empty)
    connection.execute(
        "SELECT freeze_month(month) FROM ledger_periods WHERE status = 'closed' ORDER BY month"
    )
    for entry in ordered:
        digest = copy_rows(connection, _key(entry), entry.columns, None)
        if (digest.rows, digest.text()) != (entry.rows, entry.row_digest):
            raise LedgerError(
                f"{entry.schema_name}.{entry.name} is not as it was written after it was loaded: nothing was changed."
            )
    left_out = [entry for entry in archive.manifest.tables if _key(entry) not in {*present, *beside}]
    return (
        ordered,
        {".".join(table): count for table, count in filled.items()},
        [f"{entry.schema_name}.{entry.name}" for entry in left_out],
    )


def _end_requests(connection: psycopg.Connection) -> None:
    """Ends what was under way when the backup was made: what its runs have written and checked is in other books."""
    for request in unended_requests(connection):
        end_request(connection, request.id, "LOST", _LOST)


def _count_of_others(connection: psycopg.Connection, table: tuple[str, str]) -> int:
    """The rows of a table that others write to, too; where there are none, nobody writes any until the end."""
    name = sql.Identifier(*table)
    query = sql.SQL("SELECT count(*) FROM {}").format(name)
    ((count,),) = connection.execute(query).fetchall()
    if not count:
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name))
        ((count,),) = connection.execute(query).fetchall()
    return int(count)


def _copy_in(connection: psycopg.Connection, archive: Archive, entry: TableEntry) -> None:
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(
        _identifier(entry), sql.SQL(", ").join(map(sql.Identifier, entry.columns))
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for part in archive.parts(entry):
            copy.write(part)


def _in_order(connection: psycopg.Connection, entries: Sequence[TableEntry]) -> list[TableEntry]:
    """The tables, each after those that its foreign keys name."""
    rows = connection.execute(
        """SELECT n.nspname, c.relname, m.nspname, r.relname FROM pg_constraint f
           JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
           WHERE f.contype = 'f' AND f.conrelid <> f.confrelid"""
    ).fetchall()
    by_name = {_key(entry): entry for entry in entries}
    sorter: TopologicalSorter[tuple[str, str]] = TopologicalSorter(dict.fromkeys(by_name, ()))
    for schema, name, other_schema, other in rows:
        if (schema, name) in by_name and (other_schema, other) in by_name:
            sorter.add((schema, name), (other_schema, other))
    return [by_name[name] for name in sorter.static_order()]


@contextmanager
def _triggers_off(connection: psycopg.Connection, beside: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Without the triggers of the schema's and these tables while they are filled; each is as it was afterwards.

    What they hold was held when the rows were first written; edits that they would record are among the rows.
    """
    before = _triggers(connection, beside)
    # One that is off stays off.
    parents = [found for found in before if not found[3] and found[2] in _STATES]
    for table, name, _, _ in parents:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}".encode())
    yield
    for table, name, state, _ in parents:
        connection.execute(f"ALTER TABLE {table} ENABLE {_STATES[state]} TRIGGER {name}".encode())
    if _triggers(connection, beside) != before:
        raise LedgerError("The triggers of the ledger's tables are not as they were: nothing was changed.")


def _triggers(
    connection: psycopg.Connection, beside: Sequence[tuple[str, str]]
) -> list[tuple[str, str, str, bool]]:
    """Each trigger's table, name, state and whether it is that of a partition."""
    return connection.execute(
        """SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(t.tgname), t.tgenabled::text, c.relispartition
           FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE (n.nspname = %s OR n.nspname || '.' || c.relname = ANY (%s)) AND NOT t.tgisinternal ORDER BY 1, 2""",
        [SCHEMA, [".".join(table) for table in beside]],
    ).fetchall()


def _set_sequences(
    connection: psycopg.Connection, archive: Archive, beside: Sequence[tuple[str, str]]
) -> None:
    """Lets numbers go on after the last one that was given, whether its row is still there or not.

    Of other schemas those of these tables alone, and never back.
    """
    rows = connection.execute(
        """SELECT s.schemaname || '.' || s.sequencename, q.oid::regclass::text, s.last_value
           FROM pg_sequences s JOIN pg_class q ON q.oid = format('%%I.%%I', s.schemaname, s.sequencename)::regclass
           WHERE s.schemaname = %s OR EXISTS (
               SELECT FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE d.classid = 'pg_class'::regclass AND d.objid = q.oid AND d.deptype IN ('a', 'i')
                 AND n.nspname || '.' || c.relname = ANY (%s))""",
        [SCHEMA, [".".join(table) for table in beside]],
    ).fetchall()
    for name, quoted, now in rows:
        last = archive.manifest.sequences.get(name)
        if last is not None and last > (now or 0):
            connection.execute("SELECT setval(%s::regclass, %s)", [quoted, last])


@contextmanager
def _translating_errors(database: Database) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.LockNotAvailable:
        raise LedgerError(
            f"Somebody reads, migrates or restores the books in {database.label}: try again when that has ended."
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise LedgerError(
            f"The database's user may not make the tables of {database.label} anew ({error.diag.message_primary}): "
            "restore as their owner."
        ) from None
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise LedgerError(
            f"The backup's rows do not fit the ledger's tables ({error.diag.message_primary}): nothing was changed."
        ) from None


def _key(entry: TableEntry) -> tuple[str, str]:
    return entry.schema_name, entry.name


def _identifier(entry: TableEntry) -> sql.Identifier:
    return sql.Identifier(entry.schema_name, entry.name)
