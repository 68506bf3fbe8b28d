"""A bulk answer read as columns gives what it gives record by record, whatever is in it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.sources.codex.companies import CompanyReading, read_entries, read_entries_singly
from ledger_pipelines.sources.codex.entries import EntryReader
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, raw_objects
from ledger_pipelines_tests.sources.mutated_codex import CODEX
from ledger_pipelines_tests.sources.mutations import VALUES

ALL = frozenset({"companies", "assets", "contacts", "tickets"})
YEAR = 2025

#: What takes any value's place, as JSON text; None leaves the member out.
ODD = [text for name, text in VALUES.items() if name not in {"900 deep", "50,000 deep", "3,000 characters"}]
TEXTS = ['"a"', '"Zoë"', '"Zo\\u00eb"', '" a "', '"a\\"b\\\\"', '"a\\u0000b"', '""', "null"]
_WRITTEN = [
    *("2025-03-01T10:00:00Z", "2025-03-01T10:00:00.123456+00:00", "2025-03-01T10:00:00", "2025-03-01"),
    *("2025-03-01T10:00:00.004", "2025-03-01T10:00:00+01:00", "2025-03-01 10:00:00Z", "2025-03-01T24:00:00"),
    *("2025-03-01T10:00:60Z", "2025-02-29T10:00:00Z", "1969-12-31T23:59:59Z", "2199-12-31T23:59:59Z"),
    *(
        "2200-01-01T00:00:00Z",
        "2025-03-01T10:00:00.123456789Z",
        "20250301T100000Z",
        "2025-03-01T10:00:00z",
        "",
    ),
    *("1899-12-31", "1900-01-01", "9999-12-31T23:59:59Z", "2025-3-1", "2025-03-01Z", "2025-W09-6"),
]
TIMES = list(map(json.dumps, _WRITTEN))
HOURS = [
    *("0", "0.0", "-0.0", "1", "1.5", "0.9166666666666666", "0.916666666666666666666666", "1e2", "1E-5"),
    *(
        "99999.999999999999999999",
        "99999.9999999999999999999",
        "100000",
        "-1",
        "1e-30",
        '"1.5"',
        "12345678901234",
    ),
    *("0.1000000000000000000000000", "1.0e+1", "null"),
]
TERABYTES = [
    '"1.50"',
    '"0"',
    '"1.5"',
    '"1.505"',
    '" 2.00 "',
    '"12345678901.00"',
    '""',
    "null",
    "1.5",
    '"-1.00"',
]
NUMBERS = ["0", "1", "17", "-0", "9223372036854775807", "9223372036854775808", "1.0", "1e2", '"1"', "null"]
KEYS = [
    '"620547"',
    '"620548"',
    '" 620549 "',
    '"Zoë 1"',
    '"a\\tb"',
    '""',
    f'"{"9" * 200}"',
    f'"{"9" * 201}"',
    "620547",
]
FLAGS = ["true", "false", "null", '"yes"', '"true"', "1", "0"]
LISTS = ['"[\\"a.example\\"]"', '["a.example"]', "null", '{"a": 1.50}']

FIELDS: dict[str, dict[str, list[str]]] = {
    "company": {
        "account_number": KEYS,
        **dict.fromkeys(("name", "billing_plan", "contract_term_length", "support_level"), TEXTS),
        **dict.fromkeys(("contract_start_date", "contract_end_date"), TIMES),
        "domains": LISTS,
        "description": [*TEXTS, '[{"company": 1}, {"company": 2}]'],
    },
    "assets": {
        "id": NUMBERS,
        **dict.fromkeys(("hostname", "hardware_type", "billing_type"), TEXTS),
        "online": FLAGS,
        "last_seen": TIMES,
        "backup_data_bytes": NUMBERS,
        "backup_usage_tb": TERABYTES,
    },
    "contacts": {"id": NUMBERS, "name": TEXTS, "email": TEXTS, "active": FLAGS},
    "tickets": {
        "ticket_number": KEYS,
        "ticket_id": NUMBERS,
        "subject": TEXTS,
        **dict.fromkeys(("created_at", "last_updated_at", "closed_at"), TIMES),
        "total_hours_spent": HOURS,
        "notes": ["[]", '[{"total_hours_spent": "1"}]', '"\\"total_hours_spent\\": \\"1\\""'],
    },
}


def record(kind: str, changed: str = "", text: str | None = None) -> str:
    """A record's JSON text, one member of which may be another, or left out."""
    members = {name: values[0] for name, values in FIELDS[kind].items()}
    texts = {name: text if name == changed else value for name, value in members.items()}
    return "{" + ", ".join(f'"{name}": {value}' for name, value in texts.items() if value is not None) + "}"


