"""Notion through its client library, over real HTTP: pages, windows, and our own rules of exchange."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines.sources.notion.models import PAGES
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, reply
from ledger_pipelines_tests.sources.school_records import NEW_YEAR, page, written
from ledger_pipelines_tests.sources.school_servers import (
    DATA_SOURCE,
    DATABASE,
    HTML,
    NOTION_TOKEN,
    NotionLike,
    notion_error,
    running,
)

QUERY = f"/v1/data_sources/{DATA_SOURCE}/query"


@pytest.fixture
def notion() -> Iterator[NotionLike]:
    with running(NotionLike()) as server:
        yield server


@pytest.fixture
def client(notion: NotionLike, fake_time: FakeTime) -> Iterator[NotionClient]:
    with NotionClient(notion.url + "/v1", NOTION_TOKEN, DATABASE, clock=fake_time.clock, timeout=5) as client:
        yield client


def test_a_page_s_properties_become_a_row(notion: NotionLike, client: NotionClient) -> None:
    pieces = [{"type": "text", "plain_text": "Ana "}, {"type": "text", "plain_text": "Ruiz"}]
    notion.pages = [
        page(
            properties={
                "Name": {"id": "title", "type": "title", "title": pieces},
                "Email": {"type": "email", "email": " Ana@School.example"},
                "Educational Status": {"type": "select", "select": {"name": "Not Completing"}},
                "Drop Date": {"type": "date", "date": {"start": "2024-03-10", "end": None}},
                "Certificated At": {"type": "date", "date": {"start": "2024-05-19T18:00:00.000+02:00"}},
            },
            last_edited_time="2024-06-01T10:00:00.000Z",
        )
    ]
    pages = client.pages()
    assert pages.problems == []
    assert pages.frame.schema.equals(PAGES)
    assert pages.frame.to_pylist() == [
        {
            "page_id": "page-00000",
            "name": "Ana Ruiz",
            "email": "ana@school.example",
            "educational_status": "Not Completing",
            "drop_date": date(2024, 3, 10),
            "certificated_at": date(2024, 5, 19),
            "created_at": NEW_YEAR,
            "last_edited_at": datetime(2024, 6, 1, 10, tzinfo=UTC),
            "url": "https://notion.example/0",
        }
    ]


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {
            "Name": {"type": "title", "title": []},
            "Email": {"type": "email", "email": None},
            "Educational Status": {"type": "select", "select": None},
            "Drop Date": {"type": "date", "date": None},
            "Certificated At": {"type": "date", "date": None},
        },
    ],
)
def test_a_property_may_be_missing_or_null(
    properties: dict[str, Any], notion: NotionLike, client: NotionClient
) -> None:
    notion.pages = [page(0, properties), page(1)]
    pages = client.pages()
    assert pages.problems == []
    [row, _] = pages.frame.to_pylist()
    assert all(
        row[name] is None for name in ("name", "email", "educational_status", "drop_date", "certificated_at")
    )


def test_pages_that_were_put_away_are_left_out(notion: NotionLike, client: NotionClient) -> None:
    notion.pages = [page(0), page(1, archived=True), page(2, in_trash=True), page(3, object="data_source")]
    pages = client.pages()
    assert (pages.frame["page_id"].to_pylist(), pages.problems) == (["page-00000"], [])


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"properties": None}, "Page page-00001 has no properties."),
        (
            {"last_edited_time": "now"},
            "Page page-00001 has the last_edited_time 'now', which is not a timestamp.",
        ),
        (
            {"properties": {"Email": {"type": "email", "email": 42}}},
            "Page page-00001 has the properties.Email {…}, which is not text.",
        ),
        (
            {"properties": {"Drop Date": {"type": "date", "date": {"start": "soon"}}}},
            "Page page-00001 has the properties.Drop Date {…}, which is not a date.",
        ),
        ({"id": None}, "A page has no id."),
    ],
)
def test_a_page_that_cannot_be_read_is_one_problem(
    broken: dict[str, Any], sentence: str, notion: NotionLike, client: NotionClient
) -> None:
    notion.pages = [page(0), page(1) | broken, page(2)]
    pages = client.pages()
    assert pages.frame["page_id"].to_pylist() == ["page-00000", "page-00002"]
    [problem] = pages.problems
    assert (problem.integration, problem.operation, problem.entity_type, problem.message) == (
        "notion",
        "notion-external-id",
        "page",
        sentence,
    )
    assert problem.details["record"]["url"] == "https://notion.example/1"


@pytest.mark.parametrize(
    ("count", "step", "queries"), [(0, 100, 1), (100, 100, 1), (101, 100, 2), (450, 100, 5), (90, 30, 3)]
)
def test_the_whole_database_is_read_in_pages(
    count: int, step: int, queries: int, notion: NotionLike, client: NotionClient
) -> None:
    notion.pages, notion.step = [page(number) for number in range(count)], step
    assert client.pages().frame.num_rows == count
    assert [seen.path for seen in notion.seen] == [f"/v1/databases/{DATABASE}"] + [QUERY] * queries
    expected = {"sorts": [{"timestamp": "created_time", "direction": "ascending"}], "page_size": 100}
    cursors = [{"start_cursor": str(step * number)} if number else {} for number in range(queries)]
    assert notion.bodies() == [expected | cursor for cursor in cursors]


def test_beyond_ten_thousand_pages_the_next_window_begins_where_the_last_ended(
    notion: NotionLike, client: NotionClient
) -> None:
    # The 9,995th to the 10,005th were created in one minute, as by an import: across the end of the window.
    notion.pages = [page(number) for number in range(20_150)]
    for number in range(9_995, 10_006):
        notion.pages[number]["created_time"] = written(NEW_YEAR + timedelta(minutes=9_995))
    pages = client.pages()
    assert (pages.frame.num_rows, pages.problems) == (20_150, [])
    filters = [body.get("filter") for body in notion.bodies()]
    assert filters[0] is None
    assert filters[100] == {
        "timestamp": "created_time",
        "created_time": {"on_or_after": written(NEW_YEAR + timedelta(minutes=9_995))},
    }
    # 202 pages of 100 are the least; windows may cost one more each.
    assert len(notion.bodies()) <= 204


def test_more_pages_of_one_time_than_a_query_shows_are_said(notion: NotionLike, client: NotionClient) -> None:
    notion.pages = [page(number, created_time=written(NEW_YEAR)) for number in range(10_001)]
    pages = client.pages()
    assert pages.frame.num_rows == 10_000
    [problem] = pages.problems
    assert (problem.entity_type, problem.external_id, problem.is_blocking) == (
        "list",
        f"pages of {DATA_SOURCE}",
        True,
    )
    assert "nobody is taken for missing" in problem.message


def test_no_second_has_more_than_three_requests(
    notion: NotionLike, client: NotionClient, fake_time: FakeTime
) -> None:
    notion.pages = [page(number) for number in range(2_900)]
    client.pages()
    assert len(notion.seen) == 30
    assert 9 * 1.1 <= sum(fake_time.slept) < 9 * 1.1 + 0.2


@pytest.mark.parametrize(
    "fault",
    [
        notion_error(409, "conflict_error", "Conflict."),
        notion_error(429, "rate_limited", "Slow down."),
        notion_error(500, "internal_server_error", "Oops."),
        notion_error(503, "service_unavailable", "Down."),
        notion_error(504, "gateway_timeout", "Late."),
        notion_error(529, "service_overload", "Overloaded."),
        Reply(502, b"<h1>Bad gateway</h1>", "text/html"),
        HTML,
        Reply(content_type=None),
        Reply(body=b'{"results": [', missing=5),
        Reply(body=b'{"results": ['),
        Reply(body=b"\xff\xfe["),
        reply([]),
        reply({"results": None}),
        reply({"results": [], "has_more": True, "next_cursor": None}),
        Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
        Reply(hangs_up=True),
        Reply(hangs=True),
    ],
    ids=lambda fault: f"{fault.status}-{fault.body[:12]!r}-{fault.missing}-{fault.hangs}-{fault.hangs_up}",
)
def test_what_may_pass_is_tried_again(fault: Reply, notion: NotionLike, fake_time: FakeTime) -> None:
    notion.pages = [page()]
    with NotionClient(notion.url, NOTION_TOKEN, DATABASE, clock=fake_time.clock, timeout=0.2) as client:
        notion.faults = [reply({"data_sources": notion.sources}), fault, fault]
        assert client.pages().frame["page_id"].to_pylist() == ["page-00000"]
    assert [seen.method for seen in notion.seen] == ["GET", "POST", "POST", "POST"]


def test_notion_is_given_the_time_that_it_asks_for(
    notion: NotionLike, client: NotionClient, fake_time: FakeTime
) -> None:
    notion.faults = [notion_error(429, "rate_limited", "Slow down.", **{"Retry-After": "17"})]
    client.pages()
    assert fake_time.slept[0] == 17.0


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            notion_error(404, "object_not_found", "Could not find database."),
            "Notion shows us nothing at {url} (404 Not Found, “Could not find database”): check "
            "NOTION_DATABASE_ID, and share the database with the integration that NOTION_TOKEN belongs to.",
        ),
        (
            notion_error(400, "validation_error", "path.database_id should be a valid uuid."),
            "Notion did not take our request at {url} (400 Bad Request, “path.database_id should be a valid "
            "uuid”): check NOTION_DATABASE_ID.",
        ),
        (
            Reply(404, b"<h1>Nothing</h1>", "text/html"),
            "Notion has nothing at {url} (404 Not Found): check NOTION_URL.",
        ),
        (HTML, "Notion answered with a web page instead of JSON at {url}: check NOTION_URL."),
        (
            Reply(302, b"", headers={"Location": "https://login.example/?token=t0p"}),
            "Notion points from {url} to https://login.example/?token=[redacted] (302 Found): check NOTION_URL.",
        ),
        (
            notion_error(529, "service_overload", "Overloaded."),
            "Notion failed at {url} (529, “Overloaded”): look into its log, then try again.",
        ),
        (
            notion_error(429, "rate_limited", "Slow down."),
            "Notion takes no more requests for now at {url} (429 Too Many Requests, “Slow down”): try again later.",
        ),
        (
            Reply(body=b"[]", missing=4),
            "Notion broke off its answer at {url}: look into its log, then try again.",
        ),
        (
            Reply(body=b"{"),
            "Notion's answer at {url} is not the JSON that it promises: "
            "check NOTION_URL, and look into Notion's log.",
        ),
        (
            reply({"object": "database", "data_sources": []}),
            "Notion shows no data source at {url}: check that NOTION_DATABASE_ID names a database of its own, "
            "not a view of another.",
        ),
    ],
)
def test_each_failure_has_its_sentence(
    answer: Reply, sentence: str, notion: NotionLike, client: NotionClient
) -> None:
    notion.faults = [answer] * 8
    with pytest.raises(SourceUnavailableError) as caught:
        client.pages()
    assert str(caught.value) == sentence.format(url=f"{notion.url}/v1/databases/{DATABASE}")


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [(401, "unauthorized", "Unauthorized"), (403, "restricted_resource", "Forbidden")],
)
def test_a_refused_token_is_said_once_and_never_shown(
    status: int,
    code: str,
    name: str,
    notion: NotionLike,
    client: NotionClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    notion.faults = [notion_error(status, code, f"API token {NOTION_TOKEN} is invalid.")]
    with pytest.raises(CredentialRefusedError) as caught:
        client.pages()
    assert str(caught.value) == (
        f"Notion refused us at {notion.url}/v1/databases/{DATABASE} ({status} {name}, “API token [redacted] is "
        "invalid”): check NOTION_TOKEN, and what it may read."
    )
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert len(notion.seen) == 1
    assert NOTION_TOKEN not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_nobody_listening_is_known_soon_and_said_clearly(closed_port: str, fake_time: FakeTime) -> None:
    with (
        NotionClient(closed_port, NOTION_TOKEN, DATABASE, clock=fake_time.clock) as client,
        pytest.raises(SourceUnavailableError) as caught,
    ):
        client.pages()
    assert str(caught.value) == (
        f"Notion cannot be reached at {closed_port}/v1/databases/{DATABASE} (connection refused): "
        "check NOTION_URL, and that Notion is running."
    )
    assert sum(fake_time.slept) < 4


def test_a_server_that_says_nothing_is_said_so(notion: NotionLike, fake_time: FakeTime) -> None:
    notion.faults = [Reply(hangs=True)] * 8
    with NotionClient(notion.url, NOTION_TOKEN, DATABASE, clock=fake_time.clock, timeout=0.05) as client:
        check = client.check()
    assert (check.ok, check.detail) == (
        False,
        f"Notion sent nothing for 0.05 s at {notion.url}/v1/databases/{DATABASE}: "
        "check that it is not overloaded, then try again.",
    )


def test_https_to_a_server_without_it_is_said_so(notion: NotionLike, fake_time: FakeTime) -> None:
    url = notion.url.replace("http:", "https:")
    with NotionClient(url, NOTION_TOKEN, DATABASE, clock=fake_time.clock) as client:
        check = client.check()
    assert check.detail == (
        f"Notion could not be spoken to securely at {url}/v1/databases/{DATABASE}: "
        "check NOTION_URL, also whether it should begin with http:// or https://."
    )


def test_the_environment_replaces_neither_the_credential_nor_the_way(
    notion: NotionLike,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fake_time: FakeTime,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    notion.faults = [
        reply({"data_sources": notion.sources}, headers={"Set-Cookie": "session=1; Path=/"}),
    ]
    with NotionClient(notion.url, NOTION_TOKEN, DATABASE, clock=fake_time.clock) as client:
        client.pages()
    assert [seen.headers["Authorization"] for seen in notion.seen] == [f"Bearer {NOTION_TOKEN}"] * 2
    assert notion.seen[1].headers["User-Agent"].startswith("ledger_pipelines/")
    assert "Cookie" not in notion.seen[1].headers


def test_a_check_says_how_many_pages_are_shown_where_one_answer_has_them_all(
    notion: NotionLike, client: NotionClient
) -> None:
    notion.pages = [page(number) for number in range(42)]
    check = client.check()
    assert (check.name, check.ok, check.records) == ("Notion", True, 42)
    assert check.detail == f"Notion at {notion.url}/v1/ shows 42 pages to the holder of NOTION_TOKEN."
    notion.pages = [page(number) for number in range(250)]
    check = client.check()
    assert (check.ok, check.records) == (True, None)
    assert "shows more than 100 pages" in check.detail
    assert len(notion.seen) == 4


@pytest.mark.parametrize("database", ["", "a/b", "../users", "https://notion.so/x"])
def test_what_is_no_database_is_refused_before_anything_is_asked(database: str) -> None:
    with pytest.raises(ConfigurationError, match="NOTION_DATABASE_ID cannot be used"):
        NotionClient("http://127.0.0.1:1", NOTION_TOKEN, database)


def test_an_unusable_token_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match="NOTION_TOKEN cannot be used"):
        NotionClient("http://127.0.0.1:1", "two\nlines", DATABASE)
