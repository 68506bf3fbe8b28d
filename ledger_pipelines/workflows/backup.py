"""All books in one file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import replaced
from ledger_pipelines.store.backup import Archive, Manifest, TableEntry, dump_books, load_books, require_known
from ledger_pipelines.store.backup.archive import ArchiveWriter
from ledger_pipelines.store.database import Database

#: The CFO's table, where it is in the ledger's own database.
CFO_TABLE = ("cfo", "transactions")
OnTable = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a file holds, or what of it was loaded: tables, their rows, the last migration, and when the instant was."""

    tables: int
    rows: int
    version: int
    made_at: datetime

    @classmethod
    def of(cls, manifest: Manifest, tables: Sequence[TableEntry]) -> BackedUp:
        """What the manifest says of these tables."""
        return cls(len(tables), sum(table.rows for table in tables), manifest.version, manifest.made_at)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, the migrations that were applied to it (`0015 sources`), and tables that were left out.

    `retained` are the CFO's transactions that were there and stayed as they are: the backup's were not loaded then.
    """

    backup: BackedUp
    migrations: list[str]
    retained: int
    left_out: list[str]


def back_up(
    database: Database, output: Path, *, with_cfo: bool, force: bool, on_table: OnTable = lambda *_: None
) -> BackedUp:
    """Writes all books to the file, as of one instant, for its owner only, and reads the file again to be sure.

    `with_cfo`: the CFO's transactions are in the ledger's database. What was at `output` stays until the end.
    Raises LedgerError where there is a file already and `force` is not given, where it cannot be written, and as
    `dump_books` does.
    """
    if output.exists() and not force:
        raise LedgerError(
            f"{output} is there already: name another file, or write over it with `ledger backup --force`."
        )
    try:
        with replaced(output) as beside:
            beside.chmod(0o600)
            with ArchiveWriter(beside) as writer:
                manifest = dump_books(database, writer, beside=_beside(with_cfo), on_table=on_table)
            with Archive(beside) as written:
                written.verify()
    except OSError as error:
        raise LedgerError(f"{output} cannot be written: {error.strerror}; choose another file.") from None
    return BackedUp.of(manifest, manifest.tables)


@contextmanager
def open_backup(file: Path) -> Iterator[Archive]:
    """The backup, whose whole file was read and compared: before that nobody needs a database.

    Raises LedgerError where the file cannot be read, is no backup, is damaged, or is of a newer or another program.
    """
    with _translating_errors(file):
        archive = Archive(file)
    with archive:
        with _translating_errors(file):
            archive.verify()
        require_known(archive)
        yield archive


def restore(
    database: Database,
    archive: Archive,
    *,
    replace: bool,
    with_cfo: bool,
    on_table: OnTable = lambda *_: None,
) -> Restored:
    """Makes the ledger that of the backup, as `open_backup` gives it, all or nothing.

    `with_cfo`: the CFO's transactions are in the ledger's database, and their table was made. They are loaded where there
    are none. Else the table stays as it is, as where it is in another database: others enter rows there and rest on
    them, and what was handed over since the backup is found there and linked, not handed over once more.
    Raises LedgerError where the file can no longer be read, and as `load_books` does.
    """
    with _translating_errors(archive.path):
        loaded = load_books(database, archive, beside=_beside(with_cfo), replace=replace, on_table=on_table)
    return Restored(
        BackedUp.of(archive.manifest, loaded.tables),
        [f"{migration.version:04} {migration.name}" for migration in loaded.migrations],
        sum(loaded.retained.values()),
        loaded.left_out,
    )


@contextmanager
def _translating_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(f"{file} cannot be read: {error.strerror}.") from None


def _beside(with_cfo: bool) -> list[tuple[str, str]]:
    return [CFO_TABLE] if with_cfo else []
