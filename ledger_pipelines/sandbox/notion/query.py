"""Notion's queries: which pages a filter lets through, in which order, and where a cursor goes on.

A cursor belongs to the filter and the sorts that it was given with; for any other query it is not valid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from ledger_pipelines.sandbox.school.records import PageRow

_Test = Callable[[PageRow], bool]
_Key = Callable[[PageRow], Any]

#: How many results one query gives, over all its pages.
MOST_RESULTS = 10_000
#: How many results are on one page at most.
LARGEST_PAGE = 100
_DEPTH = 2
_MASK = (1 << 64) - 1
_HOLE = 1 << 40
_FIELDS = frozenset(
    {"filter", "sorts", "start_cursor", "page_size", "archived", "in_trash", "is_archived", "result_type"}
)
_MOMENTS: dict[str, Callable[[PageRow], datetime]] = {
    "created_time": lambda row: row.created,
    "last_edited_time": lambda row: row.edited,
}
_COMPARISONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "equals": lambda have, want: have == want,
    "before": lambda have, want: have < want,
    "after": lambda have, want: have > want,
    "on_or_before": lambda have, want: have <= want,
    "on_or_after": lambda have, want: have >= want,
}
_NAMES = frozenset({"Name", "Email", "Educational Status", "Drop Date", "Certificated At"})


class QueryRefusedError(Exception):
    """A query that Notion does not accept; says which part of it."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that Notion accepts. `key` is the same for the same filter and sorts.

    `after_hole`: it goes on after an empty page, which a degraded list has before each other.
    """

    matches: _Test
    sorts: tuple[tuple[_Key, bool], ...]
    page_size: int
    start: int
    key: int
    after_hole: bool = False

    def choose(self, pages: list[PageRow]) -> list[PageRow]:
        """The pages that match, in the order asked for; in none that means anything if none is."""
        rows = [row for row in pages if self.matches(row)]
        # Disorder that is the same for all pages of one query: the ids are hashes.
        rows.sort(key=lambda row: row.id)
        for key, descending in reversed(self.sorts):
            rows.sort(key=key, reverse=descending)
        return rows

    def cursor(self, start: int, *, after_hole: bool = False) -> str:
        """The cursor with which this query goes on at `start`."""
        place = start | (_HOLE if after_hole else 0)
        return str(UUID(int=(self.key << 64) | (place ^ (self.key & _MASK))))


def read_query(body: dict[str, Any]) -> Query:
    """The query in a request's body. Raises QueryRefusedError."""
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise QueryRefusedError(f"body.{unknown[0]} should be not present, instead was given.")
    page_size = body.get("page_size", LARGEST_PAGE)
    if not isinstance(page_size, int) or isinstance(page_size, bool) or page_size < 1:
        raise QueryRefusedError("body.page_size should be a number of 1 or more.")
    if page_size > LARGEST_PAGE:
        raise QueryRefusedError(f"body.page_size should be ≤ `{LARGEST_PAGE}`, instead was `{page_size}`.")
    wanted, sorts = body.get("filter"), body.get("sorts", [])
    matches = _everything if wanted is None else _filter(wanted, _DEPTH)
    if not isinstance(sorts, list):
        raise QueryRefusedError("body.sorts should be an array.")
    text = orjson.dumps([wanted, sorts], option=orjson.OPT_SORT_KEYS)
    key = int.from_bytes(hashlib.sha256(text).digest()[:8])
    place = _place(body.get("start_cursor"), key)
    return Query(
        matches,
        tuple(_sort(sort) for sort in sorts),
        page_size,
        place & ~_HOLE,
        key,
        after_hole=bool(place & _HOLE),
    )


def _everything(_: PageRow) -> bool:
    return True


def _place(cursor: Any, key: int) -> int:
    """Where the query goes on, and whether after a hole."""
    if cursor is None:
        return 0
    try:
        number = UUID(cursor).int
    except (ValueError, AttributeError, TypeError):
        raise QueryRefusedError("body.start_cursor should be a valid uuid.") from None
    place = (number & _MASK) ^ (key & _MASK)
    if number >> 64 != key or place & ~_HOLE >= MOST_RESULTS:
        raise QueryRefusedError(f"The start_cursor provided is invalid: {cursor}")
    return place


def _filter(wanted: Any, depth: int) -> _Test:
    if not isinstance(wanted, dict):
        raise QueryRefusedError("body.filter should be an object.")
    for name, combine in (("and", all), ("or", any)):
        if name in wanted:
            if depth == 0 or not isinstance(wanted[name], list) or len(wanted) > 1:
                raise QueryRefusedError(f"body.filter.{name} should be an array, at most two levels deep.")
            return _combined(combine, [_filter(part, depth - 1) for part in wanted[name]])
    if "timestamp" in wanted:
        return _moment_filter(wanted)
    if "property" in wanted:
        return _property_filter(wanted)
    raise QueryRefusedError("body.filter should have one of `and`, `or`, `property`, `timestamp`.")


def _combined(combine: Callable[[Any], bool], tests: list[_Test]) -> _Test:
    return lambda row: combine(test(row) for test in tests)


def _moment_filter(wanted: dict[str, Any]) -> _Test:
    name = wanted["timestamp"]
    condition = wanted.get(name) if isinstance(name, str) else None
    if name not in _MOMENTS or not isinstance(condition, dict) or len(condition) != 1 or len(wanted) != 2:
        raise QueryRefusedError(
            "body.filter.timestamp should be created_time or last_edited_time, with one condition of that name."
        )
    ((operator, value),) = condition.items()
    if operator not in _COMPARISONS:
        raise QueryRefusedError(f"body.filter.{name}.{operator} is not a condition that is known here.")
    read, compare, limit = _MOMENTS[name], _COMPARISONS[operator], _moment(value)
    return lambda row: compare(read(row), limit)


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise QueryRefusedError("body.filter: a valid ISO 8601 date string was expected.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _property_filter(wanted: dict[str, Any]) -> _Test:
    name = wanted["property"]
    if name not in _NAMES:
        raise QueryRefusedError(f"Could not find property with name or id: {name}")
    condition = wanted.get("email")
    if name != "Email" or not isinstance(condition, dict) or len(condition) != 1:
        raise QueryRefusedError(f"body.filter: {name} can be asked for by its e-mail's conditions only here.")
    ((operator, value),) = condition.items()
    tests: dict[str, _Test] = {
        "equals": lambda row: row.email == value,
        "does_not_equal": lambda row: row.email != value,
        "is_empty": lambda row: row.email is None,
        "is_not_empty": lambda row: row.email is not None,
    }
    if operator not in tests:
        raise QueryRefusedError(f"body.filter.email.{operator} is not a condition that is known here.")
    return tests[operator]


def _sort(sort: Any) -> tuple[_Key, bool]:
    direction = sort.get("direction") if isinstance(sort, dict) else None
    if direction not in ("ascending", "descending"):
        raise QueryRefusedError("body.sorts: direction should be `ascending` or `descending`.")
    name = sort.get("timestamp") or sort.get("property")
    if sort.get("timestamp") in _MOMENTS:
        return _MOMENTS[name], direction == "descending"
    if sort.get("property") == "Name":
        return (lambda row: row.name), direction == "descending"
    if sort.get("property") == "Email":
        return (lambda row: row.email or ""), direction == "descending"
    raise QueryRefusedError(f"Could not find sort property with name or id: {name}")
