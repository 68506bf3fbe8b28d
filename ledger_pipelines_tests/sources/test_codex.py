"""Codex over real HTTP, against its stand-in: recorded answers, invented years, faults on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pytest

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.sources.codex.client import CodexClient, CodexSnapshot
from ledger_pipelines.sources.codex.models import ENTITIES, SCHEMAS
from ledger_pipelines_tests.sources.conftest import FakeTime

ALL = frozenset(ENTITIES)
UNTIL = date(2025, 12, 31)
BULK = "GET /codex/api/companies/bulk"


@pytest.fixture
def replayed(codex_recordings: Path) -> Iterator[Sandbox]:
    """The recorded Codex."""
    with running_sandbox(SandboxConfig(until=UNTIL, replay=codex_recordings)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def invented() -> Iterator[Sandbox]:
    """A Codex of twelve companies without faults."""
    with running_sandbox(SandboxConfig(until=UNTIL, companies=12)) as sandbox:
        yield sandbox


def _routes(sandbox: Sandbox) -> dict[str, int]:
    """The requests to Codex by route."""
    return {route: count for route, count in sandbox.journal.routes.items() if "/codex/" in route}


def _counts(snapshot: CodexSnapshot) -> dict[str, int]:
    return {name: getattr(snapshot, name).num_rows for name in sorted(ALL)}


def test_the_recorded_codex_is_read_without_a_problem(replayed: Sandbox) -> None:
    with CodexClient(replayed.core_url, replayed.codex_url) as client:
        snapshot = client.fetch(ALL, [2025])
    assert _counts(snapshot) == {
        "assets": 1067,
        "companies": 40,
        "contacts": 925,
        "plans": 12,
        "tickets": 887,
    }
    assert snapshot.problems == []
    assert snapshot.complete == ALL
    for name, schema in SCHEMAS.items():
        assert getattr(snapshot, name).schema.equals(schema)
        getattr(snapshot, name).validate(full=True)


def test_recorded_values_are_exact(replayed: Sandbox) -> None:
    with CodexClient(replayed.core_url, replayed.codex_url) as client:
        snapshot = client.fetch(frozenset({"plans", "companies", "assets"}))
    plan = next(
        plan
        for plan in snapshot.plans.to_pylist()
        if (plan["plan_name"], plan["term_length"]) == ("Complete & Secure", "1 Year")
    )
    assert plan["per_user_cost"] == Decimal("85.4100")
    assert plan["backup_per_tb_fee"] == Decimal("19.9000")
    assert plan["features"].startswith('{"antivirus": "SentinelOne"')
    terms = snapshot.companies["contract_term_length"].to_pylist()
    assert (terms.count(None), terms.count(""), terms.count("1-Year")) == (2, 1, 1)
    assert pc.sum(snapshot.assets["backup_data_bytes"]).as_py() == 459_760_787_154_411


def test_the_order_of_the_answers_makes_no_difference(invented: Sandbox) -> None:
    with CodexClient(invented.core_url, invented.codex_url) as client:
        first, second = (client.fetch(ALL, [2024, 2025]) for _ in range(2))
    for name in ALL:
        assert getattr(first, name).equals(getattr(second, name))
        assert getattr(first, name).num_rows > 0


def test_tickets_are_those_of_the_years_that_were_asked_for(invented: Sandbox) -> None:
    with CodexClient(invented.core_url, invented.codex_url) as client:
        both, older, newer = (
            client.fetch(frozenset({"tickets"}), years) for years in ([2025, 2024], [2024], [2025])
        )
    assert set(pc.year(older.tickets["last_updated_at"]).to_pylist()) == {2024}
    assert set(pc.year(newer.tickets["last_updated_at"]).to_pylist()) == {2025}
    assert both.tickets.num_rows == older.tickets.num_rows + newer.tickets.num_rows


def test_tickets_of_no_year_and_unknown_entities_are_the_caller_s_mistake(invented: Sandbox) -> None:
    with CodexClient(invented.core_url, invented.codex_url) as client:
        with pytest.raises(ValueError, match="no year was given"):
            client.fetch(frozenset({"tickets"}))
        with pytest.raises(ValueError, match="Codex has no invoices"):
            client.fetch(frozenset({"invoices"}))


@pytest.mark.parametrize(
    ("entities", "years", "asked"),
    [
        ({"companies"}, [], {"GET /codex/api/companies": 1}),
        ({"plans"}, [], {"GET /codex/billing-plans/api/plans": 1}),
        ({"companies", "assets", "contacts"}, [], {BULK: 1}),
        ({"tickets"}, [2024, 2025], {BULK: 2}),
        (set(), [], {}),
    ],
    ids=lambda value: "-".join(sorted(map(str, value))) if isinstance(value, set) else None,
)
def test_only_what_is_needed_is_asked_for(
    entities: set[str], years: list[int], asked: dict[str, int], fake_time: FakeTime
) -> None:
    with (
        running_sandbox(SandboxConfig(until=UNTIL, companies=3)) as sandbox,
        CodexClient(sandbox.core_url, sandbox.codex_url, clock=fake_time.clock) as client,
    ):
        snapshot = client.fetch(frozenset(entities), years)
        assert _routes(sandbox) == asked
    assert snapshot.complete == entities
    assert {name for name in ALL if getattr(snapshot, name).num_rows} == entities


def test_with_a_fifth_of_requests_failing_nothing_readable_is_lost(fake_time: FakeTime) -> None:
    config = SandboxConfig(
        until=UNTIL, companies=12, faults=0.2, stall_seconds=0.02, rate_limit=None, tickets_per_company=10
    )
    with running_sandbox(config) as sandbox:
        malformed = list(sandbox.malformed)
        with CodexClient(sandbox.core_url, sandbox.codex_url, clock=fake_time.clock) as client:
            broken = client.fetch(ALL, [2024, 2025])
            sandbox.heal()
            whole = client.fetch(ALL, [2024, 2025])
    assert len(broken.problems) == len(malformed) > 5
    assert (whole.problems, whole.complete) == ([], ALL)
    nameless = {record.id for record in malformed if record.entity == "company"}
    unreadable = {record.account_number for record in malformed if record.entity == "assets"}
    lost = {
        company["account_number"] for company in whole.companies.to_pylist() if company["name"] in nameless
    }
    assert len(lost) == len(nameless) > 0
    for name in ("assets", "contacts", "tickets"):
        expected = [row for row in getattr(whole, name).to_pylist() if row["account_number"] not in lost]
        if name == "assets":
            expected = [row for row in expected if row["account_number"] not in unreadable]
        kept = getattr(broken, name).to_pylist()
        spoilt = sum(record.entity == ENTITIES[name].singular for record in malformed)
        assert all(row in expected for row in kept)
        assert len(kept) == len(expected) - spoilt
    assert broken.companies.num_rows == whole.companies.num_rows - len(nameless)
    assert broken.complete == {"companies", "plans"}


def test_each_malformed_record_is_named_in_its_problem(fake_time: FakeTime) -> None:
    config = SandboxConfig(
        until=UNTIL, companies=12, faults=0.2, stall_seconds=0.02, rate_limit=None, tickets_per_company=10
    )
    with running_sandbox(config) as sandbox:
        with CodexClient(sandbox.core_url, sandbox.codex_url, clock=fake_time.clock) as client:
            found = {problem.external_id: problem for problem in client.fetch(ALL, [2024, 2025]).problems}
        for record in sandbox.malformed:
            if record.entity in {"ticket", "asset"} and record.id is not None:
                of_company = record.entity == "ticket"
                known_as = f"{record.account_number}/{record.id}" if of_company else record.id
                assert known_as in found
                assert found[known_as].message.startswith(
                    f"{record.entity.capitalize()} {record.id} of company "
                )
            elif record.entity == "assets":
                assert record.account_number is not None
                assert found[record.account_number].operation == "assets"
                assert "could not be read: Codex " in found[record.account_number].message


def test_a_check_says_who_we_are_and_what_is_shown(invented: Sandbox) -> None:
    with CodexClient(invented.core_url, invented.codex_url) as client:
        check = client.check()
    assert (check.name, check.ok, check.identity, check.records) == ("Codex", True, "service:ledger", 12)
    assert check.detail == f"Codex at {invented.codex_url} shows 12 companies to service:ledger."


def test_a_check_of_a_codex_that_is_down_says_so(
    invented: Sandbox, closed_port: str, fake_time: FakeTime
) -> None:
    with CodexClient(invented.core_url, closed_port, clock=fake_time.clock) as client:
        check = client.check()
        with pytest.raises(SourceUnavailableError, match="Codex cannot be reached"):
            client.fetch(ALL, [2025])
    assert (check.ok, check.identity, check.records) == (False, "service:ledger", None)
    assert check.detail == (
        f"Codex cannot be reached at {closed_port}/api/companies (connection refused): "
        "check CODEX_URL, and that Codex is running."
    )


def test_a_wrong_codex_url_is_said_in_one_sentence(invented: Sandbox, fake_time: FakeTime) -> None:
    url = invented.codex_url + "/wrong"
    with (
        CodexClient(invented.core_url, url, clock=fake_time.clock) as client,
        pytest.raises(SourceUnavailableError) as caught,
    ):
        client.fetch(ALL, [2025])
    assert str(caught.value).startswith(
        f"Codex has nothing at {url}/api/companies (404 Not Found, “404 Not Found"
    )
    assert str(caught.value).endswith("): check CODEX_URL.")
    assert fake_time.slept == []


def test_a_key_that_codex_refuses_is_said_with_both_possibilities(
    invented: Sandbox, fake_time: FakeTime
) -> None:
    with (
        CodexClient(None, invented.codex_url, api_key="nonsense-4711", clock=fake_time.clock) as client,
        pytest.raises(CredentialRefusedError) as caught,
    ):
        client.fetch(ALL, [2025])
    assert str(caught.value) == (
        f"Codex refused us at {invented.codex_url}/api/companies/bulk (401 Unauthorized, "
        "“401 Unauthorized: Invalid or expired token”): either the api_key is wrong, or Core is down and "
        "Codex has not read its keys yet; check the api_key, and that Core is running."
    )


def test_a_client_needs_a_way_to_say_who_it_is() -> None:
    with pytest.raises(ConfigurationError, match="CORE_URL"):
        CodexClient(None, "http://127.0.0.1:1")
