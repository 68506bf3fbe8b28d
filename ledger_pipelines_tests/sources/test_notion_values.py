"""Values of Notion's properties, whatever their type."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger_pipelines.sources.notion.values import property_addresses, property_date, property_text


def pieces(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "plain_text": text} for text in texts]


def typed(kind: str, value: Any) -> dict[str, Any]:
    return {"id": "x", "type": kind, kind: value}


def rolled_up(*values: Any) -> dict[str, Any]:
    return typed("rollup", {"type": "array", "array": list(values), "function": "show_original"})


ADDRESS = [
    typed("email", " Ana@x.test"),
    typed("rich_text", pieces("ana@", "x.test ")),
    typed("title", pieces("ana@x.test")),
    typed("url", "ana@x.test"),
    typed("formula", {"type": "string", "string": "ana@x.test"}),
    typed("select", {"name": "ana@x.test"}),
    typed("status", {"id": "1", "name": "ana@x.test", "color": "green"}),
    typed("multi_select", [{"name": "ana@x.test"}]),
    rolled_up(typed("email", "ana@x.test")),
    rolled_up(typed("rich_text", pieces("ana@x.test"))),
    rolled_up(typed("formula", {"type": "string", "string": "ana@x.test"})),
    {"email": "ana@x.test"},
]
EMPTY = [
    None,
    typed("email", None),
    typed("email", "  "),
    typed("rich_text", []),
    typed("rich_text", None),
    typed("select", None),
    typed("status", None),
    typed("multi_select", []),
    typed("formula", None),
    typed("formula", {"type": "string", "string": None}),
    typed("formula", {"type": "date", "date": None}),
    typed("date", None),
    typed("rollup", None),
    rolled_up(),
    rolled_up(typed("email", None)),
]
NOT_PLAIN = [
    "ana@x.test",
    ["ana@x.test"],
    {},
    {"type": "email"},
    {"type": ["email"]},
    typed("email", 5),
    typed("email", ["ana@x.test"]),
    typed("rich_text", "ana@x.test"),
    typed("rich_text", [{"type": "mention"}]),
    typed("select", "Active"),
    typed("select", {"id": "1"}),
    typed("multi_select", {"name": "Active"}),
    typed("formula", {}),
    typed("formula", "ana@x.test"),
    typed("formula", {"type": "number", "number": 4}),
    typed("formula", {"type": "boolean", "boolean": False}),
    typed("rollup", {"type": "number", "number": 4}),
    typed("rollup", {"type": "unsupported", "unsupported": {}}),
    typed("rollup", {"type": "array", "array": None}),
    typed("relation", [{"id": "page"}]),
    typed("people", [{"object": "user", "id": "1"}]),
    typed("number", 4),
    typed("checkbox", True),
    typed("files", []),
    typed("unique_id", {"number": 4, "prefix": None}),
    rolled_up(rolled_up(rolled_up(typed("email", "ana@x.test")))),
]


@pytest.mark.parametrize("value", ADDRESS)
def test_an_address_is_read_from_a_property_of_any_type_that_holds_it_plainly(value: Any) -> None:
    assert property_addresses(value) == "ana@x.test"


@pytest.mark.parametrize("value", EMPTY)
def test_an_empty_property_is_null(value: Any) -> None:
    assert (property_addresses(value), property_text(value), property_date(value)) == (None, None, None)


@pytest.mark.parametrize("value", NOT_PLAIN)
def test_what_is_not_plain_is_an_error_and_never_empty(value: Any) -> None:
    for read in (property_addresses, property_text, property_date):
        with pytest.raises(ValueError, match=r"^(is|has) "):
            read(value)


def test_several_addresses_are_each_of_them_and_several_statuses_are_none() -> None:
    several = typed("multi_select", [{"name": "ana@x.test"}, {"name": "eva@x.test"}])
    assert property_addresses(several) == "ana@x.test; eva@x.test"
    with pytest.raises(ValueError, match="has several values"):
        property_text(several)


@pytest.mark.parametrize(("text", "is_read"), [("-", True), ("¿?", True), ("ana at x.test", False)])
def test_words_that_are_no_address_are_an_error_and_a_dash_is_nothing(text: str, is_read: bool) -> None:
    if is_read:
        assert property_addresses(typed("rich_text", pieces(text))) is not None
        return
    with pytest.raises(ValueError, match="is no e-mail address"):
        property_addresses(typed("rich_text", pieces(text)))


@pytest.mark.parametrize(
    "value",
    [
        typed("date", {"start": "2024-03-10", "end": "2024-03-12"}),
        typed("date", {"start": "2024-03-10T23:30:00.000+01:00"}),
        typed("rich_text", pieces("2024-03-10")),
        typed("formula", {"type": "date", "date": {"start": "2024-03-10"}}),
        typed("formula", {"type": "string", "string": "2024-03-10"}),
        typed("created_time", "2024-03-10T09:00:00.000Z"),
        typed("last_edited_time", "2024-03-10T09:00:00.000Z"),
        typed("select", {"name": "2024-03-10"}),
        typed("rollup", {"type": "date", "date": {"start": "2024-03-10"}}),
        rolled_up(typed("date", {"start": "2024-03-10"})),
    ],
)
def test_a_date_is_read_from_a_property_of_any_type_that_holds_it_plainly(value: Any) -> None:
    assert property_date(value) == date(2024, 3, 10)


@pytest.mark.parametrize("text", ["soon", "10/03/2024", "2024-13-01", "10 March 2024"])
def test_a_text_that_is_no_date_without_doubt_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        property_date(typed("rich_text", pieces(text)))


@pytest.mark.parametrize(
    "value",
    [
        typed("select", {"name": "Early Dropped"}),
        typed("status", {"name": "Early Dropped"}),
        typed("rich_text", pieces("Early ", "Dropped")),
        typed("multi_select", [{"name": "Early Dropped"}]),
        typed("formula", {"type": "string", "string": "Early Dropped"}),
        rolled_up(typed("select", {"name": "Early Dropped"})),
        rolled_up(typed("status", {"name": "Early Dropped"})),
    ],
)
def test_a_status_is_read_from_a_property_of_any_type_that_holds_it_plainly(value: Any) -> None:
    assert property_text(value) == "Early Dropped"


@pytest.mark.parametrize("kind", [{"a": [{"password": "hunter2"}]}, "half \ud83e", "\x1b[2J", "x" * 3_000, 7])
def test_a_type_that_nobody_knows_is_told_without_what_it_holds(kind: object) -> None:
    with pytest.raises(
        ValueError, match=r"^is a property of the type .+, whose value is not plain$"
    ) as caught:
        property_text({"type": kind, "email": "ana@school.example"})
    told = str(caught.value)
    assert told.isprintable()
    assert len(told) < 120
    assert "hunter2" not in told
