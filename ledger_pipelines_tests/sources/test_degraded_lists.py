"""Lists that read as if there were less: each way, as the clients of the school's systems see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import requests

from ledger_pipelines.errors import SourceUnavailableError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS_TOKEN
from ledger_pipelines.sandbox.notion.access import NOTION_DATABASE_ID, NOTION_TOKEN
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.notion.client import MissingPropertyError, NotionClient
from ledger_pipelines.sources.records.lists import ListReading
from ledger_pipelines_tests.sources.conftest import FakeTime

_CONFIG = SandboxConfig(until=date(2025, 12, 31), companies=1, students=120, invoices=300, rate_limit=None)


@pytest.fixture(scope="module")
def school() -> Iterator[Sandbox]:
    with running_sandbox(_CONFIG) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(school: Sandbox) -> Iterator[Sandbox]:
    """The school, whole again after each test."""
    yield school
    school.heal()


def read(sandbox: Sandbox, name: str, fake_time: FakeTime) -> ListReading:
    """The list as its client reads it."""
    if name == "pages":
        with NotionClient(
            sandbox.notion_url, NOTION_TOKEN, NOTION_DATABASE_ID, clock=fake_time.clock
        ) as notion:
            return notion.pages()
    with FourGeeksClient(sandbox.fourgeeks_url, token=FOURGEEKS_TOKEN, clock=fake_time.clock) as fourgeeks:
        return fourgeeks.students() if name == "students" else fourgeeks.memberships()


@pytest.mark.parametrize("name", ["students", "memberships", "pages"])
def test_a_list_can_be_empty_or_short_and_heals(name: str, sandbox: Sandbox, fake_time: FakeTime) -> None:
    whole = read(sandbox, name, fake_time)
    sandbox.degrade(name, "empty")
    assert (read(sandbox, name, fake_time).frame.num_rows, whole.problems) == (0, [])
    sandbox.degrade(name, "short")
    assert 0 < read(sandbox, name, fake_time).frame.num_rows <= whole.frame.num_rows // 9
    sandbox.heal()
    assert read(sandbox, name, fake_time).frame.equals(whole.frame)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, way) for name in ("students", "memberships") for way in ("cut", "hole")),
        ("pages", "cut"),
    ],
)
def test_a_list_that_ends_in_its_middle_is_a_failure(
    name: str, way: str, sandbox: Sandbox, fake_time: FakeTime
) -> None:
    sandbox.degrade(name, way)
    with pytest.raises(SourceUnavailableError):
        read(sandbox, name, fake_time)


def test_empty_pages_among_notion_s_are_not_the_end(sandbox: Sandbox, fake_time: FakeTime) -> None:
    whole = read(sandbox, "pages", fake_time)
    sandbox.degrade("pages", "hole")
    assert read(sandbox, "pages", fake_time).frame.equals(whole.frame)


def test_capped_pages_are_read_by_windows_or_told(sandbox: Sandbox, fake_time: FakeTime) -> None:
    whole = read(sandbox, "pages", fake_time)
    sandbox.degrade("pages", "capped")
    capped = read(sandbox, "pages", fake_time)
    assert capped.frame.equals(whole.frame) or capped.problems
    sandbox.degrade("pages", "capped_for_good")
    few = read(sandbox, "pages", fake_time)
    assert few.frame.num_rows < whole.frame.num_rows
    assert [problem.entity_type for problem in few.problems] == ["list"]


@pytest.mark.parametrize("name", ["students", "memberships", "pages"])
def test_every_record_can_be_unreadable(name: str, sandbox: Sandbox, fake_time: FakeTime) -> None:
    whole = read(sandbox, name, fake_time)
    sandbox.degrade(name, "broken")
    broken = read(sandbox, name, fake_time)
    assert (broken.frame.num_rows, len(broken.problems)) == (0, whole.frame.num_rows)


@pytest.mark.parametrize("way", ["renamed_email", "renamed_status", "renamed_drop_date"])
def test_a_property_can_be_renamed(way: str, sandbox: Sandbox, fake_time: FakeTime) -> None:
    sandbox.degrade("pages", way)
    with pytest.raises(MissingPropertyError):
        read(sandbox, "pages", fake_time)


@pytest.mark.parametrize("way", ["email_as_text", "email_as_formula", "status_as_status"])
def test_a_property_of_another_plain_type_reads_the_same(
    way: str, sandbox: Sandbox, fake_time: FakeTime
) -> None:
    whole = read(sandbox, "pages", fake_time)
    sandbox.degrade("pages", way)
    assert read(sandbox, "pages", fake_time).frame.equals(whole.frame)


@pytest.mark.parametrize("way", ["email_as_number", "status_as_relation"])
def test_a_property_of_a_type_that_is_not_plain_is_told_page_by_page(
    way: str, sandbox: Sandbox, fake_time: FakeTime
) -> None:
    sandbox.degrade("pages", way)
    told = read(sandbox, "pages", fake_time)
    assert all(problem.is_blocking for problem in told.problems)
    assert len(told.problems) > told.frame.num_rows


def test_memberships_can_be_endless_or_of_micro_cohorts(sandbox: Sandbox, fake_time: FakeTime) -> None:
    whole = read(sandbox, "memberships", fake_time).frame["is_of_micro_cohort"].to_pylist()
    assert 0 < sum(whole) < len(whole)
    sandbox.degrade("memberships", "endless")
    frame = read(sandbox, "memberships", fake_time).frame
    assert frame["ending_at"].null_count == frame.num_rows
    sandbox.degrade("memberships", "micro")
    frame = read(sandbox, "memberships", fake_time).frame
    assert all(frame["is_of_micro_cohort"].to_pylist())


def test_degrading_is_asked_for_over_http_and_what_is_unknown_is_refused(sandbox: Sandbox) -> None:
    ask = f"{sandbox.base_url}/sandbox/degrade"
    assert requests.post(f"{ask}?list=pages&way=empty").json()["status"] == "degraded"
    for query, told in (
        ("list=x&way=empty", "list must be one of"),
        ("list=pages&way=x", "way must be one of"),
    ):
        answer = requests.post(f"{ask}?{query}")
        assert (answer.status_code, told in answer.json()["error"]) == (400, True)
