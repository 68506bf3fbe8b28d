"""Notion's lists that read as if there were less: capped, cut, renamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ledger_pipelines.errors import SourceUnavailableError
from ledger_pipelines.sources.notion.client import MissingPropertyError, NotionClient
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, Seen, reply
from ledger_pipelines_tests.sources.school_records import page, page_properties
from ledger_pipelines_tests.sources.school_servers import (
    DATA_SOURCE,
    DATABASE,
    NOTION_TOKEN,
    NotionLike,
    running,
)

_INCOMPLETE = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}


class Capped(NotionLike):
    """Shows no more than `cap` results of a query, and says so; `heeds_filters` says whether windows help."""

    cap = 3
    heeds_filters = True

    def answer(self, seen: Seen) -> Reply:
        if seen.method != "POST":
            return super().answer(seen)
        body = json.loads(seen.body)
        since = body.get("filter", {}).get("created_time", {}).get("on_or_after", "")
        found = [one for one in self.pages if not self.heeds_filters or one["created_time"] >= since]
        answered = {"object": "list", "results": found[: self.cap], "next_cursor": None, "has_more": False}
        return reply(answered | ({"request_status": _INCOMPLETE} if len(found) > self.cap else {}))


@pytest.fixture
def capped() -> Iterator[Capped]:
    with running(Capped()) as server:
        yield server


@pytest.fixture
def notion() -> Iterator[NotionLike]:
    with running(NotionLike()) as server:
        yield server


def client_of(server: NotionLike, fake_time: FakeTime) -> NotionClient:
    return NotionClient(server.url, NOTION_TOKEN, DATABASE, clock=fake_time.clock, timeout=5)


def test_what_a_capped_query_does_not_show_is_read_by_windows(capped: Capped, fake_time: FakeTime) -> None:
    capped.pages = [page(number) for number in range(20)]
    with client_of(capped, fake_time) as client:
        pages = client.pages()
    assert (pages.frame.num_rows, pages.problems, pages.sizes) == (20, [], {"pages": 20})


def test_a_capped_list_that_windows_do_not_open_is_not_taken_as_whole(
    capped: Capped, fake_time: FakeTime
) -> None:
    capped.pages, capped.heeds_filters = [page(number) for number in range(20)], False
    with client_of(capped, fake_time) as client:
        pages = client.pages()
    assert pages.frame.num_rows == 3
    [problem] = pages.problems
    assert (problem.entity_type, problem.external_id, problem.is_blocking) == (
        "list",
        f"pages of {DATA_SOURCE}",
        True,
    )


def test_a_capped_list_that_shows_nothing_at_all_is_not_taken_for_empty(
    capped: Capped, fake_time: FakeTime
) -> None:
    capped.pages, capped.cap = [page(0)], 0
    with client_of(capped, fake_time) as client:
        pages = client.pages()
    assert (pages.frame.num_rows, len(pages.problems)) == (0, 1)


def test_an_empty_answer_in_the_middle_is_not_the_end(notion: NotionLike, fake_time: FakeTime) -> None:
    notion.pages, notion.step = [page(number) for number in range(5)], 2
    hole = {"results": [], "has_more": True, "next_cursor": "2"}
    notion.faults = [
        reply({"data_sources": notion.sources}),
        reply({"results": notion.pages[:2], "has_more": True, "next_cursor": "x"}),
        reply(hole),
    ]
    with client_of(notion, fake_time) as client:
        assert client.pages().frame.num_rows == 5


def test_cursors_that_go_round_are_said(notion: NotionLike, fake_time: FakeTime) -> None:
    round_trip = [
        reply({"results": [page(0)], "has_more": True, "next_cursor": cursor}) for cursor in ("a", "b") * 8
    ]
    notion.faults = [reply({"data_sources": notion.sources}), *round_trip]
    with (
        client_of(notion, fake_time) as client,
        pytest.raises(SourceUnavailableError, match="the same place to go on from again"),
    ):
        client.pages()


@pytest.mark.parametrize(
    "body",
    [
        {"results": []},
        {"results": [], "has_more": None, "next_cursor": None},
        {"results": [], "has_more": "false", "next_cursor": None},
        {"results": [], "has_more": False, "next_cursor": "x"},
        {"results": [], "has_more": True, "next_cursor": None},
    ],
)
def test_an_answer_that_does_not_say_whether_more_follows_is_a_failure(
    body: dict[str, Any], notion: NotionLike, fake_time: FakeTime
) -> None:
    notion.faults = [reply({"data_sources": notion.sources}), *[reply(body)] * 8]
    with (
        client_of(notion, fake_time) as client,
        pytest.raises(SourceUnavailableError, match="not the JSON that it promises"),
    ):
        client.pages()


@pytest.mark.parametrize(
    ("renamed", "told"),
    [
        ({"Email": "E-mail"}, 'a property "Email"'),
        ({"Educational Status": "Status"}, 'a property "Educational Status"'),
        ({"Drop Date": "Drop", "Certificated At": "Done"}, 'a property "Drop Date" or "Certificated At"'),
    ],
)
def test_a_property_that_no_page_has_is_named_with_those_that_there_are(
    renamed: dict[str, str], told: str, notion: NotionLike, fake_time: FakeTime
) -> None:
    properties = {renamed.get(name, name): value for name, value in page_properties().items()}
    notion.pages = [page(number, properties) for number in range(3)]
    with client_of(notion, fake_time) as client, pytest.raises(MissingPropertyError) as caught:
        client.pages()
    assert str(caught.value) == (
        f"None of the 3 pages of Notion's database {DATABASE} has {told}; they have {', '.join(sorted(properties))}: "
        "name it so again in Notion, or check NOTION_DATABASE_ID."
    )
    assert (caught.value.problem.entity_type, caught.value.problem.is_blocking) == ("list", True)


def test_pages_without_any_property_are_not_read_as_pages_of_nobody(
    notion: NotionLike, fake_time: FakeTime
) -> None:
    notion.pages = [page(0, {})]
    with client_of(notion, fake_time) as client, pytest.raises(MissingPropertyError, match="they have none"):
        client.pages()


def test_a_database_without_pages_lacks_no_property(notion: NotionLike, fake_time: FakeTime) -> None:
    notion.pages = [page(0, {}, archived=True)]
    with client_of(notion, fake_time) as client:
        pages = client.pages()
    assert (pages.frame.num_rows, pages.problems, pages.sizes) == (0, [], {"pages": 0})


def test_a_page_without_a_property_that_others_have_is_read(notion: NotionLike, fake_time: FakeTime) -> None:
    notion.pages = [page(0), page(1, {"Email": {"type": "email", "email": "b@x.test"}})]
    with client_of(notion, fake_time) as client:
        pages = client.pages()
    assert (pages.frame["email"].to_pylist(), pages.problems) == (["ana@school.example", "b@x.test"], [])
