"""No secret in what a person or a log may see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.sources.http.redaction import REDACTED, keep_secret, redact, redact_text, safe_url

SECRET = "s3cr3t-value-9f27"
_SECRET_NAMES = [
    "api_key",
    "apiKey",
    "Authorization",
    "X-Auth-Token",
    "password",
    "client_secret",
    "key",
    "Cookie",
]
_PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_PLAIN_NAMES = st.sampled_from(["name", "id", "hostname", "monkeys", "keyboard", "author", "subject"])


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(_PLAIN_NAMES, inner, max_size=3)


@given(
    st.recursive(
        st.sampled_from(_SECRET_NAMES).map(lambda name: {name: SECRET}) | _PLAIN, _nested, max_leaves=12
    )
)
def test_a_secret_is_removed_at_any_depth(value: Any) -> None:
    assert SECRET not in json.dumps(redact({"record": value}))


@given(st.recursive(_PLAIN, _nested, max_leaves=12))
def test_what_is_no_secret_stays_as_it_was(value: Any) -> None:
    assert redact({"record": value}) == {"record": value}


def test_all_below_a_secret_name_is_removed() -> None:
    assert redact({"credentials": {"user": "a", "list": [SECRET]}}) == {"credentials": REDACTED}


def test_a_missing_secret_is_shown_as_missing() -> None:
    assert redact({"token": None}) == {"token": None}


def test_a_token_inside_a_text_is_removed() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZXJ2aWNlIn0.c2lnbmF0dXJl"
    assert redact({"note": f"sent with {token} today"}) == {"note": f"sent with {REDACTED} today"}
    assert redact_text("Authorization: Bearer abcdef123456, then") == f"Authorization: {REDACTED}, then"


@pytest.mark.parametrize(
    "text",
    [
        "GET http://host/api?access_token={}&page=2 failed",
        "url=http://host/api?page=2&access_token={}",
        'note: "api_key={}", page=2',
        "{{'page': 2, 'password': '{}'}}",
    ],
)
def test_a_secret_within_an_address_or_another_value_is_removed(text: str) -> None:
    shown = redact_text(text.format(SECRET))
    assert SECRET not in shown
    assert "page" in shown


def test_a_known_secret_is_removed_from_a_text() -> None:
    assert redact_text(f"Invalid key {SECRET}!", [SECRET]) == f"Invalid key {REDACTED}!"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://user:{SECRET}@host:8443/path", "https://host:8443/path"),
        (f"http://host/path?api_key={SECRET}&year=2025", f"http://host/path?api_key={REDACTED}&year=2025"),
        ("http://[::1]:5999/codex#part", "http://[::1]:5999/codex"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert safe_url(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        '{"api_key": "hunter2"}',
        '{"a": {"b": [{"client_secret":"hunter2"}]}}',
        "{'Password': 'hunter2'}",
        '"{\\"token\\": \\"hunter2\\"}"',
        "password=hunter2&user=ana",
        "access_key: hunter2, then",
        "see postgresql://ada:hunter2@db.example/books",
        "see postgresql://ada:hunt/hunter2@db.example/books",
        "see postgresql://ada:hunt@hunter2@db.example/books",
        "https://ada:hunter2@shop.example/x?page=1",
        "Authorization: Bearer hunter2hunter2",
        "our own is 4711-hunter2-own",
    ],
)
def test_a_secret_within_a_text_is_not_shown(text: str) -> None:
    keep_secret("4711-hunter2-own")
    found = redact_text(text)
    assert "hunter2" not in found

    assert REDACTED in found
    assert "hunter2" not in json.dumps(redact({"said": [text]}))


@pytest.mark.parametrize(
    "text",
    [
        "The key account: Acme",
        "Invoice F1: 12 EUR",
        "monkey: 3",
        "https://shop.example/a:b/c@d",
        "pin the tail",
        "a=b",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text
