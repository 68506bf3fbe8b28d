"""JSON bodies: exact numbers, and no value without bounds."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.sources.http import bodies
from ledger_pipelines.sources.http.bodies import (
    DEEPEST,
    LONGEST_NUMBER,
    UnreadableBodyError,
    UnreadableValue,
    iterate_list,
    read_json,
    read_list,
)
from ledger_pipelines_tests.conftest import SHARED_DATA

Read = Callable[[bytes], Any]


def _whole(body: bytes) -> Any:
    return read_json(io.BytesIO(body))


def _by_item(body: bytes) -> list[Any]:
    return list(iterate_list(io.BytesIO(body)))


both = pytest.mark.parametrize("read", [_whole, _by_item])

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(_JSON, max_size=6), st.integers(1, 9), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_item_by_item_gives_what_the_whole_gives(items: list[Any], piece: int, encoding: str) -> None:
    body = json.dumps(items, ensure_ascii=False, indent=piece % 3 or None).encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        # So that values are cut wherever they can be.
        patch.setattr(bodies, "_CHUNK", piece)
        assert _by_item(body) == _whole(body) == items


@both
def test_numbers_are_exact(read: Read) -> None:
    found = read(b"[0.1, 19.90, 12345678901234567.89, 3, -4, 1e3, 9223372036854775808]")
    assert [str(number) for number in found] == [
        "0.1",
        "19.90",
        "12345678901234567.89",
        "3",
        "-4",
        "1E+3",
        "9223372036854775808",
    ]
    assert [type(number) for number in found[2:4]] == [Decimal, int]


@both
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9" * 4_301, "99999999999999999999… (4,301 characters)"),
        ("-" + "9" * 4_301, "-9999999999999999999… (4,302 characters)"),
        ("0." + "3" * 5_000, "0.333333333333333333… (5,002 characters)"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("1e-99999999999999999999", "1e-99999999999999999999"),
        ("1E+101", "1E+101"),
        ("2.5e-4000", "2.5e-4000"),
    ],
)
def test_a_number_that_nobody_means_stands_for_itself_alone(read: Read, text: str, shown: str) -> None:
    [record] = read(b'[{"spare": %s, "id": 7}]' % text.encode())
    assert record == {"spare": UnreadableValue(shown), "id": 7}
    assert str(record["spare"]) == repr(record["spare"]) == shown


@both
def test_a_number_of_a_hundred_characters_is_a_number(read: Read) -> None:
    assert read(b"[%s]" % (b"7" * LONGEST_NUMBER)) == [int("7" * LONGEST_NUMBER)]


@both
@pytest.mark.parametrize("depth", [DEEPEST, 900, 5_000, 100_000])
@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [
        ("[", "", "]"),
        ('{"a": [], "]": ', "1", "}"),
        ('[{"a": 1}, {}, ', "0", "]"),
        ('["]}", ', "0", ', "[{"]'),
    ],
)
def test_what_is_nested_too_deep_is_cut_off_and_the_rest_is_there(
    read: Read, depth: int, opening: str, inner: str, closing: str
) -> None:
    deep = opening * depth + inner + closing * depth
    records = read(f'[{{"id": 1, "x": {deep}, "name": "[a"}}, {{"id": 2}}]'.encode())
    assert (records[0]["id"], records[0]["name"], records[1]) == (1, "[a", {"id": 2})
    assert "nested more than 64 levels deep" in str(records[0]["x"])
    assert len(json.dumps(records, default=str)) < 10_000


def test_sixty_levels_are_as_they_came() -> None:
    text = '[{"a":' * 30 + "1" + "}]" * 30
    assert _whole(text.encode()) == json.loads(text)


@both
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[1 2]",
        b"[1]x",
        b"[1][2]",
        b'["a',
        b'[{"a": 1}',
        b"\xff\xfe[",
        b'["\xe9"]',
        b"<html>",
        b"[" * 3_000,
        b"[" * 3_000 + b"}" * 3_000,
    ],
    ids=lambda body: f"{body[:8]!r}-{len(body)}",
)
def test_what_is_no_json_is_said_to_be_none(read: Read, body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        read(body)


def test_the_end_of_what_is_nested_too_deep_is_not_sought_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_LARGEST_DEEP_ITEM", 1 << 16)
    body = b"[" + b"[" * (1 << 18) + b"]" * (1 << 18) + b"]"
    with pytest.raises(UnreadableBodyError, match="nested too deep, and too large"):
        _by_item(body)


def test_what_came_before_the_fault_is_given() -> None:
    items = iterate_list(io.BytesIO(b'[{"id": 1}, {"id": 2}, {"i'))
    assert [next(items), next(items)] == [{"id": 1}, {"id": 2}]
    with pytest.raises(UnreadableBodyError):
        next(items)


@pytest.mark.parametrize("body", [b"{}", b'{"error": "no"}', b"null", b"7"])
def test_what_is_no_list_is_not_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        _by_item(body)
    with pytest.raises(UnreadableBodyError):
        read_list(io.BytesIO(body))


def test_an_item_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_ITEM", 1 << 16)
    monkeypatch.setattr(bodies, "_CHUNK", 1 << 12)
    body = io.BytesIO(b'["' + b"a" * (1 << 20))
    with pytest.raises(UnreadableBodyError):
        list(iterate_list(body))
    assert body.tell() < 1 << 18


@pytest.mark.parametrize("name", ["09_bulk_long_integer.json", "10_giant_exponent.json"])
def test_hostile_numbers_in_a_field_that_nobody_reads_leave_the_rest(name: str) -> None:
    path = SHARED_DATA / "hostile" / name
    if not path.exists():
        pytest.skip("../shared/data/hostile is not here")
    [entry] = _by_item(path.read_bytes())
    assert entry["company"]["account_number"] == "a"
    assert isinstance(entry["company"]["spare"], UnreadableValue)
