"""E-mail addresses as people and systems write them, made comparable (rules/accruals.md, Service periods)."""

from __future__ import annotations

import re
import unicodedata
from email.utils import getaddresses

#: Characters that nobody sees: zero-width spaces and joiners, marks of direction, soft hyphens, byte-order marks.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
_LINK = re.compile(r"mailto:([^?\s,;>]*)(\?[^\s,;>]*)?", re.IGNORECASE)
#: What nearly all are: one address of plain signs, which needs no reading.
_PLAIN = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_SEPARATORS = re.compile(r"[;,\s]+")


def addresses(text: str | None) -> tuple[str, ...]:
    """Each address in a field, comparable: after NFKC, without invisible characters, `mailto:`, display names,
    case and surrounding space; each once, in the order in which they stand.

    What has no `@` is no address, so a name or a dash gives nothing.
    """
    if not text:
        return ()
    if _PLAIN.fullmatch(text):
        return (text.lower(),)
    plain = _LINK.sub(r"\1", _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))).strip()
    found: list[str] = []
    for part in plain.split(";"):
        parsed = [address for _, address in getaddresses([part]) if "@" in address]
        # `a@x.test b@x.test` is no address list of the standard's.
        candidates = parsed if len(parsed) >= part.count("@") else _SEPARATORS.split(part)
        found += [one for one in map(_bare, candidates) if "@" in one]
    return tuple(dict.fromkeys(found))


def _bare(text: str) -> str:
    # Folding case can leave what NFKC would join again.
    return unicodedata.normalize("NFKC", text.strip().strip("<>\"'").strip().casefold())
