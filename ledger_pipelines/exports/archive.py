"""Many files as one ZIP, made while it is sent: the same files are the same bytes."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time

#: Permissions of each file: read by all, written by its owner.
_MODE = 0o100644
_LONGEST = 60


def safe_name(text: str) -> str:
    """The text as a part of a file's name on any system: letters and digits, `-` and `_`, at most 60."""
    return re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", text)).strip("_-")[:_LONGEST]


def ascii_name(name: str) -> str:
    """A file's name in letters and digits of ASCII, `-`, `_` and points: accents fall off, other scripts fall out."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[-_]*(-|_|\.)[-_]*", r"\1", re.sub(r"[^\w.-]+", "_", plain)).strip("_-")


class FileNames:
    """Names of files in one folder, none of them twice, also where upper and lower case are the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, stem: str, suffix: str) -> str:
        """The name `stem.suffix` in ASCII, with a number where it is taken."""
        stem = ascii_name(stem)
        name, number = f"{stem}.{suffix}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}.{suffix}"
        self._taken.add(name.casefold())
        return name


def zipped(files: Iterable[tuple[str, bytes]], day: date) -> Iterator[bytes]:
    """A ZIP of these files (name, content), all dated on a day, in parts; each file is asked for when its turn comes."""
    from stream_zip import ZIP_AUTO, stream_zip

    dated = datetime.combine(day, time(), UTC)
    members = ((name, dated, _MODE, ZIP_AUTO(len(content)), (content,)) for name, content in files)
    # At the level that a browser's server would take: the highest costs more time than it saves bytes.
    yield from stream_zip(members, get_compressobj=lambda: zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS))
