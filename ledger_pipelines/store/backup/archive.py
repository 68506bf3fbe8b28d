"""The file of a backup: a ZIP with the rows of each table as COPY's text, and a manifest that says what must be in it.

The manifest is written last and the directory of a ZIP stands at its end, so that a file that was cut off has neither.
It holds the SHA-256 of every member; `Archive.verify` reads all of it before anybody relies on any of it. That finds a
damaged file, and no forged one: whoever may write the file may write other books.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from ledger_pipelines.errors import LedgerError

_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 64 << 20
_CHUNK = 1 << 20
#: What reading a ZIP raises where the file is damaged, or was none.
_DAMAGED = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class TableEntry(_Frozen):
    """A table in the file: its columns in the order of the rows' fields, how many rows, and what they come to.

    `sha256` is that of the member's bytes, `row_digest` that of the rows in whatever order (`RowDigest`). `months` are
    those that the table has a partition for, null where it is not partitioned.
    """

    schema_name: str
    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    row_digest: str
    months: tuple[date, ...] | None

    @property
    def member(self) -> str:
        """The name of its rows in the ZIP."""
        return f"{self.schema_name}/{self.name}.copy"


class AppliedMigration(_Frozen):
    """A migration that the ledger had, and the SHA-256 of its text."""

    version: int
    name: str
    checksum: str


class Manifest(_Frozen):
    """What the file holds. `sequences` are the last numbers given, `relations` how many the server has to lock."""

    format: Literal["ledger_pipelines backup 1"]
    made_at: datetime
    server_version: str
    first_month: str
    migrations: tuple[AppliedMigration, ...]
    tables: tuple[TableEntry, ...]
    sequences: Mapping[str, int]
    relations: int
    left_out: tuple[str, ...]

    @property
    def version(self) -> int:
        """The last migration of the ledger that was backed up."""
        return max(migration.version for migration in self.migrations)


class RowDigest:
    """Sums over rows that say whether they are the same ones, in whatever order they come.

    What is in the file is held by its SHA-256; this holds that a database has it as it was given. So it is made of what
    costs least for each of millions of rows.
    """

    def __init__(self) -> None:
        self.rows, self._crc, self._adler, self._bytes = 0, 0, 0, 0

    def add(self, rows: Sequence[bytes | bytearray | memoryview]) -> None:
        """Counts rows, as COPY writes them."""
        self.rows += len(rows)
        self._crc += sum(map(zlib.crc32, rows))
        self._adler += sum(map(zlib.adler32, rows))
        self._bytes += sum(map(len, rows))

    def text(self) -> str:
        """What the rows so far come to."""
        return f"{self._bytes:x}-{self._crc:x}-{self._adler:x}"


class RowSink(Protocol):
    """Where a table's rows are written to."""

    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""


class ArchiveWriter:
    """A backup that is being written. Raises OSError when the file cannot be."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Where something failed the file is thrown away, and finishing it would only fail again.
        if kind is None:
            self._zip.close()
        elif self._zip.fp is not None:
            self._zip.fp.close()
            self._zip.fp = None

    @contextmanager
    def member(self, name: str) -> Iterator[HashedSink]:
        """A member to write a table's rows to."""
        with self._zip.open(name, "w", force_zip64=True) as file:
            sink = HashedSink(file)
            yield sink
            sink.flush()

    def finish(self, manifest: Manifest) -> None:
        """Writes what must be in the file."""
        self._zip.writestr(_MANIFEST, manifest.model_dump_json(indent=1))


class HashedSink:
    """Rows on their way into a member, in larger parts than they come."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest, self._waiting = file, hashlib.sha256(), bytearray()

    def write(self, data: bytes, /) -> None:
        """Takes the next bytes."""
        self._waiting += data
        if len(self._waiting) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Hands over what waits."""
        self._digest.update(self._waiting)
        self._file.write(self._waiting)
        self._waiting = bytearray()

    def sha256(self) -> str:
        """The digest of all bytes so far."""
        self.flush()
        return self._digest.hexdigest()


class Archive:
    """A backup to be read."""

    def __init__(self, path: Path) -> None:
        """Raises LedgerError when it is no archive, or is cut off; OSError when it cannot be read."""
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED:
            raise LedgerError(f"{path} is no backup of a ledger, or was cut off: {_OTHER}.") from None
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def parts(self, table: TableEntry) -> Iterator[bytes]:
        """The rows of a table, in parts that end anywhere. Raises LedgerError where they are not what was written."""
        digest = hashlib.sha256()
        try:
            with self._zip.open(table.member) as file:
                while part := file.read(_CHUNK):
                    digest.update(part)
                    yield part
        except (*_DAMAGED, KeyError):
            raise LedgerError(self._damaged(table)) from None
        if digest.hexdigest() != table.sha256:
            raise LedgerError(self._damaged(table))

    def verify(self) -> None:
        """Reads the whole file. Raises LedgerError where anything is not what the manifest says."""
        members = sorted([_MANIFEST, *(table.member for table in self.manifest.tables)])
        if sorted(self._zip.namelist()) != members:
            raise LedgerError(f"{self.path} does not hold the tables that it should: {_OTHER}.")
        for table in self.manifest.tables:
            lines = sum(part.count(b"\n") for part in self.parts(table))
            if lines != table.rows:
                raise LedgerError(self._damaged(table))

    def _read_manifest(self) -> Manifest:
        try:
            if self._zip.getinfo(_MANIFEST).file_size > _MANIFEST_BYTES:
                raise LedgerError(
                    f"{self.path} is no backup of a ledger (its manifest is too large): {_OTHER}."
                )
            return Manifest.model_validate_json(self._zip.read(_MANIFEST))
        except (*_DAMAGED, KeyError, ValidationError):
            raise LedgerError(
                f"{self.path} is no backup of a ledger that this program can read (its manifest): {_OTHER}."
            ) from None

    def _damaged(self, table: TableEntry) -> str:
        return (
            f"{self.path} is damaged ({table.schema_name}.{table.name} is not as it was written): {_OTHER}."
        )


_OTHER = "nothing was changed; take another file"


def months_of(table: TableEntry) -> Sequence[date]:
    """The months that the table had partitions for."""
    return table.months or ()
