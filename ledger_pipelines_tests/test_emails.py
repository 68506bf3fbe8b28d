"""Addresses as people write them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger_pipelines.emails import addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ()),
        ("", ()),
        ("  -  ", ()),
        ("A13@SCHOOL.TEST ", ("a13@school.test",)),
        (unicodedata.normalize("NFD", "josé@x.test"), ("josé@x.test",)),
        ("zoe@x.test\u200b", ("zoe@x.test",)),
        ("mailto:max@x.test", ("max@x.test",)),
        ("mailto:max@x.test?subject=hello", ("max@x.test",)),
        ("Eva Martín <eva@x.test>", ("eva@x.test",)),
        ('"Martín, Eva" <eva@x.test>', ("eva@x.test",)),
        ("eva@x.test; eva2@x.test", ("eva@x.test", "eva2@x.test")),
        ("eva@x.test, eva2@x.test", ("eva@x.test", "eva2@x.test")),
        ("eva@x.test eva2@x.test", ("eva@x.test", "eva2@x.test")),
        ("eva@x.test/eva@x.test", ("eva@x.test/eva@x.test",)),
        ("eva@x.test;EVA@x.test", ("eva@x.test",)),
        ("ana+holded@x.test", ("ana+holded@x.test",)),
        ("\uff45\uff56\uff41@x.test", ("eva@x.test",)),
        ("no address", ()),
    ],
)
def test_addresses(text: str | None, expected: tuple[str, ...]) -> None:
    assert addresses(text) == expected


@given(st.text(max_size=60))
def test_every_text_gives_addresses_that_give_themselves(text: str) -> None:
    for address in addresses(text):
        assert "@" in address
        assert address == address.strip()


@given(st.from_regex(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", fullmatch=True))
def test_a_plain_address_is_read_as_it_is_among_others(address: str) -> None:
    assert addresses(address) == (address.lower(),)


@given(st.emails())
def test_an_address_is_found_whatever_its_dress(address: str) -> None:
    assume(not set(address) & set("\"'<>(),;: "))
    assert addresses(f"  <{address.upper()}>; other@x.test ") == (*addresses(address.upper()), "other@x.test")
    assert addresses(f"mailto:{address}") == addresses(address)
