"""The shipped fonts: where they are, and which characters they have.

A PDF that keeps to PDF/UA may have no character without a glyph, so what no font has is replaced before it is set.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ledger_pipelines.printable import one_line

FONTS = Path(__file__).with_name("fonts")

_STAND_IN = "\N{REPLACEMENT CHARACTER}"
#: Joiners and variation selectors: they are nothing without the signs that they join, which may not be there.
_JOINERS = re.compile(
    "[\u00ad\u034f\u180b-\u180e\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)


#: Longer words have places at which they may break: no column is so narrow that a shorter one does not fit.
_LONG_WORD, _BREAK_AFTER = re.compile(r"\S{30,}"), 8
_BREAK = "\N{ZERO WIDTH SPACE}"


def settable(text: str, *, plainly: bool = False) -> str:
    """The text in one line of characters that the fonts have, with a sign in place of each other one.

    A character and its marks must come from one font; `plainly` leaves the marks out, for where no font has both.
    """
    line = _JOINERS.sub("", one_line(unicodedata.normalize("NFC", text)))
    if plainly:
        line = "".join(sign for sign in line if not unicodedata.category(sign).startswith("M"))
    known = "".join(sign if ord(sign) in covered() else _STAND_IN for sign in line)
    return _LONG_WORD.sub(lambda word: _breakable(word.group()), known)


def first_seen(*texts: str) -> str:
    """The first of these of which something is seen when it is set, for a heading may not be empty."""
    return next((text for text in texts if settable(text, plainly=True).strip(" \ufffd")), "Unnamed")


def _breakable(word: str) -> str:
    """The word with places to break at, but none between a character and its marks."""
    parts = (
        f"{_BREAK if place % _BREAK_AFTER == 0 and place and not unicodedata.combining(sign) else ''}{sign}"
        for place, sign in enumerate(word)
    )
    return "".join(parts)


@cache
def covered() -> frozenset[int]:
    """The code points that one of the fonts has a glyph for."""
    return frozenset(
        point for font in sorted(FONTS.glob("*.ttf")) for point in _code_points(font.read_bytes())
    )


def _code_points(font: bytes) -> Iterator[int]:
    """The code points of a TrueType font's `cmap` (OpenType 1.9, formats 4 and 12)."""
    (tables,) = struct.unpack_from(">H", font, 4)
    records = [struct.unpack_from(">4s4xII", font, 12 + 16 * place) for place in range(tables)]
    start = next(offset for tag, offset, _ in records if tag == b"cmap")
    (encodings,) = struct.unpack_from(">H", font, start + 2)
    for place in range(encodings):
        platform, _, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * place)
        (kind,) = struct.unpack_from(">H", font, start + offset)
        if platform in (0, 3) and kind == 4:
            yield from _of_segments(font, start + offset)
        elif platform in (0, 3) and kind == 12:
            yield from _of_groups(font, start + offset)


def _of_segments(font: bytes, at: int) -> Iterator[int]:
    (twice,) = struct.unpack_from(">H", font, at + 6)
    count = twice // 2
    ends, starts, deltas, offsets = (
        struct.unpack_from(f">{count}H", font, at + 14 + skipped)
        for skipped in (0, twice + 2, 2 * twice + 2, 3 * twice + 2)
    )
    for place, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for point in range(first, last + 1):
            glyph = point
            if offset:
                where = at + 16 + 3 * twice + 2 * place + offset + 2 * (point - first)
                (glyph,) = struct.unpack_from(">H", font, where)
                if not glyph:
                    continue
            if (glyph + delta) % 65536:
                yield point


def _of_groups(font: bytes, at: int) -> Iterator[int]:
    (groups,) = struct.unpack_from(">I", font, at + 12)
    for place in range(groups):
        first, last, glyph = struct.unpack_from(">III", font, at + 16 + 12 * place)
        yield from range(first if glyph else first + 1, last + 1)
