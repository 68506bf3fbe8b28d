"""Records that break the wire: all of them are listed, nothing else is broken, healing mends them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.generate import generate
from ledger_pipelines.sandbox.hivematrix.malformed import malform
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import RECORDS_ONLY, TIMEOUT_SECONDS, Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL

#: What the client must find: one in each way, from one entity.
EACH_WAY = {
    ("asset", "backup_data_bytes is not a number"),
    ("asset", "id is missing"),
    ("assets", "backup_usage_tb of one asset is not a number: all assets of the company are refused"),
    ("company", "account_number is empty"),
    ("company", "account_number is null"),
    ("contact", "id is missing"),
    ("contact", "id is null"),
    ("plan", "per_server_cost is not a number"),
    ("plan", "per_user_cost is negative"),
    ("ticket", "last_updated_at is missing"),
    ("ticket", "last_updated_at is null"),
    ("ticket", "total_hours_spent is not a number"),
}


@pytest.fixture
def broken() -> Iterator[Client]:
    """Forty companies, one record malformed in each way, no request failing on its way."""
    config = SandboxConfig(until=UNTIL, faults=RECORDS_ONLY, rate_limit=None)
    with running_sandbox(config) as running, requests.Session() as session:
        yield Client(running, session)


def _listed(client: Client) -> list[dict[str, Any]]:
    answer = client.session.get(f"{client.sandbox.base_url}/sandbox/malformed", timeout=TIMEOUT_SECONDS)
    return list(answer.json())


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _why_unreadable(entity: str, record: dict[str, Any]) -> str | None:
    """What is wrong with a record, found by looking at it: nothing, usually."""
    keys = {"company": "account_number", "asset": "id", "contact": "id", "ticket": "last_updated_at"}
    key = keys.get(entity, "plan_name")
    if key not in record:
        return f"{key} is missing"
    if record[key] is None:
        return f"{key} is null"
    if record[key] == "":
        return f"{key} is empty"
    amounts = {"asset": ["backup_data_bytes"], "ticket": ["total_hours_spent"]}.get(entity, [])
    amounts += [name for name in record if entity == "plan" and name.endswith("_cost")]
    for name in amounts:
        if not _number(record[name]):
            return f"{name} is not a number"
        if record[name] < 0:
            return f"{name} is negative"
    return None


def _served(client: Client) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Every record that can be had by the single endpoints, with its entity and company."""
    plans = client.read("/billing-plans/api/plans")["plans"]
    served: list[tuple[str, str | None, dict[str, Any]]] = [("plan", None, plan) for plan in plans]
    for company in client.read("/api/companies"):
        account = company["account_number"]
        served.append(("company", account, company))
        for part in ("assets", "contacts", "tickets") if account else ():
            answer = client.codex(f"/api/companies/{account}/{part}")
            if answer.status_code == 500:
                why = "backup_usage_tb of one asset is not a number: all assets of the company are refused"
                served.append(("assets", account, {"plan_name": None, "refused": why}))
                continue
            served.extend((part[:-1], account, record) for record in answer.json())
    return served


def test_the_list_is_exactly_what_is_served_broken(broken: Client) -> None:
    found: Counter[tuple[str, str | None, str]] = Counter()
    for entity, account, record in _served(broken):
        why = record["refused"] if entity == "assets" else _why_unreadable(entity, record)
        if why is not None:
            found[entity, account, why] += 1

    listed = _listed(broken)
    assert found == Counter((row["entity"], row["account_number"], row["why"]) for row in listed)
    assert {(row["entity"], row["why"]) for row in listed} == EACH_WAY


def test_listed_records_are_shown_as_served_and_named(broken: Client) -> None:
    for row in _listed(broken):
        record = row["record"]
        match row["entity"]:
            case "assets":
                assert (record, row["id"]) == (None, None)
            case "ticket":
                assert record["ticket_number"] == row["id"]
                path = f"/api/companies/{row['account_number']}/tickets"
                assert record in broken.read(path, params={"year": row["day"]})
            case "asset" | "contact":
                assert row["id"] == (None if record.get("id") is None else str(record["id"]))
                assert record in broken.read(f"/api/companies/{row['account_number']}/{row['entity']}s")
            case "company":
                assert record["name"] == row["id"]
            case "plan":
                assert f"{record['plan_name']} ({record['term_length']})" == row["id"]


def test_broken_plans_are_on_no_company(broken: Client) -> None:
    plans = {row["record"]["plan_name"] for row in _listed(broken) if row["entity"] == "plan"}
    assert plans == {"Silver Support 2019"}


def test_the_share_of_malformed_records_follows_the_rate() -> None:
    config = SandboxConfig(until=UNTIL, companies=200, faults=0.2)
    counts = Counter(record.entity for record in malform(generate(config), faults=0.2, seed=7).records)
    # A hundredth of 200 companies; their records but for those of companies that cannot be asked for.
    assert counts["company"] == 2
    assert counts["asset"] == pytest.approx(0.01 * 200 * 25, rel=0.05)
    assert counts["contact"] == pytest.approx(0.01 * 200 * 20, rel=0.05)
    assert counts["ticket"] == pytest.approx(0.01 * 200 * 60, rel=0.05)


def test_records_break_the_same_way_for_the_same_seed() -> None:
    config = SandboxConfig(until=UNTIL, faults=0.2)
    worlds = [generate(config) for _ in range(3)]
    first, again, other = (
        malform(world, faults=0.2, seed=seed).records for world, seed in zip(worlds, (7, 7, 8), strict=True)
    )
    assert first == again != other
    assert worlds[0] == worlds[1] != worlds[2]


def test_nothing_is_malformed_without_faults(client: Client) -> None:
    assert _listed(client) == []


@pytest.mark.parametrize("companies", [1, 2])
def test_companies_stay_whole_where_there_are_too_few_to_lose_one(companies: int) -> None:
    world = generate(SandboxConfig(until=UNTIL, companies=companies, faults=1.0))
    entities = {record.entity for record in malform(world, faults=1.0, seed=7).records}
    assert entities == {"asset", "contact", "ticket", "plan"}


def test_healing_mends_every_record(broken: Client, client: Client) -> None:
    assert broken.codex("/api/companies/bulk").status_code == 500
    broken.session.post(f"{broken.sandbox.base_url}/sandbox/heal", timeout=TIMEOUT_SECONDS)

    assert _listed(broken) == []
    assert broken.sandbox.world == client.sandbox.world
    assert len(broken.bulk("2025")) == 40
    assert all(_why_unreadable(entity, record) is None for entity, _, record in _served(broken))