def body_of(kind: str = "", field: str = "", text: str | None = None) -> bytes:
    """Three entries, one record of the second of which is changed; no record of theirs is there twice."""
    changed = {part: record(part, field, text) if part == kind else record(part) for part in FIELDS}
    entries = [
        f'{{"company": {records["company"]}, "assets": [{records["assets"]}], '
        f'"contacts": [{records["contacts"]}], "tickets": [{records["tickets"]}, {_numbered("tickets", number)}]}}'
        for number, records in enumerate((_own(10), changed, _own(20)))
    ]
    return f"[{', '.join(entries)}]".encode()


def _own(number: int) -> dict[str, str]:
    """Good records with keys of their own."""
    return {part: _numbered(part, number) for part in FIELDS}


def _numbered(kind: str, number: int) -> str:
    return record(kind).replace('"620547"', f'"7{number}"').replace('id": 0', f'id": 9{number}')


@st.composite
def objects(draw: st.DrawFn, kind: str, oddness: int) -> str:
    """A record's JSON text: each value the first of its field's, or, one time in `oddness`, any other or an odd one."""
    members = []
    for name, values in FIELDS[kind].items():
        is_first = oddness == 0 or draw(st.integers(0, oddness)) > 0
        text = values[0] if is_first else draw(st.sampled_from([*values, *ODD]))
        if text is not None:
            members.append(f"{json.dumps(name)}: {text}")
    return "{" + ", ".join(members) + "}"


@st.composite
def entries(draw: st.DrawFn, oddness: int) -> str:
    members = [f'"company": {draw(objects("company", oddness))}']
    for part in ("assets", "contacts", "tickets"):
        records = draw(st.lists(objects(part, oddness), max_size=3))
        text = f"[{', '.join(records)}]"
        if oddness and draw(st.integers(0, 4 * oddness)) == 0:
            text = draw(st.sampled_from(["null", "{}", "7", "[null]", "[7, {}]", None]))
        if text is not None:
            members.append(f'"{part}": {text}')
    return "{" + ", ".join(members) + "}"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    oddness = draw(st.sampled_from([1, 8, 30, 200]))
    border = draw(st.sampled_from([",", ", ", ",\n ", "\n,"]))
    return f"[{border.join(draw(st.lists(entries(oddness), max_size=6)))}]\n".encode()


def test_a_good_body_is_read_as_columns_alone() -> None:
    (items,) = raw_objects(io.BytesIO(body_of()), 1 << 20)
    ((plain, others),) = EntryReader(ALL).read(items)
    assert (len(plain.accounts), others) == (3, [])


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in FIELDS for field in FIELDS[kind]])
def test_any_one_value_is_read_the_same_both_ways(kind: str, field: str) -> None:
    for text in [*FIELDS[kind][field], *ODD]:
        assert both_read_the_same(body_of(kind, field, text), ALL)


@given(bodies(), st.sets(st.sampled_from(sorted(ALL)), min_size=1).map(frozenset))
@settings(max_examples=100, deadline=None)
def test_whatever_is_in_it_both_ways_read_the_same(body: bytes, wanted: frozenset[str]) -> None:
    assert both_read_the_same(body, wanted)


RECORDED = json.dumps(CODEX["entries"])
ENTRY = RECORDED[1:].partition('}]}, {"')[0] + "}]}"


