"""Codex's endpoints: the wire's shapes, the same records by every way, in no order."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS, Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL

PARTS = ("assets", "contacts", "locations", "tickets")


def _types(records: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """Of each key, the JSON types of its values."""
    types: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for key, value in record.items():
            types[key].add(type(value).__name__)
    return types


def _assert_same_shape(ours: list[dict[str, Any]], real: list[dict[str, Any]]) -> None:
    """Every record has exactly the real keys, and no type that the real ones never have."""
    keys = set(real[0])
    assert ours
    assert all(set(record) == keys for record in ours)
    real_types = _types(real)
    assert {key: types - real_types[key] for key, types in _types(ours).items()} == {
        key: set() for key in keys
    }


def _in_order(records: Iterable[Any]) -> list[bytes]:
    return sorted(orjson.dumps(record, option=orjson.OPT_SORT_KEYS) for record in records)


@pytest.mark.parametrize("part", PARTS)
def test_records_have_the_recorded_shape(client: Client, recorded: dict[str, Any], part: str) -> None:
    ours = [record for entry in client.bulk() for record in entry[part]]
    real = [record for entry in recorded["bulk_2025"] for record in entry[part]]
    _assert_same_shape(ours, real)


def test_ticket_updates_have_the_recorded_shape(client: Client, recorded: dict[str, Any]) -> None:
    def updates(bulk: list[dict[str, Any]]) -> list[dict[str, Any]]:
        tickets = [ticket for entry in bulk for ticket in entry["tickets"]]
        return [update for ticket in tickets for update in (*ticket["conversations"], *ticket["notes"])]

    _assert_same_shape(updates(client.bulk()), updates(recorded["bulk_2025"]))


def test_companies_have_the_recorded_shape(client: Client, recorded: dict[str, Any]) -> None:
    companies = client.read("/api/companies")
    _assert_same_shape(companies, recorded["companies"])
    assert len(companies) == 40


def test_plans_and_options_have_the_recorded_shape(client: Client, recorded: dict[str, Any]) -> None:
    ours, real = client.read("/billing-plans/api/plans"), recorded["plans"]
    assert ours.keys() == real.keys()
    assert (ours["status"], ours["count"]) == ("success", len(ours["plans"]))
    _assert_same_shape(ours["plans"], real["plans"])
    assert {plan["term_length"] for plan in ours["plans"]} == {plan["term_length"] for plan in real["plans"]}

    options, real_options = client.read("/billing-plans/api/feature-options"), recorded["feature_options"]
    assert options.keys() == real_options.keys()
    assert options["categories"] == sorted(options["features"]) == real_options["categories"]
    for category in options["categories"]:
        _assert_same_shape(options["features"][category], real_options["features"][category])


def test_single_plan_comes_without_display_names(client: Client, recorded: dict[str, Any]) -> None:
    single = client.read("/billing-plans/api/plans/Complete%20%26%20Secure/1%20Year")
    listed = {
        (plan["plan_name"], plan["term_length"]): plan
        for plan in client.read("/billing-plans/api/plans")["plans"]
    }
    plan = listed["Complete & Secure", "1 Year"]
    del plan["feature_display_names"]

    assert single == {"plan": plan, "status": "success"}
    assert single["plan"].keys() == recorded["plan_complete_and_secure_1_year"]["plan"].keys()


def test_bulk_and_single_endpoints_serve_the_same_records(client: Client) -> None:
    bulk = {entry["company"]["account_number"]: entry for entry in client.bulk("2025")}
    companies = client.read("/api/companies")

    assert {company["account_number"]: company for company in companies} == {
        account: entry["company"] for account, entry in bulk.items()
    }
    for account, entry in bulk.items():
        path = f"/api/companies/{account}"
        assert client.read(path) == entry["company"]
        for part in PARTS:
            single = client.read(f"{path}/{part}", params={"year": "2025"})
            assert _in_order(single) == _in_order(entry[part]), (account, part)


def test_bulk_has_tickets_only_when_they_are_asked_for(client: Client) -> None:
    without = client.read("/api/companies/bulk", params={"year": "2025"})
    assert {tuple(sorted(entry)) for entry in without} == {("assets", "company", "contacts", "locations")}
    refused = client.read("/api/companies/bulk", params={"include_tickets": "yes"})
    assert "tickets" not in refused[0]


@pytest.mark.parametrize("path", ["bulk?include_tickets=true", "bulk", "bulk?include_tickets=true&year=1999"])
def test_bulk_says_how_long_it_is(client: Client, path: str) -> None:
    answer = client.codex(f"/api/companies/{path}")
    assert len(answer.json()) == 40
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_as_of_a_day_there_were_fewer_devices_and_people_and_the_companies_and_tickets_are_the_same() -> None:
    config = SandboxConfig(until=UNTIL, companies=4, assets_per_company=60, rate_limit=None)
    with running_sandbox(config) as sandbox, requests.Session() as session:
        client = Client(sandbox, session)
        control = f"{sandbox.base_url}/sandbox/as-of"
        now = {entry["company"]["account_number"]: entry for entry in client.bulk()}
        assert session.post(control, params={"day": "2025-02-28"}, timeout=TIMEOUT_SECONDS).json() == {
            "as_of": "2025-02-28"
        }
        then = {entry["company"]["account_number"]: entry for entry in client.bulk()}
        account = max(now, key=lambda number: len(now[number]["assets"]))
        alone = client.read(f"/api/companies/{account}/assets")
        assert session.post(control, timeout=TIMEOUT_SECONDS).json() == {"as_of": None}
        again = {entry["company"]["account_number"]: entry for entry in client.bulk()}
        assert session.post(control, params={"day": "yesterday"}, timeout=TIMEOUT_SECONDS).status_code == 400

    assert then.keys() == now.keys() == again.keys()
    for number, entry in now.items():
        assert then[number]["company"] == again[number]["company"] == entry["company"]
        for part in PARTS:
            shown, before = _in_order(entry[part]), _in_order(then[number][part])
            assert _in_order(again[number][part]) == shown
            if part in {"assets", "contacts"}:
                # Ten months: each brought a hundredth of what there is now.
                assert len(before) == -(-len(shown) * 90 // 100)
                assert all(record in shown for record in before)
            else:
                assert before == shown
    assert _in_order(alone) == _in_order(then[account]["assets"])


@pytest.mark.parametrize("prefix", ["2025", "2024", "2025-03", "2025-03-1", "20", "1999"])
def test_year_filters_tickets_by_the_prefix_of_their_last_update(client: Client, prefix: str) -> None:
    everything = [ticket for entry in client.bulk() for ticket in entry["tickets"]]
    chosen = [ticket for entry in client.bulk(prefix) for ticket in entry["tickets"]]
    expected = [ticket for ticket in everything if ticket["last_updated_at"].startswith(prefix)]

    assert _in_order(chosen) == _in_order(expected)
    assert bool(expected) == (prefix != "1999")


def test_arrays_come_in_another_order_each_time(client: Client) -> None:
    account = max(client.bulk(), key=lambda entry: len(entry["assets"]))["company"]["account_number"]
    for path in ("/api/companies", "/billing-plans/api/plans", f"/api/companies/{account}/assets"):
        first, second = client.read(path), client.read(path)
        if isinstance(first, dict):
            first, second = first["plans"], second["plans"]
        assert first != second
        assert _in_order(first) == _in_order(second)


def test_bodies_are_compressed_when_settings_and_client_agree() -> None:
    config = SandboxConfig(until=UNTIL, companies=3, gzip=True)
    with running_sandbox(config) as running, requests.Session() as session:
        url = f"{running.codex_url}/api/companies"
        headers = {"Authorization": f"Bearer {Client(running, session).token()}"}
        identity = {**headers, "Accept-Encoding": "identity"}
        plain = session.get(url, headers=identity, timeout=TIMEOUT_SECONDS)
        packed = session.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)

        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        unpacked = gzip.decompress(packed.raw.read(decode_content=False))
        assert _in_order(orjson.loads(unpacked)) == _in_order(plain.json())


def test_real_codex_sends_bodies_plain_though_the_client_accepts_gzip(client: Client) -> None:
    assert "Content-Encoding" not in client.codex("/api/companies").headers
