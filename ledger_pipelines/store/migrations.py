"""Brings a database up to date with the numbered files of `sql/`.

All that are missing are applied in one transaction under an advisory lock: two migrations at once apply each
file once, and one that fails leaves the database as it was. Each file's checksum is kept, so that a file which
was changed after it was applied is noticed instead of being silently out of step.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, parse_month, usable_first_month
from ledger_pipelines.store.database import DAGSTER_SCHEMA, SCHEMA, Database

#: Held while the schema is made, changed or restored.
MIGRATION_LOCK = 7_433_001
#: The tables that have rows in a ledger in which nothing was read yet; what a person changes of them is in `edits`.
_BEFORE_DATA = (
    *("schema_migrations", "ledger_settings", "accounts"),
    *("cfo_entity_mappings", "cfo_revenue_categories"),
)
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `sql/`: its number, name, text, and the SHA-256 of the text."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def sql_directory() -> Path:
    """Where the migrations are: beside the package in a checkout, inside it when it was installed."""
    packaged = Path(str(files("ledger_pipelines"))) / "_sql"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "sql"


def read_migrations(directory: Path | None = None) -> list[Migration]:
    """The migrations in order. Raises LedgerError for a gap or a double in the numbers."""
    found = []
    for path in sorted((directory or sql_directory()).glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise LedgerError(f"{path} is not named like 0001_what_it_does.sql; rename it.")
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise LedgerError(
            "The numbers of sql/ are not 0001, 0002, … without gaps or doubles; rename the files."
        )
    return found


def migrate(database: Database, *, first_month: date, directory: Path | None = None) -> list[Migration]:
    """Applies what is missing and returns it, in order; an empty list says that all was there.

    `first_month` is kept the first time, and is the ledger's first month for ever.
    Raises LedgerError when an applied file has changed since, or the database is newer than this program.
    """
    with database.connect(application_name="ledger migrate") as connection, connection.transaction():
        missing = apply_migrations(connection, directory=directory)
        connection.execute(
            "INSERT INTO ledger_settings VALUES ('first_month', %s) ON CONFLICT DO NOTHING",
            [format_month(first_month)],
        )
    return missing


def read_applied(connection: psycopg.Connection) -> list[tuple[int, str, str]]:
    """The version, name and checksum of each migration that the database has, in order; none where there is no ledger."""
    if connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.schema_migrations"]).fetchone() == (None,):
        return []
    return connection.execute(
        "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
    ).fetchall()


def apply_migrations(
    connection: psycopg.Connection, *, up_to: int | None = None, directory: Path | None = None
) -> list[Migration]:
    """Applies what is missing, or what of it is numbered up to `up_to`, and returns it; to be called in a transaction.

    Raises LedgerError as `migrate` does.
    """
    migrations = read_migrations(directory)
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
    _create_schemas(connection)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    missing = [
        migration
        for migration in _missing(connection, migrations)
        if up_to is None or migration.version <= up_to
    ]
    for migration in missing:
        _apply(connection, migration)
    return missing


def create_schemas(database: Database) -> None:
    """Makes the schemas of the ledger and of Dagster where they are missing."""
    with database.connect() as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        _create_schemas(connection)


def read_first_month(connection: psycopg.Connection) -> date:
    """The ledger's first month, as it was fixed when the database was first migrated.

    Raises LedgerError where no ledger can begin with it.
    """
    row = connection.execute(
        "SELECT value, current_date FROM ledger_settings WHERE name = 'first_month'"
    ).fetchone()
    if row is None:
        raise LedgerError("The database has no first month: run `ledger migrate`.")
    try:
        return usable_first_month(parse_month(row[0]), today=row[1])
    except LedgerError:
        raise LedgerError(
            f"The ledger's first month is kept as {row[0]!r}, with which no ledger can begin: "
            "run `ledger migrate --first-month YYYY-MM`."
        ) from None


def change_first_month(database: Database, month: date) -> None:
    """Lets an empty ledger begin with this month instead of the one that it was migrated with.

    Raises LedgerError where anything has been read or kept, which stands in the months that it was read for.
    """
    with database.connect(application_name="ledger migrate") as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        filled = filled_table(connection)
        if filled is not None:
            raise LedgerError(
                f"The ledger is not empty ({filled} has rows), so its first month stays: begin another with LEDGER_HOME "
                "or LEDGER_DATABASE_URL, and its own LEDGER_FIRST_MONTH."
            )
        connection.execute(
            """INSERT INTO ledger_settings VALUES ('first_month', %s)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
            [format_month(month)],
        )


def filled_table(connection: psycopg.Connection) -> str | None:
    """A table that something was written to after the migrations, None where there is none."""
    tables = connection.execute(
        """SELECT c.relname FROM pg_class c
           WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
             AND NOT c.relname = ANY (%s) ORDER BY c.relname""",
        [SCHEMA, list(_BEFORE_DATA)],
    ).fetchall()
    for (table,) in tables:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(SCHEMA, table))
        if connection.execute(query).fetchone() == (True,):
            return str(table)
    return None


def _create_schemas(connection: psycopg.Connection) -> None:
    for schema in (SCHEMA, DAGSTER_SCHEMA):
        if connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() == (None,):
            try:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            except psycopg.errors.InsufficientPrivilege:
                raise LedgerError(
                    f"The database's user may not make the schema {schema}: GRANT CREATE ON DATABASE to it, "
                    f"or have the schemas {SCHEMA} and {DAGSTER_SCHEMA} made for it."
                ) from None


def _missing(connection: psycopg.Connection, migrations: list[Migration]) -> list[Migration]:
    rows = connection.execute("SELECT version, name, checksum FROM schema_migrations").fetchall()
    applied: dict[int, str] = {version: checksum for version, _, checksum in rows}
    if _is_of_an_earlier_program(rows, migrations):
        raise LedgerError(
            "The database was made before the program's first release, whose tables begin anew: begin another ledger "
            "with LEDGER_HOME or LEDGER_DATABASE_URL (`ledger up --demo` fills a new one)."
        )
    if applied and max(applied) > len(migrations):
        raise LedgerError(
            f"The database is at migration {max(applied)}, this program knows {len(migrations)}: "
            "install the newer program."
        )
    for migration in migrations:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise LedgerError(
                f"sql/{migration.version:04}_{migration.name}.sql was changed after it was applied: "
                "put it back, and write the change as a new migration."
            )
    return [migration for migration in migrations if migration.version not in applied]


def _is_of_an_earlier_program(rows: list[tuple[int, str, str]], migrations: list[Migration]) -> bool:
    """Whether the first migrations were others than they are now, and not only edited: they were folded together."""
    now = {migration.version: migration for migration in migrations}
    return any(
        version in now and name != now[version].name and checksum != now[version].checksum
        for version, name, checksum in rows
    )


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    try:
        connection.execute(migration.text.encode())
    except psycopg.Error as error:
        raise LedgerError(
            f"sql/{migration.version:04}_{migration.name}.sql failed, nothing was changed: {error}"
        ) from error
    connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
        [migration.version, migration.name, migration.checksum],
    )
