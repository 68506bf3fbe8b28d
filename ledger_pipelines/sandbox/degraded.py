"""Lists that read as if there were less than there is: nothing fails, and something is missing.

Here: which list is degraded in which way, and what that does to its records. What a way does to the pages of a list
is done where they are made (`fourgeeks_pages`, `notion`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from ledger_pipelines.sandbox.hivematrix.world import Record, serialised

#: What is left of a list that is `short`, in hundredths.
_LEFT = 10
_Spoil = Callable[[Record], None]


def _endless(record: Record) -> None:
    record["cohort"]["ending_date"] = None


def _micro(record: Record) -> None:
    record["source_macro_cohort"] = record["cohort"]["id"] + 1


def _without_moment(name: str) -> _Spoil:
    return lambda record: record.__setitem__(name, None)


def _renamed(name: str) -> _Spoil:
    def rename(record: Record) -> None:
        properties = record["properties"]
        if name in properties:
            properties[f"{name} (old)"] = properties.pop(name)

    return rename


def _retyped(name: str, kind: str, value: Callable[[Record], Any]) -> _Spoil:
    def retype(record: Record) -> None:
        before = record["properties"].get(name)
        if before is not None:
            record["properties"][name] = {"id": before["id"], "type": kind, kind: value(before)}

    return retype


def _pieces(before: Record) -> list[Record]:
    text = before["email"] or ""
    return [{"type": "text", "text": {"content": text, "link": None}, "plain_text": text}] if text else []


#: What is done to every record of a list, by list and way.
_RECORDS: Mapping[str, Mapping[str, _Spoil]] = MappingProxyType(
    {
        "students": {"broken": _without_moment("created_at")},
        "memberships": {"broken": _without_moment("updated_at"), "endless": _endless, "micro": _micro},
        "pages": {
            "broken": _without_moment("last_edited_time"),
            "renamed_email": _renamed("Email"),
            "renamed_status": _renamed("Educational Status"),
            "renamed_drop_date": _renamed("Drop Date"),
            "email_as_text": _retyped("Email", "rich_text", _pieces),
            "email_as_formula": _retyped(
                "Email", "formula", lambda before: {"type": "string", "string": before["email"]}
            ),
            "email_as_number": _retyped("Email", "number", lambda _: 4),
            "status_as_status": _retyped("Educational Status", "status", lambda before: before["select"]),
            "status_as_relation": _retyped("Educational Status", "relation", lambda _: []),
        },
    }
)
#: What is done to a whole list: `empty` and `short` have fewer records, the others send them oddly.
_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "students": ("empty", "short", "cut", "hole", "shifting"),
        "memberships": ("empty", "short", "cut", "hole", "shifting"),
        "pages": ("empty", "short", "cut", "hole", "capped", "capped_for_good"),
    }
)


class UnknownWayError(Exception):
    """No list, or no way of a list, is called so; says which ones there are."""


class Degradation:
    """The ways in which lists are degraded at present: none at first."""

    def __init__(self) -> None:
        self._ways: dict[str, str] = {}
        self._moved = 0

    def begin(self, name: str, way: str) -> None:
        """Degrades the list `name` in this way, in place of any other. Raises UnknownWayError."""
        if name not in _LISTS:
            raise UnknownWayError(f"list must be one of: {', '.join(_LISTS)}")
        ways = (*_LISTS[name], *_RECORDS[name])
        if way not in ways:
            raise UnknownWayError(f"way must be one of: {', '.join(ways)}")
        self._ways[name], self._moved = way, 0

    def end(self) -> None:
        """Ends all degradation."""
        self._ways.clear()

    def way(self, name: str) -> str | None:
        """The way in which a list is degraded."""
        return self._ways.get(name)

    def rows(self, name: str, rows: Sequence[bytes]) -> list[bytes]:
        """The records of a list as it has them now."""
        way, found = self._ways.get(name), list(rows)
        if way == "empty":
            return []
        if way == "short":
            return found[: len(found) * _LEFT // 100]
        if way == "shifting":
            self._moved += 1
            return found[self._moved :]
        spoil = _RECORDS[name].get(way or "")
        return found if spoil is None else [_spoilt(row, spoil) for row in found]


def _spoilt(row: bytes, spoil: _Spoil) -> bytes:
    record = orjson.loads(row)
    spoil(record)
    return serialised(record)
