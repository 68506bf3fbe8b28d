"""Holded, 4Geeks and Notion against their stand-ins in the sandbox: everything is read, in as few requests as can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from ledger_pipelines.errors import CredentialRefusedError, Problem, SourceUnavailableError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS_ACADEMY, FOURGEEKS_EMAIL, FOURGEEKS_PASSWORD
from ledger_pipelines.sandbox.holded.access import HOLDED_API_KEY, HOLDED_BLOCKED_KEY
from ledger_pipelines.sandbox.notion.access import NOTION_DATABASE_ID, NOTION_TOKEN
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines_tests.sources.conftest import FakeTime

UNTIL = date(2025, 12, 31)
FIRST, END = date(2020, 1, 1), date(2026, 1, 1)


@dataclass(frozen=True)
class Systems:
    """A client of each of the school's systems."""

    holded: HoldedClient
    fourgeeks: FourGeeksClient
    notion: NotionClient

    def read(self) -> tuple[dict[str, int], list[Problem]]:
        """The rows of each kind of record in everything that there is, and the problems."""
        channels, contacts = self.holded.sales_channels(), self.holded.contacts()
        documents = self.holded.documents(FIRST, END)
        students, memberships, pages = (
            self.fourgeeks.students(),
            self.fourgeeks.memberships(),
            self.notion.pages(),
        )
        kinds = documents.invoices["document_type"].to_pylist()
        counts = {
            "sales_channel": channels.frame.num_rows,
            "contact": contacts.frame.num_rows,
            "invoice": kinds.count("invoice"),
            "creditnote": kinds.count("creditnote"),
            "student": students.frame.num_rows,
            "membership": memberships.frame.num_rows,
            "page": pages.frame.num_rows,
        }
        readings = (channels, contacts, documents, students, memberships, pages)
        return counts, [problem for reading in readings for problem in reading.problems]


@contextmanager
def systems_of(sandbox: Sandbox, fake_time: FakeTime) -> Iterator[Systems]:
    """Clients of the sandbox's systems, whose waits are fake; 4Geeks by login."""
    clock = fake_time.clock
    with (
        HoldedClient(sandbox.holded_url, HOLDED_API_KEY, clock=clock) as holded,
        FourGeeksClient(
            sandbox.fourgeeks_url,
            email=FOURGEEKS_EMAIL,
            password=FOURGEEKS_PASSWORD,
            academy=FOURGEEKS_ACADEMY,
            clock=clock,
        ) as fourgeeks,
        NotionClient(sandbox.notion_url, NOTION_TOKEN, NOTION_DATABASE_ID, clock=clock) as notion,
    ):
        yield Systems(holded, fourgeeks, notion)


@pytest.fixture(scope="module")
def school() -> Iterator[Sandbox]:
    """A school without faults."""
    config = SandboxConfig(until=UNTIL, companies=1, students=1100, invoices=1300, rate_limit=None)
    with running_sandbox(config) as sandbox:
        yield sandbox


