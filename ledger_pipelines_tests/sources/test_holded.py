"""Holded over real HTTP: pages, services, contacts, and the sentence of each refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.holded.models import CONTACTS, SALES_CHANNELS
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, reply
from ledger_pipelines_tests.sources.school_records import contact
from ledger_pipelines_tests.sources.school_servers import HTML, KEY, HoldedLike, running


@pytest.fixture
def holded() -> Iterator[HoldedLike]:
    with running(HoldedLike()) as server:
        server.lists = {"/contacts": [], "/saleschannels": []}
        yield server


@pytest.fixture
def client(holded: HoldedLike, fake_time: FakeTime) -> Iterator[HoldedClient]:
    with HoldedClient(holded.url, KEY, clock=fake_time.clock, timeout=5) as client:
        yield client


@pytest.mark.parametrize(("count", "calls"), [(0, 2), (1, 3), (499, 3), (500, 3), (501, 4), (1203, 5)])
def test_only_an_empty_page_ends_a_list_and_only_when_the_next_is_empty_too(
    count: int, calls: int, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists["/contacts"] = [contact(number) for number in range(count)]
    contacts = client.contacts()
    assert contacts.frame.num_rows == count
    assert contacts.frame.schema.equals(CONTACTS)
    assert [query["page"] for query in holded.queries()] == [str(page + 1) for page in range(calls)]


def test_a_short_page_is_followed_by_others(holded: HoldedLike, client: HoldedClient) -> None:
    """Holded counts a record that it does not show us: C1 of the school's cases."""
    records = [contact(number) for number in range(1009)]
    holded.faults = [reply(records[:499]), reply(records[499:999]), reply(records[999:])]
    assert client.contacts().frame.num_rows == 1009


