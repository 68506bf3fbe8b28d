"""Whatever Holded, 4Geeks or Notion may send in a field, it is a row or a problem and never an exception."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.sources.fourgeeks.models import MEMBERSHIP, STUDENT
from ledger_pipelines.sources.holded.models import CONTACT, DOCUMENTS, SALES_CHANNEL
from ledger_pipelines.sources.notion.models import PAGE
from ledger_pipelines.sources.records.frames import Entity, PageReader
from ledger_pipelines_tests.sources.school_records import contact, document, line, membership, page, student

_PROPERTIES = {
    "Name": {"type": "title", "title": [{"type": "text", "plain_text": "Ana"}]},
    "Email": {"type": "email", "email": "ana@school.example"},
    "Educational Status": {"type": "select", "select": {"name": "Active"}},
    "Drop Date": {"type": "date", "date": {"start": "2024-03-10"}},
    "Certificated At": {"type": "date", "date": {"start": "2024-03-10"}},
}
_PAYMENTS = [{"id": "p1", "amount": 100, "date": 1711922400}]
_WHOLE: dict[str, tuple[Entity, dict[str, Any]]] = {
    "sales channel": (SALES_CHANNEL, {"id": "b", "name": "ES - Bootcamp", "accountNum": 70500002}),
    "contact": (CONTACT, contact(1, email="ana@school.example", code="B1", type="client")),
    "invoice": (DOCUMENTS["invoice"], document(products=[line(), line(1, 2, 3)], paymentsDetail=_PAYMENTS)),
    "credit note": (DOCUMENTS["creditnote"], document() | {"from": {"docType": "invoice", "id": "i"}}),
    "student": (STUDENT, student()),
    "membership": (MEMBERSHIP, membership()),
    "page": (PAGE, page(properties=_PROPERTIES)),
}
#: Halves of characters too: JSON can escape them alone.
_ANY_CHARACTER = st.characters() | st.sampled_from("\0\ud800\udfff")
_ANY_TEXT = st.text(_ANY_CHARACTER, max_size=8)
_ANY_MOMENT = st.datetimes().map(lambda moment: moment.isoformat() + "+14:00")
_ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | _ANY_TEXT
    | _ANY_MOMENT
    | st.sampled_from([0, "", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _as_read(record: dict[str, Any]) -> Any:
    """The record as it comes out of a body, its numbers exact."""
    return json.loads(json.dumps(record), parse_float=Decimal)


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*place, key)
        yield from _places(item, (*place, key))


@given(st.data(), st.sampled_from(sorted(_WHOLE)))
def test_whatever_a_record_holds_it_is_a_row_or_a_problem(data: st.DataObject, kind: str) -> None:
    entity, whole = _WHOLE[kind][0], _as_read(_WHOLE[kind][1])
    record = copy.deepcopy(whole)
    place = data.draw(st.sampled_from(list(_places(whole))))
    inner: Any = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(_ANY_JSON)
    reader = PageReader("school", entity)
    reader.add([record])
    reading = reader.reading()
    reading.frame.validate(full=True)
    lost = [problem for problem in reading.problems if problem.is_blocking]
    assert reading.frame.num_rows + len(lost) == 1
    for problem in reading.problems:
        text = json.dumps(asdict(problem), allow_nan=False)
        assert "\\u0000" not in text
        problem.message.encode()


@pytest.mark.parametrize("kind", sorted(_WHOLE))
@pytest.mark.parametrize("record", [None, 7, "text", [], {}])
def test_what_is_no_record_is_a_problem(kind: str, record: object) -> None:
    reader = PageReader("school", _WHOLE[kind][0])
    reader.add([record])
    reading = reader.reading()
    assert (reading.frame.num_rows, len(reading.problems)) == (0, 1)


@pytest.mark.parametrize("kind", sorted(_WHOLE))
def test_a_whole_record_is_a_row(kind: str) -> None:
    entity, record = _WHOLE[kind]
    reader = PageReader("school", entity)
    reader.add([_as_read(record)])
    assert (reader.reading().frame.num_rows, reader.reading().problems) == (1, [])
