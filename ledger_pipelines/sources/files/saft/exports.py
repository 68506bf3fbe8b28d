"""The files of a command as exports: one file, or the parts of one that come together, also zipped."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lxml import etree

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.files.saft.masters import Header
from ledger_pipelines.sources.files.saft.reader import SaftReader

#: `…_1_3.xml` is the first part of three.
_PART = re.compile(r"(.*)_([0-9]{1,4})_([0-9]{1,4})\.xml", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class Export:
    """The files of one export, in the order of their parts, with the headers that they begin with."""

    files: list[SaftReader] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The files as a person knows them."""
        return ", ".join(file.content.name for file in self.files)

    @property
    def header(self) -> Header:
        """The first file's."""
        return self.headers[0]


def find_exports(
    paths: Iterable[Path],
    *,
    schema: etree.XMLSchema | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> list[Export]:
    """The exports of these files and zips, the earliest first; those of one export are one.

    Files belong together by their names (`…_1_3.xml`), or where their headers say the same. Raises LedgerError for a
    file that cannot be read, a zip without an XML file, or an export whose parts are not all there.
    """
    found: dict[tuple[object, ...], dict[str, tuple[SaftReader, Header]]] = {}
    parts: dict[tuple[object, ...], set[int]] = {}
    for reader in _readers(paths, schema, on_bytes):
        header, name = reader.header(), reader.content.name
        match = _PART.fullmatch(name)
        key: tuple[object, ...] = (header.registration_number, header.created, header.selection)
        if match is not None and 1 <= int(match[2]) <= int(match[3]):
            key = (match[1], int(match[3]))
            parts.setdefault(key, set()).add(int(match[2]))
        if name in found.setdefault(key, {}):
            raise LedgerError(f"{name} was given twice: name each file once.")
        found[key][name] = reader, header
    for (prefix, count), numbers in parts.items():
        missing = sorted(set(range(1, int(str(count)) + 1)) - numbers)
        if missing:
            named = ", ".join(map(str, missing[:10]))
            raise LedgerError(
                f"{prefix}_…_{count}.xml lacks part {named} of {count}: name all files of the export."
            )
    exports = [_export(files) for files in found.values()]
    return sorted(exports, key=lambda export: str(export.header.start or ""))


def read_schema(path: Path) -> etree.XMLSchema:
    """A schema to read files by. Raises LedgerError where it is no schema."""
    try:
        return etree.XMLSchema(
            etree.parse(str(path), etree.XMLParser(no_network=True, resolve_entities=False))
        )
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror or 'it is no file'}.") from None
    except etree.LxmlError as error:
        raise LedgerError(f"{path} is no XML schema: {error}.") from None


def _export(files: dict[str, tuple[SaftReader, Header]]) -> Export:
    ordered = sorted(files.values(), key=lambda one: (str(one[1].start or ""), _number(one[0])))
    export = Export([reader for reader, _ in ordered], [header for _, header in ordered])
    for header in export.headers:
        for what in ("registration_number", "currency", "version"):
            if getattr(header, what) != getattr(export.header, what):
                raise LedgerError(
                    f"The files {export.name} are no one export: their {what.replace('_', ' ')} is "
                    f"{getattr(export.header, what)} and {getattr(header, what)}."
                )
    return export


def _number(reader: SaftReader) -> tuple[int, str]:
    match = _PART.fullmatch(reader.content.name)
    return (int(match[2]) if match else 0), reader.content.name


def _readers(
    paths: Iterable[Path], schema: etree.XMLSchema | None, on_bytes: Callable[[int], None] | None
) -> Iterator[SaftReader]:
    for path in paths:
        _refuse_missing(path)
        if path.suffix.lower() != ".zip":
            yield SaftReader(path.name, _opener(path), schema=schema, on_bytes=on_bytes)
            continue
        for member in _members(path):
            name = member.rsplit("/", 1)[-1]
            yield SaftReader(name, _member_opener(path, member), schema=schema, on_bytes=on_bytes)


def _refuse_missing(path: Path) -> None:
    try:
        is_file = path.is_file()
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}.") from None
    if not is_file:
        raise LedgerError(f"There is no file {path}.")


def _opener(path: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    def opened() -> IO[bytes]:
        try:
            return path.open("rb")
        except OSError as error:
            raise LedgerError(f"{path} cannot be read: {error.strerror}.") from None

    return opened


def _members(path: Path) -> list[str]:
    with _zip(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    members = [name for name in names if name.lower().endswith(".xml") and not name.startswith("__MACOSX/")]
    if not members:
        raise LedgerError(f"{path.name} has no XML file.")
    return members


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise LedgerError(f"{path.name} is no zip that can be read: {error}.") from None


def _member_opener(path: Path, member: str) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with _zip(path) as archive:
            try:
                stream = archive.open(member)
            except RuntimeError:
                raise LedgerError(
                    f"{path.name} is locked with a password: give its files unpacked."
                ) from None
            with stream:
                yield stream

    return opened