def test_an_empty_page_in_the_middle_is_told_and_the_others_are_read(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists["/contacts"] = [contact(number) for number in range(1200)]
    holded.faults = [reply(holded.lists["/contacts"][:500]), reply([])]
    contacts = client.contacts()
    assert contacts.frame.num_rows == 700
    [problem] = contacts.problems
    assert (problem.entity_type, problem.external_id, problem.is_blocking) == ("page", "/contacts 2", True)
    assert problem.message == (
        "Holded showed nothing on page 2 of /contacts and more on the next, so contacts may be missing: "
        "run the step again."
    )


def test_a_server_that_does_not_turn_the_page_is_found_out(holded: HoldedLike, client: HoldedClient) -> None:
    page = reply([contact(number) for number in range(500)])
    holded.faults = [page, page]
    with pytest.raises(SourceUnavailableError) as caught:
        client.contacts()
    assert str(caught.value) == (
        f"Holded sent page 1 again as page 2 at {holded.url}/contacts, so that the rest cannot be read: "
        "check HOLDED_URL."
    )


def test_more_requests_than_a_minute_allows_wait_for_the_next(
    holded: HoldedLike, fake_time: FakeTime
) -> None:
    holded.lists["/contacts"] = [contact(number) for number in range(2500)]
    with HoldedClient(holded.url, KEY, clock=fake_time.clock, requests_per_minute=4) as client:
        client.contacts()
        client.sales_channels()
    assert len(holded.seen) == 9
    assert 119 < sum(fake_time.slept) < 121


def test_services_are_known_by_their_account_number_however_it_is_written(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists["/saleschannels"] = [
        {"id": "b", "name": "ES - Bootcamp", "color": "#507C6C", "accountNum": 70500002},
        {"id": "a", "name": "", "accNum": "70500003 "},
        {"id": "c", "name": "Shop", "accountNum": ""},
    ]
    channels = client.sales_channels()
    assert channels.frame.schema.equals(SALES_CHANNELS)
    assert channels.frame.to_pylist() == [
        {"id": "a", "name": "a", "account_number": "70500003"},
        {"id": "b", "name": "ES - Bootcamp", "account_number": "70500002"},
    ]
    [problem] = channels.problems
    assert (problem.operation, problem.entity_type, problem.external_id) == ("services", "sales_channel", "c")
    assert problem.message == "Sales channel c has no accountNum."


def test_a_contact_s_email_is_kept_as_emails_are_compared(holded: HoldedLike, client: HoldedClient) -> None:
    holded.lists["/contacts"] = [
        contact(
            1, email=" Ana@School.EXAMPLE ", code="B1234", type="client", billAddress={"countryCode": "ES"}
        ),
        contact(2, email="  ", code=0, type=0, billAddress=[]),
        contact(3, email=42),
    ]
    contacts = client.contacts()
    assert contacts.frame.select(["email", "code", "type", "country_code"]).to_pylist() == [
        {"email": "ana@school.example", "code": "B1234", "type": "client", "country_code": "ES"},
        {"email": None, "code": None, "type": None, "country_code": None},
    ]
    assert [problem.message for problem in contacts.problems] == [
        "Contact c00003 has the email 42, which is not text."
    ]


def blocked(body: Any) -> Reply:
    return reply(body, 402)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (HTML, "Holded answered with a web page instead of JSON at {url}: check HOLDED_URL."),
        (
            reply({"status": 0, "info": "not found"}),
            "Holded did not take our request at {url} (200 OK, “not found”): check HOLDED_URL.",
        ),
        (
            reply({"status": 0, "info": "not found"}, 400),
            "Holded did not take our request at {url} (400 Bad Request, “not found”): check HOLDED_URL.",
        ),
        (
            blocked({"status": 0, "info": "Account has been blocked. Reason: Unpaid"}),
            "Holded has blocked our account at {url} (402 Payment Required, “Account has been blocked. "
            "Reason: Unpaid”): settle what is owed to Holded, then try again.",
        ),
        (
            blocked("Account has been blocked. Reason: Unpaid"),
            "Holded has blocked our account at {url} (402 Payment Required, “Account has been blocked. "
            "Reason: Unpaid”): settle what is owed to Holded, then try again.",
        ),
        (
            reply({"contacts": []}),
            "Holded's answer at {url} is not the JSON that it promises: check HOLDED_URL, and look into Holded's log.",
        ),
    ],
)
def test_each_refusal_has_its_sentence(
    answer: Reply, sentence: str, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.faults = [answer] * 8
    with pytest.raises(SourceUnavailableError) as caught:
        client.contacts()
    assert str(caught.value) == sentence.format(url=holded.url + "/contacts")


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_wrong_key_is_said_once_whatever_it_comes_with(
    status: int, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.faults = [reply({"status": 0, "info": f"Invalid key {KEY}"}, status)] * 2
    with pytest.raises(CredentialRefusedError) as caught:
        client.contacts()
    assert str(caught.value).endswith("“Invalid key [redacted]”): check HOLDED_API_KEY.")
    assert len(holded.seen) == 1


def test_a_page_that_failed_is_asked_for_again_and_no_other(holded: HoldedLike, client: HoldedClient) -> None:
    holded.lists["/contacts"] = [contact(number) for number in range(700)]
    holded.faults = [HTML, Reply(503), reply({"status": 0, "info": "busy"}), Reply(body=b"[{", missing=9)]
    assert client.contacts().frame.num_rows == 700
    assert [query["page"] for query in holded.queries()] == ["1"] * 5 + ["2", "3", "4"]


def test_a_check_says_what_is_shown_or_what_is_wrong(
    holded: HoldedLike, client: HoldedClient, fake_time: FakeTime
) -> None:
    holded.lists["/saleschannels"] = [{"id": "b", "name": "ES - Bootcamp", "accountNum": 70500002}]
    check = client.check()
    assert (check.name, check.ok, check.identity, check.records) == (
        "Holded",
        True,
        "the holder of HOLDED_API_KEY",
        1,
    )
    assert check.detail == f"Holded at {holded.url} shows 1 sales channels to the holder of HOLDED_API_KEY."
    with HoldedClient(holded.url, "another", clock=fake_time.clock) as stranger:
        refused = stranger.check()
    assert (refused.ok, refused.records) == (False, None)
    assert refused.detail == (
        f"Holded refused us at {holded.url}/saleschannels (401 Unauthorized, “Invalid key”): check HOLDED_API_KEY."
    )


@pytest.mark.parametrize("key", ["", "  ", "llave-ñ", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HoldedClient("http://127.0.0.1:1", key)
    assert (
        str(caught.value) == "HOLDED_API_KEY cannot be used: it is empty, or has characters that no key has."
    )
