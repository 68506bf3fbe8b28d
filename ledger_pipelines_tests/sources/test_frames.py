"""Records to frames: nothing readable is lost, nothing depends on the order in which it came."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ledger_pipelines.errors import Problem, SourceUnavailableError
from ledger_pipelines.sources.codex.models import ENTITIES, SCHEMAS
from ledger_pipelines.sources.records import frames
from ledger_pipelines.sources.records.frames import PageReader, RecordReader, latest_of

TICKET: dict[str, Any] = {
    "ticket_id": 12,
    "ticket_number": "195836",
    "subject": "No sound",
    "description": "<div>" + "long " * 500,
    "conversations": [{"body": "hello"}],
    "status": "deleted",
    "priority": "low",
    "requester_email": "a@b.example",
    "requester_name": "A",
    "created_at": "2025-10-29T08:43:00Z",
    "last_updated_at": "2025-11-06T16:00:00Z",
    "closed_at": None,
    "total_hours_spent": Decimal("0.9166666666666666"),
}
COMPANY: dict[str, Any] = {"account_number": "620547", "name": "Acme Dental Group"}
ASSET: dict[str, Any] = {"id": 17, "hostname": "C00-WS00", "backup_data_bytes": 0}
CONTACT: dict[str, Any] = {"id": 5, "name": "Zoë Smith", "active": True}
PLAN: dict[str, Any] = {
    "plan_name": "Gold",
    "term_length": "1 Year",
    **{name: 1 for name in SCHEMAS["plans"].names if name.startswith(("per_", "backup_"))},
}
RECORDS = {"companies": COMPANY, "assets": ASSET, "contacts": CONTACT, "tickets": TICKET, "plans": PLAN}


def _owner(entity: str) -> str | None:
    return "620547" if ENTITIES[entity].owner_column else None


def _read(
    entity: str, records: Sequence[object], owners: Sequence[str | None] | None = None
) -> tuple[pa.Table, list[Problem]]:
    reader = RecordReader("codex", ENTITIES[entity])
    for index, record in enumerate(records):
        reader.add([record], owners[index] if owners else _owner(entity))
    frame = reader.frame()
    return frame, sorted(reader.problems, key=lambda problem: (problem.external_id, problem.message))


def _problem(entity: str, record: object) -> Problem:
    frame, problems = _read(entity, [record])
    assert frame.num_rows == 0
    assert len(problems) == 1
    return problems[0]


@pytest.mark.parametrize("entity", sorted(ENTITIES))
def test_a_frame_has_its_schema_with_and_without_rows(entity: str) -> None:
    assert _read(entity, [])[0].schema.equals(SCHEMAS[entity])
    frame, problems = _read(entity, [RECORDS[entity]])
    assert frame.schema.equals(SCHEMAS[entity])
    assert (frame.num_rows, problems) == (1, [])
    frame.validate(full=True)


@pytest.mark.parametrize(
    ("entity", "changes", "external_id", "message"),
    [
        (
            "tickets",
            {"last_updated_at": None},
            "620547/195836",
            "Ticket 195836 of company 620547 has no last_updated_at, so that its 0.92 h are not billed.",
        ),
        (
            "tickets",
            {"last_updated_at": "yesterday", "total_hours_spent": "two"},
            "620547/195836",
            "Ticket 195836 of company 620547 has the last_updated_at 'yesterday', which is not a timestamp "
            "and has the total_hours_spent 'two', which is not a number.",
        ),
        (
            "tickets",
            {"total_hours_spent": Decimal("-0.5")},
            "620547/195836",
            "Ticket 195836 of company 620547 has the total_hours_spent -0.5, which is negative.",
        ),
        (
            "tickets",
            {"total_hours_spent": Decimal("NaN")},
            "620547/195836",
            "Ticket 195836 of company 620547 has the total_hours_spent NaN, which is not a number.",
        ),
        (
            "assets",
            {"id": "17"},
            None,
            "Asset “C00-WS00” of company 620547 has the id '17', which is not a whole number.",
        ),
        ("assets", {"id": None, "hostname": " "}, None, "An asset of company 620547 has no id."),
        (
            "assets",
            {"backup_data_bytes": "much"},
            "17",
            "Asset 17 of company 620547 has the backup_data_bytes 'much', which is not a whole number.",
        ),
        (
            "assets",
            {"device_type": 7, "online": "yes"},
            "17",
            "Asset 17 of company 620547 has the device_type 7, which is not text "
            "and has the online 'yes', which is neither true nor false.",
        ),
        (
            "contacts",
            {"active": "perhaps"},
            "620547/5",
            "Contact 5 of company 620547 has the active 'perhaps', which is neither true nor false.",
        ),
        ("companies", {"account_number": None}, None, "Company “Acme Dental Group” has no account_number."),
        ("companies", {"account_number": "  "}, None, "Company “Acme Dental Group” has no account_number."),
        ("companies", {"account_number": None, "name": None}, None, "A company has no account_number."),
        (
            "plans",
            {"per_vm_cost": -15},
            "Gold/1 Year",
            "Billing plan Gold (1 Year) has the per_vm_cost -15, which is negative.",
        ),
        (
            "plans",
            {"per_vm_cost": "call us"},
            "Gold/1 Year",
            "Billing plan Gold (1 Year) has the per_vm_cost 'call us', which is not a number.",
        ),
        ("plans", {"plan_name": ""}, None, "A billing plan has no plan_name."),
    ],
)
def test_a_record_that_cannot_be_read_is_said_in_one_sentence(
    entity: str, changes: dict[str, Any], external_id: str | None, message: str
) -> None:
    problem = _problem(entity, RECORDS[entity] | changes)
    assert problem.message == message
    assert problem.is_blocking
    assert (problem.integration, problem.operation, problem.entity_type) == (
        "codex",
        entity,
        ENTITIES[entity].singular,
    )
    if external_id is not None:
        assert problem.external_id == external_id
    else:
        owner = _owner(entity)
        assert problem.external_id.startswith(f"{owner}/" if owner else "")
        assert (
            problem.external_id
            == _problem(entity, dict(reversed((RECORDS[entity] | changes).items()))).external_id
        )


@pytest.mark.parametrize(
    ("entity", "changes", "column", "counted", "message"),
    [
        (
            "companies",
            {"contract_end_date": "soon"},
            "contract_end_date",
            None,
            "Company 620547 has the contract_end_date 'soon', which is not a date: it counts without that.",
        ),
        (
            "companies",
            {"contract_term_length": 12, "domains": 3},
            "contract_term_length",
            None,
            "Company 620547 has the contract_term_length 12, which is not text and has the domains 3, "
            "which is neither JSON text nor a list or mapping: it counts month to month and without that.",
        ),
        (
            "companies",
            {"billing_plan": ["Gold"]},
            "billing_plan",
            None,
            "Company 620547 has the billing_plan […], which is not text: it counts without a plan of its own.",
        ),
        (
            "companies",
            {"name": 7},
            "name",
            "620547",
            "Company 620547 has the name 7, which is not text: it counts without that.",
        ),
        (
            "assets",
            {"backup_data_bytes": -1},
            "backup_data_bytes",
            0,
            "Asset 17 of company 620547 has the backup_data_bytes -1, which is negative: it counts with 0 bytes.",
        ),
        (
            "assets",
            {"backup_data_bytes": Decimal("1649267441664.9")},
            "backup_data_bytes",
            1649267441664,
            "Asset 17 of company 620547 has the backup_data_bytes 1649267441664.9, which is not a whole number: "
            "it counts with 1649267441664 bytes.",
        ),
        (
            "assets",
            {"online": "yes"},
            "online",
            None,
            "Asset 17 of company 620547 has the online 'yes', which is neither true nor false: "
            "it counts without that.",
        ),
        (
            "assets",
            {"backup_usage_tb": "n/a"},
            "backup_usage_tb",
            None,
            "Asset 17 of company 620547 has the backup_usage_tb 'n/a', which is no text of TB with two decimals: "
            "it counts without that.",
        ),
        (
            "contacts",
            {"active": None},
            "active",
            True,
            "Contact 5 of company 620547 has no active: it counts with active True.",
        ),
        (
            "contacts",
            {"active": "False"},
            "active",
            False,
            "Contact 5 of company 620547 has the active 'False', which is neither true nor false: "
            "it counts with active False.",
        ),
        (
            "contacts",
            {"email": 7},
            "email",
            None,
            "Contact 5 of company 620547 has the email 7, which is not text: it counts without that.",
        ),
        (
            "tickets",
            {"ticket_id": 10**20},
            "ticket_id",
            None,
            f"Ticket 195836 of company 620547 has the ticket_id {10**20}, which is too large: "
            "it counts without that.",
        ),
        (
            "plans",
            {"features": 7},
            "features",
            None,
            "Billing plan Gold (1 Year) has the features 7, which is neither JSON text nor a list or mapping: "
            "it counts without that.",
        ),
    ],
)
def test_a_field_that_bears_on_nothing_costs_its_record_nothing_and_is_noted(
    entity: str, changes: dict[str, Any], column: str, counted: object, message: str
) -> None:
    frame, (problem,) = _read(entity, [RECORDS[entity] | changes])
    assert frame[column].to_pylist() == [counted]
    assert (problem.message, problem.is_blocking) == (message, False)


def test_records_with_a_field_spared_stand_among_the_others() -> None:
    records = [ASSET | {"id": number} for number in range(5_000)]
    records[7] |= {"last_seen": "20 Oct 2026 10:00"}
    records[8] |= {"device_type": 3}
    lacking = {name: value for name, value in CONTACT.items() if name != "active"}
    frame, problems = _read("assets", records)
    assert frame["id"].to_pylist() == [number for number in range(5_000) if number != 8]
    assert [(problem.external_id, problem.is_blocking) for problem in problems] == [("7", False), ("8", True)]
    assert _read("contacts", [lacking])[0]["active"].to_pylist() == [True]


def test_null_hours_are_none_and_missing_ones_an_error() -> None:
    assert _read("tickets", [TICKET | {"total_hours_spent": None}])[0]["total_hours_spent"].to_pylist() == [0]
    lacking = {name: value for name, value in TICKET.items() if name != "total_hours_spent"}
    assert _problem("tickets", lacking).message == "Ticket 195836 of company 620547 has no total_hours_spent."


def test_records_of_one_key_are_one_record_and_the_choice_is_said() -> None:
    other = ASSET | {"hostname": "C00-WS01"}
    frame, (same, chosen) = _read("assets", [ASSET, ASSET, ASSET | {"id": 18}, other | {"id": 18}])
    assert frame["hostname"].to_pylist() == ["C00-WS00", "C00-WS01"]
    assert (
        same.message
        == "Asset 17 of company 620547 came 2 times in one answer, the same each time, and counts once."
    )
    assert chosen.message == (
        "Asset 18 of company 620547 came 2 times in one answer, and the one with the hostname 'C00-WS01' is kept."
    )
    assert (same.is_blocking, chosen.is_blocking) == (False, True)


def test_a_plan_without_a_rate_is_refused_and_one_with_a_null_rate_is_not() -> None:
    lacking = {name: value for name, value in PLAN.items() if name != "per_user_cost"}
    assert _problem("plans", lacking).message == "Billing plan Gold (1 Year) has no per_user_cost."
    frame, problems = _read("plans", [PLAN | {"per_user_cost": None}])
    assert (frame["per_user_cost"].to_pylist(), problems) == ([None], [])


@pytest.mark.parametrize("record", [None, "text", 3, []])
def test_what_is_no_record_at_all_is_a_problem(record: object) -> None:
    assert _problem("assets", record).message == "An asset of company 620547 is not a record."


def test_the_details_are_the_record_without_secrets_and_large_texts() -> None:
    record = TICKET | {"last_updated_at": None, "portal": {"api_token": "abc"}, "subject": "x" * 9_000}
    details = _problem("tickets", record).details
    kept = details["record"]
    assert details["account_number"] == "620547"
    assert not {"description", "conversations"} & set(kept)
    assert kept["portal"] == {"api_token": "[redacted]"}
    assert kept["total_hours_spent"] == "0.9166666666666666"
    assert len(json.dumps(details)) < 2_000


def test_one_bad_record_among_many_costs_only_itself() -> None:
    records = [TICKET | {"ticket_number": str(number)} for number in range(5_000)]
    records[1234] = records[1234] | {"last_updated_at": None}
    frame, problems = _read("tickets", records)
    assert frame.num_rows == 4_999
    assert [problem.external_id for problem in problems] == ["620547/1234"]


def test_one_contact_under_two_companies_is_a_user_of_each() -> None:
    frame, problems = _read("contacts", [CONTACT, CONTACT], ["620547", "116257"])
    assert frame["account_number"].to_pylist() == ["116257", "620547"]
    assert problems == []


def test_a_company_without_a_name_is_called_by_its_number() -> None:
    for name in (None, ""):
        assert _read("companies", [COMPANY | {"name": name}])[0]["name"].to_pylist() == ["620547"]


def test_missing_backup_bytes_are_none_at_all() -> None:
    lacking = {"id": 18, "hostname": "b"}
    frame, _ = _read("assets", [ASSET | {"backup_data_bytes": None}, lacking])
    assert frame["backup_data_bytes"].to_pylist() == [0, 0]


def test_terms_stay_as_they_were_sent() -> None:
    terms = ["1-Year", "", None]
    records = [
        COMPANY | {"account_number": str(at), "contract_term_length": term} for at, term in enumerate(terms)
    ]
    assert _read("companies", records)[0]["contract_term_length"].to_pylist() == terms


def test_of_a_ticket_that_comes_twice_the_later_state_is_kept_and_said() -> None:
    early = TICKET | {"total_hours_spent": 1}
    late = TICKET | {"last_updated_at": "2025-11-07T00:00:00.000001", "total_hours_spent": 2}
    frame, problems = _read("tickets", [late, early])
    assert frame["total_hours_spent"].to_pylist() == [Decimal(2)]
    assert [problem.message for problem in problems] == [
        "Ticket 195836 of company 620547 came 2 times in one answer, "
        "and the one with the latest last_updated_at is kept."
    ]


def test_a_ticket_that_two_answers_hold_is_kept_in_its_later_state() -> None:
    other = TICKET | {"ticket_number": "1"}
    tables = [
        _read("tickets", [TICKET, other])[0],
        _read("tickets", [TICKET | {"last_updated_at": "2026-01-02T00:00:00Z", "status": "closed"}])[0],
    ]
    for order in (tables, tables[::-1]):
        table = latest_of(order, ENTITIES["tickets"])
        assert table["ticket_number"].to_pylist() == ["1", "195836"]
        assert table["status"].to_pylist() == ["deleted", "closed"]


_MIXED = [
    *(TICKET | {"ticket_number": str(number), "total_hours_spent": number % 5} for number in range(12)),
    *(TICKET | {"ticket_number": str(number), "total_hours_spent": 9} for number in range(3)),
    TICKET | {"ticket_number": "3", "last_updated_at": "2025-12-01T00:00:00Z"},
    TICKET | {"ticket_number": "77", "last_updated_at": None},
    TICKET | {"ticket_number": None},
    "no record",
]


@given(st.randoms(use_true_random=False))
def test_any_order_of_the_records_gives_the_same(order: random.Random) -> None:
    expected_frame, expected_problems = _read("tickets", _MIXED)
    shuffled = list(_MIXED)
    order.shuffle(shuffled)
    frame, problems = _read("tickets", shuffled)
    assert frame.equals(expected_frame)
    assert problems == expected_problems
    assert expected_frame.num_rows == 12
    assert len(problems) == 3 + 1 + 3


#: Halves of characters too: JSON can escape them alone.
_ANY_CHARACTER = st.characters() | st.sampled_from("\0\ud800\udfff")
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(_ANY_CHARACTER, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data(), st.sampled_from(sorted(ENTITIES)))
def test_whatever_a_record_holds_it_is_a_row_or_a_problem(data: st.DataObject, entity: str) -> None:
    names = st.sampled_from(sorted(set(RECORDS[entity]) | set(SCHEMAS[entity].names)))
    changes = data.draw(st.dictionaries(names, _ANY_JSON, max_size=4))
    frame, problems = _read(entity, [RECORDS[entity] | changes])
    frame.validate(full=True)
    assert frame.num_rows + sum(problem.is_blocking for problem in problems) == 1
    assert len(problems) <= 1
    for problem in problems:
        text = json.dumps(asdict(problem), allow_nan=False)
        assert "\\u0000" not in text
        problem.message.encode()


@pytest.mark.parametrize("text", ["a\0b", "\0ab"])
def test_a_nul_character_is_left_out(text: str) -> None:
    frame, problems = _read("assets", [ASSET | {"hostname": text}])
    assert (frame["hostname"].to_pylist(), problems) == (["ab"], [])


def test_half_a_character_is_shown_as_a_question_mark() -> None:
    frame, problems = _read("assets", [ASSET | {"hostname": "a\ud800b"}])
    assert (frame["hostname"].to_pylist(), problems) == (["a?b"], [])


def test_a_list_without_an_end_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_MOST_PAGES", 3)
    reader = PageReader("shop", ENTITIES["companies"])
    for _ in range(3):
        reader.add([])
    with pytest.raises(SourceUnavailableError, match="The list of companies from shop has no end: 3 pages"):
        reader.add([])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"token": "s3cr3t-4711"}, "{…}"),
        ([{"password": "s3cr3t-4711"}], "[…]"),
        ("Bearer s3cr3t-4711", "'[redacted]'"),
        ("\x1b[2J", r"'\x1b[2J'"),
    ],
)
def test_a_message_shows_neither_secrets_nor_escapes_of_a_value(value: object, shown: str) -> None:
    message = _problem("tickets", TICKET | {"last_updated_at": value}).message
    assert (
        message
        == f"Ticket 195836 of company 620547 has the last_updated_at {shown}, which is not a timestamp, so that its "
        "0.92 h are not billed."
    )


def test_a_very_long_key_leaves_room_for_what_is_wrong_with_it() -> None:
    problem = _problem("tickets", TICKET | {"ticket_number": "9" * 3_000})
    assert problem.message.endswith("which is longer than 200 characters, so that its 0.92 h are not billed.")
    assert len(problem.message) < 500


def test_a_value_that_fits_its_model_and_no_column_costs_its_row_alone() -> None:
    # A model without a bound, as one may be forgotten.
    unbounded = TypeAdapter(list[dict[str, Any]])
    reader = RecordReader("codex", replace(ENTITIES["contacts"], rows=unbounded))
    reader.add([{"id": one, "active": True} for one in (1, 10**20, 3)], "620547")
    frame = reader.frame()
    assert frame["id"].to_pylist() == [1, 3]
    assert [problem.message for problem in reader.problems] == [
        "Contact 100000000000000000000 of company 620547 holds a value that is larger than can be kept."
    ]
