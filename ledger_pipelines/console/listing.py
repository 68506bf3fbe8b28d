"""Lists that are filtered, sorted, searched and paged by the server, with their state in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.datastructures import QueryParams

from ledger_pipelines.console.exact import is_storable
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import engine_of

ROWS = 100
#: No list is so long: further pages are a slip, and would cost the database all rows before them.
_LAST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of a list: its name in the address and the rows, and its label.

    It can be sorted by where `is_sortable`; numbers stand at the right. `line` says what it means.
    """

    name: str
    label: str
    is_number: bool = False
    is_sortable: bool = True
    line: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What a person has chosen of a list: the search, the filters by name, the order, the page (from 1).

    `extra` are the other parameters of the address that links keep, such as the month.
    """

    search: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    page: int = 1
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def offset(self) -> int:
        """How many rows come before the page's first."""
        return (self.page - 1) * ROWS

    def query(self, **changes: Any) -> str:
        """The address's query for this state with changes: a field of it, or a filter's value by its name."""
        own = {
            name: value for name, value in changes.items() if name in {"search", "sort", "descending", "page"}
        }
        others = {name: value for name, value in changes.items() if name not in own}
        state = replace(self, **({"page": 1} | own), filters={**self.filters, **others})
        parts = {
            **state.extra,
            "q": state.search,
            **state.filters,
            "sort": f"-{state.sort}" if state.descending and state.sort else state.sort,
            "page": str(state.page) if state.page > 1 else "",
        }
        return urlencode({name: value for name, value in parts.items() if value})

    def sorted_by(self, heading: Heading) -> str:
        """The query that sorts by a column, the other way round where it is sorted by it."""
        return self.query(sort=heading.name, descending=self.sort == heading.name and not self.descending)


def read_state(
    query: QueryParams,
    headings: Sequence[Heading],
    filters: Sequence[str] = (),
    *,
    sort: str = "",
    extra: Mapping[str, str] | None = None,
) -> State:
    """The state that an address says; what it says of columns that there are not is ignored. `-name` sorts downwards.

    `sort` is the order where the address says none.
    """
    asked = query.get("sort") or sort
    name = asked.removeprefix("-")
    sortable = {heading.name for heading in headings if heading.is_sortable}
    text = query.get("q", "").strip()[:200]
    number = query.get("page", "1")
    return State(
        search=text if is_storable(text) else "",
        filters={one: query[one][:200] for one in filters if query.get(one) and is_storable(query[one])},
        sort=name if name in sortable else "",
        descending=asked.startswith("-"),
        page=min(max(1, int(number)), _LAST_PAGE)
        if number.isascii() and number.isdigit() and len(number) < 9
        else 1,
        extra=dict(extra or {}),
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: its headings, its state, the rows, and how many there are in all."""

    headings: Sequence[Heading]
    state: State
    rows: Sequence[Any]
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // ROWS))

    @property
    def first(self) -> int:
        """The number of the first row that is shown, from 1; 0 where there is none."""
        return min(self.state.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last row that is shown."""
        return min(self.state.offset + len(self.rows), self.total)


def searched(state: State, *columns: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The condition that one of these columns has the text that is searched for, in any case; true without one."""
    if not state.search:
        return sa.true()
    return sa.or_(*(sa.cast(column, sa.Text).icontains(state.search, autoescape=True) for column in columns))


def ordered(query: sa.Select[Any], state: State, *tie: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The query in the state's order, by a column that it selects; by `tie` among equals, so that pages never overlap."""
    column = query.selected_columns.get(state.sort) if state.sort else None
    if column is None:
        return query.order_by(*tie)
    return query.order_by((column.desc() if state.descending else column.asc()).nulls_last(), *tie)


def fetch(
    database: Database,
    query: sa.Select[Any],
    headings: Sequence[Heading],
    state: State,
    *tie: sa.ColumnElement[Any],
) -> Listing:
    """The state's page of what a query selects; searching and filtering are the query's own."""
    with engine_of(database).connect() as connection:
        total = connection.execute(
            sa.select(sa.func.count()).select_from(query.order_by(None).subquery())
        ).scalar_one()
        selected = ordered(query, state, *tie).limit(ROWS).offset(state.offset)
        rows = [dict(row) for row in connection.execute(selected).mappings()]
    return Listing(headings, state, rows, total)


def all_rows(database: Database, query: sa.Select[Any], state: State, *tie: sa.ColumnElement[Any]) -> Any:
    """All that a list's state shows, a mapping for each row, as an iterator that holds few of them: for exports."""
    with engine_of(database).connect() as connection:
        result = connection.execution_options(yield_per=2_000).execute(ordered(query, state, *tie))
        for row in result.mappings():
            yield dict(row)


def listed(rows: Sequence[Any], headings: Sequence[Heading], state: State) -> Listing:
    """A page of rows that are all in memory, in the state's order; each has the headings' names as its keys."""

    def place(row: Any) -> tuple[bool, Any]:
        value = row[state.sort] if isinstance(row, Mapping) else getattr(row, state.sort)
        return (value is None) != state.descending, value if value is not None else 0

    found = sorted(rows, key=place, reverse=state.descending) if state.sort else list(rows)
    return Listing(headings, state, found[state.offset : state.offset + ROWS], len(found))
