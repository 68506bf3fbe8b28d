"""Ways in which Holded's lists say less than there is, for tests and the curious: each list has one, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import orjson

from ledger_pipelines.sandbox.hivematrix.world import serialised
from ledger_pipelines.sandbox.school.records import School

#: Records on a page, whatever `limit` says.
PAGE_SIZE = 500
#: The field without which a record of each list cannot be read; the names are those of Holded's addresses.
_NEEDED = {"saleschannels": "accountNum", "contacts": "email", "invoice": "total", "creditnote": "total"}
LISTS = tuple(_NEEDED)


class _Row(Protocol):
    id: str
    row: bytes


RowT = TypeVar("RowT", bound=_Row)


def _whole(rows: Sequence[_Row], page: int) -> list[_Row]:
    return list(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])


def _empty(_: Sequence[_Row], __: int) -> list[_Row]:
    return []


def _empty_page(rows: Sequence[_Row], page: int) -> list[_Row]:
    """The second page is empty; where there is but one page, that one is."""
    middle = 2 if len(rows) > PAGE_SIZE else 1
    return [] if page == middle else _whole(rows, page)


def _short_page(rows: Sequence[_Row], page: int) -> list[_Row]:
    """Every page lacks its last record, which it counts all the same."""
    return _whole(rows, page)[:-1]


_FAULTY: dict[str, Callable[[Sequence[_Row], int], list[_Row]]] = {
    "empty": _empty,
    "empty_page": _empty_page,
    "short_page": _short_page,
    "vanishing": _whole,
    "broken": _whole,
}
FAULTS = tuple(_FAULTY)


class HoldedLists:
    """What each list shows. `faults` has the fault of each list that has one.

    - `empty`: nothing. `empty_page`: nothing on one page. `short_page`: each page lacks a record.
    - `vanishing`: once its first page was shown, the first record on it is deleted, and the others move up.
    - `broken`: every record has a field that cannot be read.
    """

    def __init__(self, school: School) -> None:
        self._school = school
        self.faults: dict[str, str] = {}

    def heal(self) -> None:
        """Ends all faults; what vanished stays so."""
        self.faults.clear()

    def page(self, name: str, rows: Sequence[_Row], page: int) -> list[bytes]:
        """The records on a page of a list."""
        fault = self.faults.get(name)
        listed = _FAULTY[fault](rows, page) if fault else _whole(rows, page)
        if fault == "vanishing" and page == 1 and listed:
            self._delete(name, listed[0].id)
            del self.faults[name]
        return [self.record(name, row) for row in listed]

    def record(self, name: str, row: _Row) -> bytes:
        """One record of a list as it goes out."""
        if self.faults.get(name) != "broken":
            return row.row
        record = orjson.loads(row.row)
        record[_NEEDED[name]] = {"broken": True}
        return serialised(record)

    def _delete(self, name: str, record_id: str) -> None:
        school = self._school
        if name in school.documents:
            school.documents[name][:] = _without(school.documents[name], record_id)
        elif name == "contacts":
            school.contacts[:] = _without(school.contacts, record_id)
        else:
            school.channels[:] = _without(school.channels, record_id)


def _without(rows: Sequence[RowT], record_id: str) -> list[RowT]:
    return [row for row in rows if row.id != record_id]
