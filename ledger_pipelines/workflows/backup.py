"""All books in one file, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import replaced
from ledger_pipelines.store.backup import Archive, Manifest, dump_books, load_books
from ledger_pipelines.store.backup.archive import ArchiveWriter
from ledger_pipelines.store.database import Database

#: The CFO's table, where it is in the ledger's own database.
CFO_TABLE = ("cfo", "transactions")
OnTable = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a file holds: tables, their rows, the last migration, and when the instant was."""

    tables: int
    rows: int
    version: int
    made_at: datetime

    @classmethod
    def of(cls, manifest: Manifest) -> BackedUp:
        """What the manifest says."""
        return cls(len(manifest.tables), manifest.rows, manifest.version, manifest.made_at)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, the migrations that were applied to it (`0015 sources`), and tables that were left out."""

    backup: BackedUp
    migrations: list[str]
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
    return BackedUp.of(manifest)


def restore(
    database: Database, file: Path, *, replace: bool, with_cfo: bool, on_table: OnTable = lambda *_: None
) -> Restored:
    """Makes the ledger that of the file, all or nothing; the whole file is read and compared before anything is touched.

    `with_cfo`: the CFO's transactions are in the ledger's database, and their table was made.
    Raises LedgerError where the file cannot be read or is none, and as `load_books` does.
    """
    try:
        with Archive(file) as archive:
            archive.verify()
            added, left_out = load_books(
                database, archive, beside=_beside(with_cfo), replace=replace, on_table=on_table
            )
            return Restored(
                BackedUp.of(archive.manifest),
                [f"{migration.version:04} {migration.name}" for migration in added],
                left_out,
            )
    except OSError as error:
        raise LedgerError(f"{file} cannot be read: {error.strerror}.") from None


def _beside(with_cfo: bool) -> list[tuple[str, str]]:
    return [CFO_TABLE] if with_cfo else []