@pytest.mark.parametrize(
    "body",
    {
        "as it came": RECORDED,
        "in lines": json.dumps(CODEX["entries"], indent=2),
        "without space": json.dumps(CODEX["entries"], separators=(",", ":")),
        "sorted": json.dumps(CODEX["entries"], sort_keys=True),
        "in no order": json.dumps(
            [dict(reversed(entry.items())) for entry in CODEX["entries"]] + CODEX["entries"]
        ),
        "space around it": f" \r\n\t{RECORDED} \n",
        "no entry": "[]",
        "a number": "[7]",
        "a null among them": RECORDED[:-1] + ", null]",
        "cut": RECORDED[:-20],
        "cut between two": RECORDED.partition('}]}, {"')[0] + "}]},",
        "no end": RECORDED[:-1],
        "something behind it": RECORDED + "[]",
        "no comma": RECORDED.replace('}]}, {"', '}]} {"'),
        "two commas": RECORDED.replace('}]}, {"', '}]},, {"'),
        "a comma at the end": RECORDED[:-1] + ",]",
        "an object": '{"company": {}}',
        "no JSON": "<html></html>",
        "nothing": "",
        "hours as text": RECORDED.replace('"total_hours_spent": ', '"total_hours_spent": "', 1).replace(
            "}]}", '"}]}', 1
        ),
        "an escaped name": RECORDED.replace("total_hours_spent", "total\\u005fhours_spent", 1),
        "an escaped name of hours as text": body_of("tickets", "total_hours_spent", '"1.5"')
        .decode()
        .replace("total_hours_spent", "total\\u005fhours_spent"),
        "a name twice": RECORDED.replace('"id": ', '"id": 1, "id": ', 1),
        "a name twice that nobody needs": RECORDED.replace('"title": ', '"x": 1, "x": 2, "title": ', 1),
        "a tab in a text": RECORDED.replace("Windows 11", "Windows\t11", 1),
        "a number with a zero before it": RECORDED.replace('"id": ', '"id": 0', 1),
        "an odd constant": RECORDED.replace('"title": ""', '"secret": NaN', 1),
    }.values(),
    ids=lambda body: None,
)
def test_whatever_its_form_both_ways_read_the_same(body: str) -> None:
    both_read_the_same(body.encode(), ALL)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "utf-8-sig", "latin-1"])
def test_whatever_its_encoding_both_ways_read_the_same(encoding: str) -> None:
    both_read_the_same(
        json.dumps(CODEX["entries"], ensure_ascii=False).replace("…", "Zoë").encode(encoding), ALL
    )


def test_half_a_character_in_bytes_costs_what_it_cost() -> None:
    body = RECORDED.encode().replace(b"Windows 11", b"Windows \xed\xa0\x80", 1)
    assert both_read_the_same(body, ALL)


def test_good_entries_are_read_as_columns_beside_one_that_is_not() -> None:
    changed = json.loads(RECORDED)
    changed[1]["tickets"][0]["last_updated_at"] = "yesterday"
    (items,) = raw_objects(io.BytesIO(json.dumps(changed).encode()), 1 << 20)
    (plain, others), *more = EntryReader(ALL).read(items)
    assert more == []
    assert plain.accounts == [entry["company"]["account_number"] for entry in (changed[0], changed[2])]
    assert [json.loads(item) for item in others] == [changed[1]]


def test_an_entry_of_another_form_costs_few_others_their_columns() -> None:
    changed = [entry for _ in range(40) for entry in json.loads(RECORDED)]
    changed[50]["assets"] = 7
    (items,) = raw_objects(io.BytesIO(json.dumps(changed).encode()), 1 << 20)
    readings = list(EntryReader(ALL).read(items))
    others = [json.loads(item) for _, items in readings for item in items]
    assert changed[50] in others
    assert len(others) <= 8
    assert sum(len(plain.accounts) for plain, _ in readings) == len(changed) - len(others)


def test_texts_that_are_escaped_throughout_are_read_in_no_more_time() -> None:
    entry = CODEX["entries"][0] | {
        "tickets": [CODEX["entries"][0]["tickets"][0] | {"description": "я" * 500_000}]
    }
    body = json.dumps([entry] * 3).encode()
    began = time.process_time()
    (items,) = raw_objects(io.BytesIO(body), 1 << 24)
    ((plain, others),) = EntryReader(ALL).read(items)
    assert (len(plain.accounts), others) == (3, [])
    assert time.process_time() - began < 5


def both_read_the_same(body: bytes, wanted: frozenset[str]) -> bool:
    """Whether it can be read; fails where the two ways differ."""
    quick, thorough = (read(way, body, wanted) for way in (read_entries, read_entries_singly))
    if quick is None or thorough is None:
        assert quick is thorough
        return False
    for name, frame in thorough.frames.items():
        assert quick.frames[name].schema == frame.schema
        assert quick.frames[name].to_pylist() == frame.to_pylist()
    assert quick.frames.keys() == thorough.frames.keys()
    assert in_order(quick) == in_order(thorough)
    assert (quick.complete, quick.accounts, quick.missed) == (
        thorough.complete,
        thorough.accounts,
        thorough.missed,
    )
    return True


def in_order(reading: CompanyReading) -> list[str]:
    return sorted(map(repr, reading.problems))


def read(
    way: Callable[[frozenset[str], int | None, Any], CompanyReading], body: bytes, wanted: frozenset[str]
) -> CompanyReading | None:
    try:
        return way(wanted, YEAR, io.BytesIO(body))
    except UnreadableBodyError:
        return None
