"""Notion's queries, cursors, limits and refusals (wire/notion.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from notion_client import Client as NotionClient

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.notion.access import NOTION_DATA_SOURCE_ID, NOTION_DATABASE_ID, NOTION_TOKEN
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS
from ledger_pipelines_tests.sandbox.conftest import UNTIL
from ledger_pipelines_tests.sandbox.school_clients import Notion, Record

_BY_EDITED = [{"timestamp": "last_edited_time", "direction": "ascending"}]
QUERY = f"/data_sources/{NOTION_DATA_SOURCE_ID}/query"


@pytest.fixture(scope="module")
def pages(notion: Notion) -> list[Record]:
    return notion.read(sorts=_BY_EDITED)


def _edited(on: str, moment: str) -> Record:
    return {"timestamp": "last_edited_time", "last_edited_time": {on: moment}}


def _ids(results: list[Record]) -> list[str]:
    return [result["id"] for result in results]


@pytest.mark.parametrize("identifier", [NOTION_DATABASE_ID, NOTION_DATABASE_ID.replace("-", "")])
def test_the_database_names_its_data_source(notion: Notion, identifier: str) -> None:
    database = notion.ask(f"/databases/{identifier}").json()
    (source,) = database["data_sources"]
    assert source["id"] == NOTION_DATA_SOURCE_ID
    properties = notion.ask(f"/data_sources/{source['id']}").json()["properties"]
    assert {name: value["type"] for name, value in properties.items()} == {
        "Name": "title",
        "Email": "email",
        "Educational Status": "select",
        "Drop Date": "date",
        "Certificated At": "date",
    }


def test_the_well_kept_client_reads_it(notion: Notion) -> None:
    base = notion.sandbox.notion_url.removesuffix("/v1")
    with NotionClient(auth=NOTION_TOKEN, base_url=base) as client:
        database: Any = client.databases.retrieve(NOTION_DATABASE_ID)
        source = database["data_sources"][0]["id"]
        answer: Any = client.data_sources.query(source, page_size=5)
    assert 0 < len(answer["results"]) <= 5
    assert answer["has_more"]


def test_cursors_lead_through_all_pages_once(notion: Notion, pages: list[Record]) -> None:
    known = {row.id for row in notion.sandbox.school.pages}
    assert len(pages) == len(known) > 500
    assert set(_ids(pages)) == known
    assert set(_ids(notion.read())) == known


def test_pages_hold_a_hundred_at_most_and_sometimes_fewer(notion: Notion) -> None:
    sizes = [len(page["results"]) for page in notion.pages()]
    assert max(sizes) == 100
    assert min(sizes[:-1]) < 100
    small = [len(page["results"]) for page in notion.pages(page_size=10)]
    assert max(small) == 10
    assert min(small[:-1]) < 10


def test_the_first_page_alone_is_not_everything(notion: Notion, pages: list[Record]) -> None:
    answer = notion.query().json()
    assert (answer["object"], answer["has_more"]) == ("list", True)
    assert len(answer["results"]) < len(pages)
    assert set(answer) == {
        *("object", "results", "next_cursor", "has_more", "type", "page_or_data_source", "request_id")
    }
    (*_, last) = notion.pages()
    assert (last["has_more"], last["next_cursor"]) == (False, None)


def test_sorts_order_and_no_sort_promises_none(notion: Notion, pages: list[Record]) -> None:
    moments = [page["last_edited_time"] for page in pages]
    assert moments == sorted(moments)
    downward = notion.read(sorts=[{"timestamp": "created_time", "direction": "descending"}])
    created = [page["created_time"] for page in downward]
    assert created == sorted(created, reverse=True)
    unsorted = [page["created_time"] for page in notion.read()]
    assert unsorted not in (created, created[::-1])


def test_windows_by_time_divide_the_whole(notion: Notion, pages: list[Record]) -> None:
    cut = pages[len(pages) // 2]["last_edited_time"]
    before, after = (
        notion.read(filter=_edited("before", cut)),
        notion.read(filter=_edited("on_or_after", cut)),
    )
    assert before
    assert after
    assert sorted(_ids(before) + _ids(after)) == sorted(_ids(pages))
    upto = notion.read(filter=_edited("on_or_before", cut))
    assert set(_ids(upto)) - set(_ids(before)) == {
        page["id"] for page in pages if page["last_edited_time"] == cut
    }


def test_filters_combine(notion: Notion, pages: list[Record]) -> None:
    early, late = _edited("before", "2025-01-01"), _edited("on_or_after", "2025-07-01T00:00:00Z")
    either = notion.read(filter={"or": [early, late]})
    expected = [
        page["id"]
        for page in pages
        if page["last_edited_time"] < "2025-01-01" or page["last_edited_time"] >= "2025-07-01"
    ]
    assert 0 < len(either) < len(pages)
    assert sorted(_ids(either)) == sorted(expected)
    assert notion.read(filter={"and": [early, late]}) == []


def test_a_client_can_be_found_by_email(notion: Notion) -> None:
    wanted = {"property": "Email", "email": {"equals": "postponed@cases.example"}}
    (page,) = notion.read(filter=wanted)
    assert page["properties"]["Educational Status"]["select"]["name"] == "Postponed"


def test_pages_vary_as_the_wire_does(pages: list[Record]) -> None:
    properties = [page["properties"] for page in pages]
    assert any("Drop Date" not in shown for shown in properties)
    assert any(shown["Educational Status"]["select"] is None for shown in properties)
    assert any(len(shown["Name"]["title"]) > 1 for shown in properties)
    emails = [shown["Email"]["email"] for shown in properties]
    assert any(email != email.strip().lower() for email in emails)
    assert {page["archived"] for page in pages} == {True, False}
    datetime.fromisoformat(pages[0]["created_time"]).astimezone(UTC)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ({"version": None}, 400, "missing_version"),
        ({"version": "2022-06-28"}, 400, "validation_error"),
        ({"token": "ntn_stranger"}, 401, "unauthorized"),
        ({"path": "/databases/00000000-0000-0000-0000-000000000000"}, 404, "object_not_found"),
        ({"path": "/data_sources/1/query", "method": "POST", "body": {}}, 404, "object_not_found"),
        (
            {"path": f"/databases/{NOTION_DATABASE_ID}/query", "method": "POST"},
            400,
            "invalid_request_url",
        ),
        ({"path": QUERY, "method": "POST", "body": []}, 400, "invalid_request"),
        ({"path": QUERY, "method": "POST", "body": {"page_size": 101}}, 400, "validation_error"),
        ({"path": QUERY, "method": "POST", "body": {"page_size": 0}}, 400, "validation_error"),
        ({"path": QUERY, "method": "POST", "body": {"limit": 10}}, 400, "validation_error"),
        ({"path": QUERY, "method": "POST", "body": {"start_cursor": "next"}}, 400, "validation_error"),
        (
            {"path": QUERY, "method": "POST", "body": {"sorts": [{"property": "Age"}]}},
            400,
            "validation_error",
        ),
        ({"path": QUERY, "method": "POST", "body": {"filter": {"email": "a@b.c"}}}, 400, "validation_error"),
        (
            {"path": QUERY, "method": "POST", "body": {"filter": _edited("on_or_after", "last week")}},
            400,
            "validation_error",
        ),
        (
            {
                "path": QUERY,
                "method": "POST",
                "body": {"filter": {"property": "E-mail", "email": {"equals": "a@b.c"}}},
            },
            400,
            "validation_error",
        ),
    ],
)
def test_refusals_are_errors_of_one_form(
    notion: Notion, arguments: dict[str, Any], status: int, code: str
) -> None:
    answer = notion.ask(**{"path": f"/databases/{NOTION_DATABASE_ID}", **arguments})
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["object"] == "error"
    assert set(body) == {"object", "status", "code", "message", "request_id"}


def test_a_body_that_is_not_json_is_refused(notion: Notion) -> None:
    headers = {"Authorization": f"Bearer {NOTION_TOKEN}", "Notion-Version": "2025-09-03"}
    answer = notion.session.post(
        notion.sandbox.notion_url + QUERY, data="{", headers=headers, timeout=TIMEOUT_SECONDS
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_cursor_of_another_query_is_refused(notion: Notion) -> None:
    cursor = notion.query(sorts=_BY_EDITED).json()["next_cursor"]
    assert notion.query(sorts=_BY_EDITED, start_cursor=cursor).status_code == 200
    assert notion.query(start_cursor=cursor).json()["code"] == "validation_error"


@pytest.fixture(scope="module")
def crowded() -> Iterator[Notion]:
    """A Notion of more pages than one query gives."""
    config = SandboxConfig(until=UNTIL, companies=1, students=11_500, invoices=0, rate_limit=None)
    with running_sandbox(config) as running, requests.Session() as session:
        yield Notion(running, session)


def test_a_query_ends_at_ten_thousand_results_and_windows_give_the_rest(crowded: Notion) -> None:
    answers = list(crowded.pages(sorts=_BY_EDITED))
    results = [result for answer in answers for result in answer["results"]]
    assert len(results) == 10_000 < len(crowded.sandbox.school.pages)
    assert answers[-1]["has_more"] is False
    assert answers[-1]["request_status"] == {
        "type": "incomplete",
        "incomplete_reason": "query_result_limit_reached",
    }
    rest = crowded.read(sorts=_BY_EDITED, filter=_edited("on_or_after", results[-1]["last_edited_time"]))
    assert {*_ids(results), *_ids(rest)} == {row.id for row in crowded.sandbox.school.pages}


def test_more_than_three_requests_a_second_are_refused_with_whole_seconds() -> None:
    config = SandboxConfig(until=UNTIL, companies=1, students=0, invoices=0, notion_rate_limit=3)
    with running_sandbox(config) as running, requests.Session() as session:
        client = Notion(running, session)
        answers = [client.query(page_size=1) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {(answer.json()["code"], answer.headers["Retry-After"]) for answer in refused} == {
        ("rate_limited", "1")
    }
