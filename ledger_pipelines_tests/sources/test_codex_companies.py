"""Codex's company endpoints in bulk and one by one: the same either way, and what a fault may cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jwt
import pytest

from ledger_pipelines.errors import CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sources.codex.client import CodexClient
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, ScriptedServer, problem_reply, reply

PARTS = frozenset({"companies", "assets", "contacts", "tickets"})
FAILURE = problem_reply(500, "An unexpected error occurred")
REFUSAL = problem_reply(401, "401 Unauthorized: Invalid or expired token")
LIST, BULK, TOKEN = "/codex/api/companies", "/codex/api/companies/bulk", "/core/service-token"


def _entry(account: str | None, **parts: Any) -> dict[str, Any]:
    ticket = {
        "ticket_number": f"{account}1",
        "last_updated_at": "2025-03-01T00:00:00Z",
        "total_hours_spent": 1.5,
    }
    return {
        "company": {"account_number": account, "name": f"Company {account}"},
        "assets": [{"id": 1}],
        "contacts": [{"id": 2, "active": True}],
        "tickets": [ticket],
        **parts,
    }


def _script(server: ScriptedServer, entries: Sequence[dict[str, Any]], *, bulk: bool) -> None:
    """Has the server know these companies, with or without a bulk endpoint."""
    if bulk:
        server.script(BULK, reply(list(entries)))
    server.script(LIST, reply([entry["company"] for entry in entries]))
    for entry in entries:
        for part in ("assets", "contacts", "tickets"):
            server.script(f"{LIST}/{entry['company']['account_number']}/{part}", reply(entry[part]))


@pytest.fixture
def client(scripted: ScriptedServer, fake_time: FakeTime) -> Iterator[CodexClient]:
    """A client of the scripted Codex; its tokens never end."""
    tokens = [jwt.encode({"exp": 2**33, "jti": str(number)}, "k" * 32) for number in range(3)]
    scripted.script(TOKEN, *(reply({"token": token}) for token in tokens))
    with CodexClient(scripted.url + "/core", scripted.url + "/codex", clock=fake_time.clock) as client:
        yield client


def test_both_ways_read_the_recorded_companies_alike(
    client: CodexClient, scripted: ScriptedServer, codex_recordings: Path
) -> None:
    entries = json.loads((codex_recordings / "bulk_2025.json").read_bytes())
    _script(scripted, entries, bulk=True)
    in_bulk = client.fetch(PARTS, [2025])
    scripted.script(BULK)
    one_by_one = client.fetch(PARTS, [2025])
    assert scripted.count(f"{LIST}/620547/assets") == 1
    for name in PARTS:
        assert getattr(in_bulk, name).equals(getattr(one_by_one, name))
    assert in_bulk.tickets.num_rows == 887
    assert in_bulk.complete == one_by_one.complete == PARTS
    assert in_bulk.problems == one_by_one.problems == []


@pytest.mark.parametrize(
    "failure",
    [problem_reply(404, "no such route"), FAILURE, Reply(body=b'[{"company": {"acc'), Reply(body=b"{}")],
    ids=["older server", "a broken record", "a cut body", "no array"],
)
def test_a_bulk_endpoint_that_fails_is_replaced_by_the_others(
    failure: Reply, client: CodexClient, scripted: ScriptedServer
) -> None:
    _script(scripted, [_entry("2"), _entry("1")], bulk=False)
    scripted.script(BULK, failure)
    snapshot = client.fetch(PARTS, [2025])
    assert snapshot.companies["account_number"].to_pylist() == ["1", "2"]
    assert snapshot.tickets["ticket_number"].to_pylist() == ["11", "21"]
    assert (snapshot.problems, snapshot.complete) == ([], PARTS)


@pytest.mark.parametrize(("failure", "tries"), [(FAILURE, 2), (problem_reply(404, "no such route"), 1)])
def test_a_bulk_endpoint_that_fails_is_asked_twice_and_an_older_server_once(
    failure: Reply, tries: int, client: CodexClient, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    _script(scripted, [_entry("1")], bulk=False)
    scripted.script(BULK, failure)
    client.fetch(PARTS, [2025])
    assert scripted.count(BULK) == tries
    assert sum(fake_time.slept) < 0.3


def test_a_bulk_endpoint_that_is_busy_is_asked_until_it_answers(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    scripted.script(BULK, *[problem_reply(503, "busy")] * 5, reply([_entry("1")]))
    assert client.fetch(PARTS, [2025]).complete == PARTS
    assert (scripted.count(BULK), scripted.count(LIST)) == (6, 0)


def test_no_hour_has_more_than_ten_thousand_requests_of_a_route(
    client: CodexClient, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    _script(scripted, [_entry(f"{number:05}") for number in range(30)], bulk=False)
    limits = client._source._limits
    for _ in range(9_490):
        limits.wait("/api/companies/{account}/assets")
    waited = sum(fake_time.slept)
    assert 23 * 60 < waited < 25 * 60
    client.fetch(frozenset({"assets"}))
    assert sum(fake_time.slept) >= 3_600


def test_a_number_past_sixty_three_bits_costs_its_record_alone(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    ticket = _entry("1")["tickets"][0]
    tickets = [ticket, ticket | {"ticket_number": "12", "ticket_id": 10**20}]
    scripted.script(BULK, reply([_entry("1", tickets=tickets, assets=[{"id": 2**63}, {"id": 3}])]))
    snapshot = client.fetch(PARTS, [2025])
    assert snapshot.assets["id"].to_pylist() == [3]
    assert "11" in snapshot.tickets["ticket_number"].to_pylist()
    said = " ".join(problem.message for problem in snapshot.problems)
    assert (
        "Asset 9223372036854775808 of company 1 has the id 9223372036854775808, which is too large." in said
    )
    assert snapshot.tickets.num_rows == 2 or "Ticket 12 of company 1" in said


def test_a_ticket_of_the_year_1_does_not_vanish(client: CodexClient, scripted: ScriptedServer) -> None:
    ticket = _entry("1")["tickets"][0] | {"ticket_number": "77", "last_updated_at": "0001-01-01T00:00:00Z"}
    scripted.script(BULK, reply([_entry("1", tickets=[ticket])]))
    [problem] = client.fetch(PARTS, [2025]).problems
    assert problem.message == (
        "Ticket 77 of company 1 has the last_updated_at '0001-01-01T00:00:00Z', which is not between 1970 and 2200, so "
        "that its 1.5 h are not billed."
    )


@pytest.mark.parametrize("account", ["9" * 3_000, "62\x1b[2J", "62\n05", "62\ud800"])
def test_a_number_that_no_account_has_costs_its_company_alone(
    account: str, client: CodexClient, scripted: ScriptedServer
) -> None:
    scripted.script(BULK, reply([_entry("1"), _entry(account)]))
    snapshot = client.fetch(PARTS, [2025])
    assert snapshot.companies["account_number"].to_pylist() == ["1"]
    assert snapshot.assets["account_number"].to_pylist() == ["1"]
    [problem] = snapshot.problems
    assert problem.message.startswith("Company “Company ")
    assert "account_number" in problem.message


def test_a_failing_bulk_and_a_failing_part_cost_under_twenty_seconds(
    client: CodexClient, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    _script(scripted, [_entry("1"), _entry("2")], bulk=False)
    scripted.script(BULK, FAILURE)
    scripted.script(f"{LIST}/1/assets", FAILURE)
    client.fetch(PARTS, [2025])
    assert sum(fake_time.slept) < 20


def test_a_web_page_in_place_of_codex_is_no_reason_to_ask_on(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    scripted.script(BULK, Reply(body=b"<html></html>", content_type="text/html"))
    with pytest.raises(SourceUnavailableError) as caught:
        client.fetch(PARTS, [2025])
    assert str(caught.value) == (
        f"Codex answered with a web page instead of JSON at {scripted.url}{BULK}: check CODEX_URL."
    )
    assert scripted.count(LIST) == 0


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            FAILURE,
            "Codex failed at {url} (500 Internal Server Error, “An unexpected error occurred”): "
            "look into its log, then try again.",
        ),
        (
            reply({"error": "Company not found"}, 404),
            "Codex has nothing at {url} (404 Not Found, “Company not found”): check CODEX_URL.",
        ),
        (
            reply({"assets": []}),
            "Codex's answer at {url} is not the JSON that it promises: check CODEX_URL, "
            "and look into Codex's log.",
        ),
    ],
    ids=["broken", "gone meanwhile", "no list"],
)
def test_a_part_that_one_company_cannot_give_costs_only_that_part(
    failure: Reply, said: str, client: CodexClient, scripted: ScriptedServer
) -> None:
    _script(scripted, [_entry("1"), _entry("2")], bulk=False)
    scripted.script(f"{LIST}/1/assets", failure)
    snapshot = client.fetch(PARTS, [2025])
    assert snapshot.assets["account_number"].to_pylist() == ["2"]
    assert snapshot.contacts["account_number"].to_pylist() == ["1", "2"]
    assert snapshot.complete == PARTS - {"assets"}
    problem = snapshot.problems[0]
    assert len(snapshot.problems) == 1
    assert (problem.integration, problem.operation, problem.entity_type, problem.external_id) == (
        "codex",
        "assets",
        "company",
        "1",
    )
    url = f"{scripted.url}{LIST}/1/assets"
    assert problem.message == f"The assets of company 1 could not be read: {said.format(url=url)}"


def test_a_part_that_no_company_can_give_is_a_failure_of_the_source(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    entries = [_entry(str(number)) for number in range(100, 160)]
    _script(scripted, entries, bulk=False)
    for number in range(100, 160):
        scripted.script(f"{LIST}/{number}/contacts", FAILURE)
    with pytest.raises(SourceUnavailableError, match=r"Codex failed at .*/contacts \(500"):
        client.fetch(PARTS, [2025])


def test_the_other_endpoints_stay_under_the_limit_of_each_route(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    _script(scripted, [_entry(str(number)) for number in range(25)], bulk=False)
    with CodexClient(
        None, scripted.url + "/codex", api_key="key", requests_per_minute=10, clock=fake_time.clock
    ) as client:
        snapshot = client.fetch(PARTS, [2025])
    assert snapshot.assets.num_rows == 25
    assert fake_time.clock.monotonic() >= 120


def test_an_account_number_is_one_part_of_a_path(client: CodexClient, scripted: ScriptedServer) -> None:
    _script(scripted, [_entry("1")], bulk=False)
    scripted.script(LIST, reply([{"account_number": "A/B ?&"}]))
    scripted.script(f"{LIST}/A%2FB%20%3F%26/assets", reply([{"id": 9}]))
    snapshot = client.fetch(frozenset({"assets"}))
    assert snapshot.assets["id"].to_pylist() == [9]


@pytest.mark.parametrize("bulk", [True, False])
def test_a_company_without_a_number_is_skipped_with_all_it_has(
    bulk: bool, client: CodexClient, scripted: ScriptedServer
) -> None:
    _script(scripted, [_entry("1"), _entry(None), _entry("")], bulk=bulk)
    snapshot = client.fetch(PARTS, [2024, 2025])
    for name in PARTS:
        assert getattr(snapshot, name)["account_number"].to_pylist() == ["1"]
    assert {problem.message for problem in snapshot.problems} == {
        "Company “Company None” has no account_number.",
        "Company “Company ” has no account_number.",
    }
    assert len(snapshot.problems) == 2
    assert snapshot.complete == {"companies"}


@pytest.mark.parametrize("parts", [{"assets": None}, {"assets": {"id": 1}}, {"assets": "none"}])
def test_a_part_in_bulk_that_is_no_list_is_a_problem(
    parts: dict[str, Any], client: CodexClient, scripted: ScriptedServer
) -> None:
    _script(scripted, [_entry("1", **parts), _entry("2")], bulk=True)
    snapshot = client.fetch(PARTS, [2025])
    assert snapshot.assets["account_number"].to_pylist() == ["2"]
    assert [problem.message.rpartition(" as ")[2] for problem in snapshot.problems] == [
        "the assets of company 1."
    ]
    assert snapshot.complete == PARTS - {"assets"}


def test_an_entry_in_bulk_that_is_no_record_is_a_problem(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    scripted.script(BULK, reply([_entry("1"), None, "text"]))
    snapshot = client.fetch(PARTS, [2025])
    assert snapshot.companies.num_rows == 1
    assert {problem.message for problem in snapshot.problems} == {"A company is not a record."}


def test_a_ticket_updated_between_two_calls_is_kept_in_its_later_state(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    def with_ticket(updated: str, hours: float) -> Reply:
        ticket = {"ticket_number": "7", "last_updated_at": updated, "total_hours_spent": hours}
        return reply([_entry("1", tickets=[ticket])])

    scripted.script(BULK, with_ticket("2024-12-31T23:59:59Z", 1), with_ticket("2025-01-01T00:00:01Z", 2))
    snapshot = client.fetch(PARTS, [2025, 2024])
    assert snapshot.tickets["total_hours_spent"].to_pylist() == [2]
    assert snapshot.problems == []
    assert [seen.path for seen in scripted.seen if BULK in seen.path] == [
        f"{BULK}?include_tickets=true&year=2024",
        f"{BULK}?include_tickets=true&year=2025",
    ]


def test_a_server_that_sends_all_years_gives_the_one_that_was_asked_for(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    tickets = [
        {"ticket_number": str(year), "last_updated_at": f"{year}-06-01T00:00:00", "total_hours_spent": 0}
        for year in (2023, 2024, 2025)
    ]
    _script(scripted, [_entry("1", tickets=tickets)], bulk=True)
    assert client.fetch(PARTS, [2024]).tickets["ticket_number"].to_pylist() == ["2024"]


def test_an_empty_codex_is_complete_and_empty(client: CodexClient, scripted: ScriptedServer) -> None:
    _script(scripted, [], bulk=True)
    snapshot = client.fetch(PARTS, [2025])
    assert (snapshot.companies.num_rows, snapshot.problems, snapshot.complete) == (0, [], PARTS)


def test_a_kept_token_that_is_refused_is_replaced_once(client: CodexClient, scripted: ScriptedServer) -> None:
    scripted.script(LIST, reply([]), REFUSAL, reply([]))
    assert client.check().ok
    assert client.check().ok
    assert scripted.count(TOKEN) == 2
    sent = [seen.headers["Authorization"] for seen in scripted.seen if seen.path == LIST]
    assert sent[0] == sent[1] != sent[2]


def test_a_token_that_stays_refused_is_said_with_both_possibilities(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    scripted.script(BULK, REFUSAL)
    with pytest.raises(CredentialRefusedError) as caught:
        client.fetch(PARTS, [2025])
    assert str(caught.value) == (
        f"Codex refused us at {scripted.url}{BULK} (401 Unauthorized, "
        "“401 Unauthorized: Invalid or expired token”): either it does not accept this Core's tokens, "
        "or Core is down and Codex has not read its keys yet; check CORE_URL and CODEX_URL, "
        "and that Core is running."
    )
    assert scripted.count(BULK) == 2


def test_a_refusal_in_the_middle_of_the_companies_ends_the_reading(
    client: CodexClient, scripted: ScriptedServer
) -> None:
    _script(scripted, [_entry(str(number)) for number in range(10)], bulk=False)
    scripted.script(f"{LIST}/4/contacts", REFUSAL)
    with pytest.raises(CredentialRefusedError):
        client.fetch(PARTS, [2025])
