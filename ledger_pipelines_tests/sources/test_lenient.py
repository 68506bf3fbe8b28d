"""Which faults of a record are spared: by the marks of its wire model, however deep the field lies."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Required

import pytest
from pydantic import AliasChoices, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.records.lenient import LENIENT, Lenient, repair


def _halved(value: object) -> int:
    if isinstance(value, Decimal):
        return int(value / 2)
    raise ValueError("is no number")


@with_config(ConfigDict(strict=True))
class Line(TypedDict, total=False):
    """A record within a record."""

    price: Required[int]
    name: Annotated[str | None, LENIENT]


@with_config(ConfigDict(strict=True))
class Document(TypedDict, total=False):
    """A record with others within it."""

    id: Required[int]
    due: Annotated[
        Annotated[str | None, Field(validation_alias=AliasChoices("dueDate", "due_date"))], LENIENT
    ]
    weight: Required[Annotated[int, Lenient(_halved, "with half, {}")]]
    lines: list[Line]
    head: Annotated[Line | None, LENIENT]


def _repaired(record: dict[str, Any]) -> Any:
    adapter = TypeAdapter(list[Document])
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python([record])
    found = repair(Document, record, caught.value.errors())
    if found is not None:
        adapter.validate_python([found.record])
    return found


RIGHT: dict[str, Any] = {"id": 1, "weight": 2}


def test_a_field_is_found_by_its_name_on_the_wire() -> None:
    found = _repaired(RIGHT | {"due_date": 7})
    assert found.record == RIGHT
    assert found.note == "without that"


def test_a_field_of_a_record_within_a_record_is_spared_and_the_rest_stays() -> None:
    lines = [{"price": 1}, {"price": 2, "name": 5}, {"price": 3, "name": "c"}]
    record = RIGHT | {"lines": lines}
    assert _repaired(record).record == RIGHT | {
        "lines": [{"price": 1}, {"price": 2}, {"price": 3, "name": "c"}]
    }
    assert lines[1] == {"price": 2, "name": 5}


def test_what_a_spared_field_holds_goes_with_it() -> None:
    assert _repaired(RIGHT | {"head": {"name": 5}}).record == RIGHT


def test_a_value_that_counts_instead_is_told() -> None:
    found = _repaired(RIGHT | {"weight": Decimal("6.6")})
    assert (found.record["weight"], found.note) == (3, "with half, 3")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"weight": "heavy"},
        {"lines": [{"price": "dear"}]},
        {"lines": 7},
        {"due_date": 7, "id": "one"},
    ],
    ids=str,
)
def test_a_record_that_cannot_do_without_one_of_the_fields_is_not_mended(changes: dict[str, Any]) -> None:
    assert _repaired(RIGHT | changes) is None


def test_without_a_model_nothing_is_spared() -> None:
    assert repair(None, {}, [{"loc": (0, "due")}]) is None
