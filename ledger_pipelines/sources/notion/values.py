"""Values of Notion's properties, whatever the type that people gave them (wire/notion.md).

People turn an e-mail into text, a select into a status, a date into a formula. Here: from a property to a text or a
date, where its value is plain. The message of each ValueError completes the sentence "…, which …".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ledger_pipelines.emails import addresses
from ledger_pipelines.printable import one_line
from ledger_pipelines.sources.records.wire_types import day_of

#: Characters of a type that nobody knows.
_LONGEST_TYPE = 40
#: Where an answer nests values in values, no deeper than people do.
_DEEPEST = 3


def property_text(value: object) -> str | None:
    """The text of a property: null where it is empty, or not there at all."""
    texts = [text for text in _values(value, _DEEPEST) if text]
    if len(texts) > 1:
        raise ValueError("has several values")
    return texts[0] if texts else None


def property_addresses(value: object) -> str | None:
    """The e-mail addresses of a property, several parted by semicolons; null where it is empty.

    Raises ValueError also for words that are no address: whom they mean is unknown.
    """
    text = "; ".join(text for text in _values(value, _DEEPEST) if text).casefold()
    if not text:
        return None
    if not addresses(text) and any(sign.isalnum() for sign in text):
        raise ValueError("is no e-mail address")
    return text


def property_date(value: object) -> date | None:
    """The date of a property, the first one of two; null where it is empty."""
    text = property_text(value)
    return None if text is None else day_of(text)


def _values(value: object, depth: int) -> list[str]:
    """The texts that a property holds, trimmed; a blank one for an empty value."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise ValueError("is not a property")
    kind = value.get("type")
    if kind is None:
        kind = next((name for name in value if name in _READERS), None)
    if not isinstance(kind, str) or kind not in _READERS or depth == 0:
        type_name = one_line(kind)[:_LONGEST_TYPE] if isinstance(kind, str) else "that it does not say"
        raise ValueError(f"is a property of the type {type_name}, whose value is not plain")
    if kind not in value:
        raise ValueError(f"has no {kind}")
    return _READERS[kind](value[kind], depth)


def _text(value: object, _: int) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, str):
        raise ValueError("is not text")
    return [value.strip()]


def _pieces(value: object, _: int) -> list[str]:
    """A text that comes in pieces of one style each."""
    if value is None:
        return []
    pieces = value if isinstance(value, list) else [None]
    texts = [piece.get("plain_text") if isinstance(piece, Mapping) else None for piece in pieces]
    plain = [text for text in texts if isinstance(text, str)]
    if len(plain) != len(texts):
        raise ValueError("is not a text in pieces")
    return ["".join(plain).strip()]


def _option(value: object, _: int) -> list[str]:
    if value is None:
        return []
    name = value.get("name") if isinstance(value, Mapping) else None
    if not isinstance(name, str):
        raise ValueError("is not an option")
    return [name.strip()]


def _options(value: object, depth: int) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("is not a list of options")
    return [name for option in value for name in _option(option, depth)]


def _span(value: object, _: int) -> list[str]:
    if value is None:
        return []
    start = value.get("start") if isinstance(value, Mapping) else None
    if not isinstance(start, str):
        raise ValueError("is not a date")
    return [start.strip()]


def _computed(value: object, depth: int) -> list[str]:
    """A formula's result, which says its type and may be null."""
    if value is None:
        return []
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        raise ValueError("is not a computed value")
    return [] if value.get(value["type"]) is None else _values(value, depth - 1)


def _rolled_up(value: object, depth: int) -> list[str]:
    """The values of related pages."""
    if isinstance(value, Mapping) and value.get("type") == "array":
        among = value.get("array")
        if not isinstance(among, list):
            raise ValueError("is not a list of values")
        return [text for one in among for text in _values(one, depth - 1)]
    return _computed(value, depth)


_READERS: Mapping[str, Callable[[Any, int], list[str]]] = {
    "title": _pieces,
    "rich_text": _pieces,
    "email": _text,
    "url": _text,
    "phone_number": _text,
    "string": _text,
    "select": _option,
    "status": _option,
    "multi_select": _options,
    "date": _span,
    "created_time": _text,
    "last_edited_time": _text,
    "formula": _computed,
    "rollup": _rolled_up,
}