def _records(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [json.loads(row.row) for row in rows]


def _asked(sandbox: Sandbox) -> dict[str, int]:
    return dict(sandbox.journal.routes)


def _pages(rows: Sequence[Any]) -> int:
    """Holded's pages of so many records, and the two that must be empty for the list to end."""
    return -(-len(rows) // 500) + 2


def test_a_full_reading_has_everything_in_the_least_requests(school: Sandbox, fake_time: FakeTime) -> None:
    before = _asked(school)
    with systems_of(school, fake_time) as systems:
        counts, problems = systems.read()
    data = school.school
    pages = _records(data.pages)
    # Teachers are members of cohorts, too.
    memberships = sum(row.role == "STUDENT" for row in data.memberships)
    assert problems == []
    assert counts == {
        "sales_channel": len(data.channels),
        "contact": len(data.contacts),
        "invoice": len(data.documents["invoice"]),
        "creditnote": len(data.documents["creditnote"]),
        "student": len(data.students),
        "membership": memberships,
        "page": sum(not page["archived"] and not page["in_trash"] for page in pages),
    }
    asked = {route: count - before.get(route, 0) for route, count in _asked(school).items()}
    queries = asked.pop("POST /notion/v1/data_sources/{id}/query")
    # Some of Notion's pages hold fewer results than they could.
    assert len(pages) / 100 <= queries <= len(pages) / 75 + 1
    holded, fourgeeks = "GET /holded/api/invoicing/v1", "/4geeks/v1"
    assert asked == {
        f"{holded}/saleschannels": _pages(data.channels),
        f"{holded}/contacts": _pages(data.contacts),
        f"{holded}/documents/invoice": _pages(data.documents["invoice"]),
        f"{holded}/documents/creditnote": _pages(data.documents["creditnote"]),
        f"POST {fourgeeks}/auth/login/": 1,
        f"GET {fourgeeks}/auth/academy/student": -(-len(data.students) // 1000),
        f"GET {fourgeeks}/admissions/academy/cohort/user": -(-memberships // 1000),
        "GET /notion/v1/databases/{id}": 1,
    }


def test_a_month_s_documents_are_those_of_its_days(school: Sandbox, fake_time: FakeTime) -> None:
    march, april, may = date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1)
    with systems_of(school, fake_time) as systems:
        both, first, second = (
            [str(row["id"]) for row in systems.holded.documents(*window).invoices.to_pylist()]
            for window in ((march, may), (march, april), (april, may))
        )
    assert sorted(first + second) == both
    assert min(len(first), len(second)) > 0


def test_with_a_fifth_of_requests_failing_only_the_malformed_records_are_missing(fake_time: FakeTime) -> None:
    config = SandboxConfig(
        until=UNTIL, companies=1, students=150, invoices=450, faults=0.2, stall_seconds=0.02, rate_limit=None
    )
    with running_sandbox(config) as sandbox, systems_of(sandbox, fake_time) as systems:
        malformed = [
            record for name in ("holded", "4geeks", "notion") for record in sandbox.malformed_in[name]
        ]
        broken, problems = systems.read()
        sandbox.heal()
        whole, none = systems.read()
    assert none == []
    assert {(problem.entity_type, problem.external_id) for problem in problems} == {
        (record.entity, record.id) for record in malformed
    }
    assert len(problems) == len(malformed) >= 13
    spoilt = [record.entity for record in malformed]
    assert broken == {kind: count - spoilt.count(kind) for kind, count in whole.items()}


def test_a_login_that_the_sandbox_ends_is_made_anew(school: Sandbox, fake_time: FakeTime) -> None:
    with systems_of(school, fake_time) as systems:
        first = systems.fourgeeks.students().frame
        school.expire_logins()
        assert systems.fourgeeks.students().frame.equals(first)


def test_who_is_not_let_in_is_told_what_to_check(school: Sandbox, fake_time: FakeTime) -> None:
    clock = fake_time.clock
    with (
        HoldedClient(school.holded_url, "no-key", clock=clock) as stranger,
        HoldedClient(school.holded_url, HOLDED_BLOCKED_KEY, clock=clock) as debtor,
        FourGeeksClient(school.fourgeeks_url, token="0" * 40, clock=clock) as guest,
        NotionClient(school.notion_url, "ntn_other", NOTION_DATABASE_ID, clock=clock) as visitor,
    ):
        with pytest.raises(CredentialRefusedError, match="check HOLDED_API_KEY"):
            stranger.contacts()
        with pytest.raises(SourceUnavailableError, match="settle what is owed to Holded"):
            debtor.contacts()
        with pytest.raises(CredentialRefusedError, match="check FOURGEEKS_TOKEN"):
            guest.students()
        with pytest.raises(CredentialRefusedError, match="check NOTION_TOKEN"):
            visitor.pages()


def test_a_database_that_is_not_shared_is_said(school: Sandbox, fake_time: FakeTime) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    with (
        NotionClient(school.notion_url, NOTION_TOKEN, other, clock=fake_time.clock) as client,
        pytest.raises(SourceUnavailableError, match="share the database with the integration"),
    ):
        client.pages()
