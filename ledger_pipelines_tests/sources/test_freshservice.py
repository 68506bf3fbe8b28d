"""Freshservice over real HTTP: every page, every refusal, and what is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests

from ledger_pipelines.errors import CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.freshservice.access import FRESHSERVICE_API_KEY, FRESHSERVICE_BLIND_KEY
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.sources.freshservice.client import FreshserviceClient
from ledger_pipelines.sources.freshservice.models import account_of, time_spent_seconds
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, ScriptedServer, reply

SINCE = datetime(2025, 1, 1, tzinfo=UTC)
MOMENT = "2025-10-20T01:17:53Z"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    config = SandboxConfig(
        until=date(2025, 12, 31), companies=6, students=1, invoices=1, freshservice_rate_limit=90
    )
    with running_sandbox(config) as running:
        yield running


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "executed_at": MOMENT,
        "time_spent": "01:30",
        "billable": True,
        "timer_running": None,
    } | more


def ticket(number: int) -> dict[str, Any]:
    return {"id": number, "department_id": None, "updated_at": MOMENT}


def script(server: ScriptedServer, tickets: list[Any], entries: list[Any], **headers: str) -> None:
    server.script("/api/v2/departments", reply({"departments": []}))
    server.script("/api/v2/tickets", reply({"tickets": tickets}, headers=headers))
    server.script("/api/v2/tickets/1/time_entries", reply({"time_entries": entries}))


def read(server: ScriptedServer, fake_time: FakeTime, **more: Any) -> Any:
    with FreshserviceClient(server.url, "k", clock=fake_time.clock) as client:
        return client.time_entries(SINCE, **more)


@pytest.mark.parametrize(("text", "seconds"), [("02:00", 7_200), ("00:01", 60), (" 100:59 ", 363_540)])
def test_hours_and_minutes_are_whole_seconds(text: str, seconds: int) -> None:
    assert time_spent_seconds(text) == seconds


@pytest.mark.parametrize(
    "value", ["2:60", "2h", "", None, 2, "-01:00", "1:5", "\u0660\u0661:00", "100000:00", "01:00:00"]
)
def test_what_is_no_time_is_not_guessed_at(value: object) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        time_spent_seconds(value)


def test_account_numbers_are_text_whatever_they_are_written_as() -> None:
    given = [{"account_number": value} for value in ("620547 ", 620547, "", None)]
    assert [account_of(fields) for fields in (*given, None)] == ["620547", "620547", None, None, None]


def test_pages_and_limits_are_those_of_the_account(sandbox: Sandbox, fake_time: FakeTime) -> None:
    """The plan allows 90 a minute: what the headers say is kept to, and nothing is refused."""
    with requests.Session() as session:
        session.auth = (FRESHSERVICE_API_KEY, "X")
        answer = session.get(f"{sandbox.freshservice_url}/tickets", timeout=10)
        assert answer.headers["X-Ratelimit-Total"] == "90"
        assert len(answer.json()["tickets"]) <= 30
        # Without a time, the last thirty days only.
        assert min(one["created_at"] for one in answer.json()["tickets"]) >= "2025-12-01"
        refusals = [
            session.get(f"{sandbox.freshservice_url}/tickets?{query}", timeout=10)
            for query in ("per_page=101", "page=0", "updated_since=yesterday", "nonsense=1")
        ]
    assert [(one.status_code, one.json()["description"]) for one in refusals] == [
        (400, "Validation failed")
    ] * 4
    with FreshserviceClient(sandbox.freshservice_url, FRESHSERVICE_BLIND_KEY) as blind:
        assert "403" in blind.check().detail
    with FreshserviceClient(sandbox.freshservice_url, "another"), pytest.raises(CredentialRefusedError):
        FreshserviceClient(sandbox.freshservice_url, "another").time_entries(SINCE)


def test_too_many_requests_are_waited_for_as_long_as_freshservice_asks(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    script(scripted, [ticket(1)], [entry(1)])
    refused = Reply(429, b"{}", headers={"Retry-After": "17"})
    scripted.script("/api/v2/departments", refused, reply({"departments": []}))
    assert read(scripted, fake_time).entries.num_rows == 1
    assert fake_time.slept == [17.0]


def test_the_plan_s_limit_is_learnt_and_kept(scripted: ScriptedServer, fake_time: FakeTime) -> None:
    script(scripted, [ticket(1)] * 1, [entry(1)])
    headers = {"X-Ratelimit-Total": "10", "X-Ratelimit-Remaining": "9"}
    scripted.script("/api/v2/departments", reply({"departments": []}, headers=headers))
    with FreshserviceClient(scripted.url, "k", clock=fake_time.clock) as client:
        for _ in range(11):
            client.check()
    # Nine a minute: one is left to others.
    assert sum(fake_time.slept) >= 50


def test_a_full_page_is_followed_by_another_and_a_record_on_two_pages_counts_once(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    script(scripted, [], [])
    full, rest = [ticket(number) for number in range(1, 101)], [ticket(100), ticket(101)]
    scripted.script("/api/v2/tickets", reply({"tickets": full}), reply({"tickets": rest}))
    for number in range(1, 102):
        scripted.script(f"/api/v2/tickets/{number}/time_entries", reply({"time_entries": [entry(number)]}))
    found = read(scripted, fake_time)
    assert (found.tickets.num_rows, found.entries.num_rows, found.problems) == (101, 101, [])


def test_what_cannot_be_the_next_page_is_not_followed(scripted: ScriptedServer, fake_time: FakeTime) -> None:
    for address in (
        "https://elsewhere.example/api/v2/tickets?page=2",
        f"{scripted.url}/api/v2/departments?page=2",
        f"{scripted.url}/api/v2/tickets?page=1",
        f"{scripted.url}/api/v2/tickets?page=3",
    ):
        script(scripted, [ticket(1)], [], Link=f'<{address}>; rel="next"')
        with pytest.raises(SourceUnavailableError, match="where it cannot be: check FRESHSERVICE_URL"):
            read(scripted, fake_time)
    # The same page for ever.
    script(scripted, [], [])
    scripted.script(
        "/api/v2/tickets",
        *(
            reply(
                {"tickets": [ticket(1)]},
                headers={"Link": f'<{scripted.url}/api/v2/tickets?page={number}>; rel="next"'},
            )
            for number in (2, 3)
        ),
    )
    with pytest.raises(SourceUnavailableError, match="sent the same records again as page 2"):
        read(scripted, fake_time)


def test_records_that_cannot_be_read_are_named_and_the_rest_goes_on(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    entries = [
        entry(1),
        entry(2, time_spent="x"),
        entry(3, billable=None),
        entry(4, executed_at=None),
        entry(2**63 - 1),
        entry(1, time_spent="02:00"),
    ]
    script(scripted, [ticket(1), {"id": 2, "department_id": None}], entries)
    found = read(scripted, fake_time)
    assert found.entries["id"].to_pylist() == [1, 2**63 - 1]
    assert found.unreadable == {"1", "2", "3", "4"}
    assert [problem.message for problem in found.problems] == [
        "Time entry 1 of ticket 1 came 2 times in one answer, and the one with the seconds 7200 is kept.",
        "Ticket 2 has no updated_at, so that its time entries are not read.",
        "Time entry 2 of ticket 1 has the time_spent 'x', which is no time as HH:MM, so that its hours are not billed.",
        "Time entry 3 of ticket 1 has no billable, so that 01:30 hours of it are not billed.",
        "Time entry 4 of ticket 1 has no executed_at, so that 01:30 hours of it are not billed.",
    ]


def test_tickets_that_were_expected_are_asked_for_by_themselves(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    script(scripted, [ticket(1), ticket(4)], [entry(1)])
    scripted.script("/api/v2/tickets/2/time_entries", reply({"time_entries": [entry(2)]}))
    found = read(scripted, fake_time, expected=["1", "2", "3"])
    # 2 is there, so that the list is not whole. 4 is in the list and not there.
    assert (found.read, found.unlisted, found.gone) == ({"1", "2"}, {"2"}, {"3"})
    assert found.entries["id"].to_pylist() == [1, 2]
    assert [(problem.external_id, problem.is_blocking) for problem in found.problems] == [
        ("2", True),
        ("4", True),
    ]
    assert "lacks ticket 2, which is there" in found.problems[0].message
