"""The school's systems under faults: each fails in its own words, and says which records are malformed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.faults import KINDS
from ledger_pipelines.sandbox.holded.access import HOLDED_API_KEY
from ledger_pipelines.sandbox.registry import environment
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines_tests.sandbox import RECORDS_ONLY, TIMEOUT_SECONDS
from ledger_pipelines_tests.sandbox.conftest import UNTIL
from ledger_pipelines_tests.sandbox.school_clients import FourGeeks, Holded, Notion, Record

EACH_WAY = {
    "holded": {
        ("sales_channel", "accountNum is neither a number nor text"),
        ("contact", "email is not text"),
        ("invoice", "date is not a number"),
        ("invoice", "price of a product is not a number"),
        ("invoice", "products is null"),
        ("invoice", "total is not a number"),
        ("creditnote", "date is null"),
    },
    "4geeks": {
        ("student", "created_at is not a moment"),
        ("membership", "cohort is null"),
        ("membership", "updated_at is not a moment"),
        ("membership", "kickoff_date of the cohort is not a moment"),
    },
    "notion": {
        ("page", "last_edited_time is missing"),
        ("page", "properties is null"),
        ("page", "start of Drop Date is not a date"),
    },
}


def _serve(**settings: Any) -> SandboxConfig:
    return SandboxConfig(
        **{"until": UNTIL, "companies": 1, "rate_limit": None, "stall_seconds": 0.01, **settings}
    )


@pytest.fixture
def broken() -> Iterator[tuple[Sandbox, requests.Session]]:
    """A school with one record malformed in each way, no request failing on its way."""
    with running_sandbox(_serve(faults=RECORDS_ONLY)) as running, requests.Session() as session:
        yield running, session


def _listed(sandbox: Sandbox, session: requests.Session, system: str) -> list[Record]:
    url = f"{sandbox.base_url}/sandbox/malformed?system={system}"
    return list(session.get(url, timeout=TIMEOUT_SECONDS).json())


def _served(sandbox: Sandbox, session: requests.Session) -> dict[str, dict[str, list[Record]]]:
    """Every record of the three systems by its entity."""
    holded, fourgeeks, notion = (
        Holded(sandbox, session),
        FourGeeks(sandbox, session),
        Notion(sandbox, session),
    )
    return {
        "holded": {
            "sales_channel": holded.read("/saleschannels"),
            "contact": holded.read("/contacts"),
            "invoice": holded.documents(),
            "creditnote": holded.documents("creditnote"),
        },
        "4geeks": {"student": fourgeeks.students(), "membership": fourgeeks.memberships()},
        "notion": {"page": notion.read()},
    }


def test_the_lists_name_what_is_served_broken_and_healing_mends_it(
    broken: tuple[Sandbox, requests.Session],
) -> None:
    sandbox, session = broken
    before = _served(sandbox, session)
    listed = {system: _listed(sandbox, session, system) for system in EACH_WAY}
    assert {
        system: {(row["entity"], row["why"]) for row in rows} for system, rows in listed.items()
    } == EACH_WAY

    session.post(f"{sandbox.base_url}/sandbox/heal", timeout=TIMEOUT_SECONDS)
    assert all(_listed(sandbox, session, system) == [] for system in EACH_WAY)
    after = _served(sandbox, session)
    for system, entities in before.items():
        for entity, records in entities.items():
            whole = {record["id"]: record for record in after[system][entity]}
            changed = [record for record in records if record != whole[record["id"]]]
            expected = [row["record"] for row in listed[system] if row["entity"] == entity]
            assert sorted(map(orjson.dumps, changed)) == sorted(map(orjson.dumps, expected))
            assert {row["id"] for row in listed[system] if row["entity"] == entity} == {
                str(record["id"]) for record in changed
            }


def test_healed_is_as_if_never_broken(broken: tuple[Sandbox, requests.Session]) -> None:
    sandbox, session = broken
    session.post(f"{sandbox.base_url}/sandbox/heal", timeout=TIMEOUT_SECONDS)
    with running_sandbox(_serve()) as whole:
        assert _served(sandbox, session) == _served(whole, session)


def test_named_cases_stay_whole(broken: tuple[Sandbox, requests.Session]) -> None:
    sandbox, session = broken
    listed = [row for system in EACH_WAY for row in _listed(sandbox, session, system)]
    assert listed
    assert not any(b"@cases.example" in orjson.dumps(row["record"]) for row in listed)


def test_malformed_records_of_an_unknown_system_are_refused(
    broken: tuple[Sandbox, requests.Session],
) -> None:
    sandbox, session = broken
    answer = session.get(f"{sandbox.base_url}/sandbox/malformed?system=abacus", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 400
    assert "codex, holded, 4geeks, notion" in answer.json()["error"]


def test_the_share_of_malformed_records_follows_the_rate() -> None:
    with running_sandbox(_serve(students=1_000, invoices=3_000, faults=0.4)) as running:
        counts = {
            system: Counter(record.entity for record in records)
            for system, records in running.malformed_in.items()
        }
    assert counts["4geeks"]["student"] == 20
    assert counts["holded"]["invoice"] + counts["holded"]["creditnote"] == pytest.approx(60, abs=2)
    assert counts["notion"]["page"] == pytest.approx(0.02 * 900, abs=3)


def _answers(sandbox: Sandbox, session: requests.Session, system: str) -> dict[str, list[requests.Response]]:
    """Sixty requests to a system; those that got an answer by the fault that they met."""
    clients: dict[str, Any] = {
        "holded": lambda: Holded(sandbox, session).ask("/contacts"),
        "4geeks": lambda: FourGeeks(sandbox, session).ask("/auth/academy/student"),
        "notion": lambda: Notion(sandbox, session).query(),
    }
    answers: dict[str, list[requests.Response]] = defaultdict(list)
    for _ in range(60):
        try:
            answer = clients[system]()
        except requests.RequestException:
            continue
        answers[sandbox.journal.faults[-1].kind].append(answer)
    return answers


@pytest.mark.parametrize("system", ["holded", "4geeks", "notion"])
def test_each_system_fails_in_its_own_words(system: str) -> None:
    with running_sandbox(_serve(faults=1.0)) as running, requests.Session() as session:
        answers = _answers(running, session, system)
        assert {fault.kind for fault in running.journal.faults} == set(KINDS)
    assert all(answer.headers["Content-Type"].startswith("text/html") for answer in answers["html"])
    limited, failed = answers["429"], answers["500"]
    assert {answer.status_code for answer in limited} == {429}
    assert limited
    assert failed
    match system:
        case "holded":
            assert all(answer.json()["status"] == 0 for answer in (*limited, *failed))
        case "4geeks":
            assert {answer.json()["status_code"] for answer in limited} == {429}
            assert {answer.status_code for answer in failed} == {500}
        case "notion":
            assert {answer.json()["code"] for answer in limited} == {"rate_limited"}
            assert all(answer.headers["Retry-After"].isdecimal() for answer in limited)
            assert all(answer.json()["status"] == answer.status_code for answer in failed)
            assert len({answer.status_code for answer in failed}) > 1
    assert not any("X-Correlation-ID" in answer.headers for answer in (*limited, *failed))


def test_requests_are_counted_by_system_and_path() -> None:
    with running_sandbox(_serve(students=5, invoices=5)) as running, requests.Session() as session:
        holded, fourgeeks = Holded(running, session), FourGeeks(running, session)
        contact = holded.read("/contacts")[0]["id"]
        holded.ask(f"/contacts/{contact}")
        holded.documents("creditnote")
        fourgeeks.ask("/auth/academy/member/active@cases.example")
        Notion(running, session).query()
        seen = {
            system: session.get(
                f"{running.base_url}/sandbox/requests?system={system}", timeout=TIMEOUT_SECONDS
            ).json()
            for system in ("holded", "4geeks", "notion", "codex")
        }
        total = session.get(f"{running.base_url}/sandbox/requests", timeout=TIMEOUT_SECONDS).json()["total"]

    base = "/holded/api/invoicing/v1"
    assert seen["holded"]["routes"] == {
        f"GET {base}/contacts": 2,
        f"GET {base}/contacts/{{id}}": 1,
        f"GET {base}/documents/creditnote": 2,
    }
    assert seen["4geeks"]["routes"] == {"GET /4geeks/v1/auth/academy/member/{email}": 1}
    assert seen["notion"]["routes"] == {"POST /notion/v1/data_sources/{id}/query": 1}
    assert seen["codex"] == {"total": 0, "routes": {}, "faults": []}
    assert total == 7


def test_the_environment_names_every_address_and_key() -> None:
    with running_sandbox(_serve(students=0, invoices=0)) as running:
        variables = environment(running.base_url)
        addresses = {
            "CORE_URL": running.core_url,
            "CODEX_URL": running.codex_url,
            "HOLDED_URL": running.holded_url,
            "FOURGEEKS_URL": running.fourgeeks_url,
            "NOTION_URL": running.notion_url,
        }
    assert addresses.items() <= variables.items()
    assert variables["HOLDED_API_KEY"] == HOLDED_API_KEY
    assert variables["FOURGEEKS_ACADEMY"] == "6"
