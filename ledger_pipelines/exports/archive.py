"""Many files as one ZIP, made while it is sent: the same files are the same bytes."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time

#: Permissions of each file: read by all, written by its owner.
_MODE = 0o100644
#: A part of a name: with two of them, a month and an ending it stays below the 255 bytes of most file systems.
_LONGEST, _MOST_BYTES = 60, 100
#: What Unicode calls the letters of Latin that it does not take apart, such as `ø`, `ł` and `æ`.
_LATIN = re.compile(r"LATIN (SMALL|CAPITAL) (?:LETTER|LIGATURE) (?:DOTLESS )?([A-Z]{1,2})(?: WITH .+)?")


def safe_name(text: str) -> str:
    """The text as a part of a file's name on any system: letters and digits of any script, `-` and `_`, at most 60."""
    safe = "".join(sign if _is_safe(sign) else " " for sign in unicodedata.normalize("NFC", text))
    name = "_".join(safe.split()).strip("_-")[:_LONGEST]
    return name.encode()[:_MOST_BYTES].decode(errors="ignore").strip("_-")


def _is_safe(sign: str) -> bool:
    """Whether it is a letter, a mark that belongs to one, as in Thai, or a digit."""
    return sign in "-_" or unicodedata.category(sign)[0] in "LMN"


def ascii_name(name: str) -> str:
    """A file's name in letters and digits of ASCII, `-`, `_` and points, for who knows no other.

    Letters of Latin lose what is above, below and across them; those of other scripts fall out.
    """
    plain = "".join(map(_in_ascii, unicodedata.normalize("NFKD", name)))
    return re.sub(r"[-_]*(-|_|\.)[-_]*", r"\1", re.sub(r"[^\w.-]+", "_", plain)).strip("_-")


def _in_ascii(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign.casefold().isascii():
        return sign.casefold()
    latin = _LATIN.fullmatch(unicodedata.name(sign, ""))
    if latin is None:
        return ""
    return latin[2].title() if latin[1] == "CAPITAL" else latin[2].lower()


class FileNames:
    """Names of files in one folder, none of them twice, also where upper and lower case are the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, stem: str, suffix: str) -> str:
        """The name `stem.suffix`, with a number where it is taken."""
        name, number = f"{stem}.{suffix}", 1
        while _compared(name) in self._taken:
            number += 1
            name = f"{stem}-{number}.{suffix}"
        self._taken.add(_compared(name))
        return name


def _compared(name: str) -> str:
    """What is the same for the names that some system takes for one."""
    return unicodedata.normalize("NFKC", name).casefold()


def zipped(files: Iterable[tuple[str, bytes]], day: date) -> Iterator[bytes]:
    """A ZIP of these files (name, content), all dated on a day, in parts; each file is asked for when its turn comes."""
    from stream_zip import ZIP_AUTO, stream_zip

    dated = datetime.combine(day, time(), UTC)
    members = ((name, dated, _MODE, ZIP_AUTO(len(content)), (content,)) for name, content in files)
    # At the level that a browser's server would take: the highest costs more time than it saves bytes.
    yield from stream_zip(members, get_compressobj=lambda: zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS))
