"""Text of other systems as a terminal, a log and a page may show it.

A name may hold what moves the cursor, sets the window's title or turns the direction of what follows. Here: taking
that out. Not here: secrets (`sources.redaction`).
"""

from __future__ import annotations

import re

#: Control characters but tab and line feed, what turns the direction of writing, and halves of characters.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKS = re.compile(r"\r\n|[\t\n\r]")
_STAND_IN = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """The text with a sign in place of each character that does something else than being seen; lines stay lines."""
    return _UNPRINTABLE.sub(_STAND_IN, text)


def one_line(text: str) -> str:
    """Likewise, in one line."""
    return printable(_BREAKS.sub(" ", text))
