"""The invented history: plausible, complete, the same for the same seed."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.directory import account_number
from ledger_pipelines.sandbox.hivematrix.generate import generate
from ledger_pipelines.sandbox.hivematrix.world import World
from ledger_pipelines_tests.sandbox import Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL


def _generate(**settings: Any) -> World:
    return generate(SandboxConfig(**{"until": UNTIL, "companies": 12, **settings}))


@pytest.fixture(scope="module")
def bulk(client: Client) -> list[dict[str, Any]]:
    return client.bulk()


@pytest.fixture(scope="module")
def tickets(bulk: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [ticket for entry in bulk for ticket in entry["tickets"]]


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert _generate() == _generate()
    assert _generate(seed=8) != _generate()
    assert {company.account_number for company in _generate(seed=8).companies} != {
        company.account_number for company in _generate().companies
    }


def test_a_larger_world_begins_with_the_companies_of_a_full_block() -> None:
    small, large = _generate(companies=500), _generate(companies=501)
    assert large.companies[:500] == small.companies


def test_account_numbers_are_six_digits_and_unlike() -> None:
    numbers = {account_number(7, position) for position in range(20_000)}
    assert len(numbers) == 20_000
    assert all(re.fullmatch(r"[1-9]\d{5}", number) for number in numbers)


def test_counts_are_the_averages_times_the_companies(bulk: list[dict[str, Any]]) -> None:
    counts = {part: sum(len(entry[part]) for entry in bulk) for part in ("assets", "contacts", "tickets")}
    # One contact is shared by two companies; tickets are those of two years.
    assert counts == {"assets": 40 * 25, "contacts": 40 * 20 + 1, "tickets": 40 * 30 * 2}


def test_an_empty_world_of_one_company_can_be_served() -> None:
    nothing = {"assets_per_company": 0, "contacts_per_company": 0, "tickets_per_company": 0}
    (company,) = _generate(companies=1, **nothing).companies
    assert (company.assets, company.contacts, company.tickets) == ([], [], [])


def test_each_special_company_is_there_once(bulk: list[dict[str, Any]], client: Client) -> None:
    plans = {plan["plan_name"] for plan in client.read("/billing-plans/api/plans")["plans"]}
    companies = [entry["company"] for entry in bulk]
    by_plan = Counter(company["billing_plan"] for company in companies)
    terms = Counter(company["contract_term_length"] for company in companies)

    assert by_plan["Inactive"] == by_plan["Legacy Gold"] == by_plan[None] == 1
    assert set(by_plan) - plans == {"Inactive", "Legacy Gold", None}
    assert terms[""] == terms[None] == 1
    assert terms["1-Year"] >= 1
    assert "+Plus Physiotherapy" in {company["name"] for company in companies}


def test_some_plan_has_no_company(bulk: list[dict[str, Any]], client: Client) -> None:
    plans = {plan["plan_name"] for plan in client.read("/billing-plans/api/plans")["plans"]}
    assert plans - {entry["company"]["billing_plan"] for entry in bulk} == {"Silver Support 2019"}


def test_backup_bytes_are_derived_from_the_text(bulk: list[dict[str, Any]]) -> None:
    assets = [asset for entry in bulk for asset in entry["assets"]]
    backed_up = [asset for asset in assets if asset["backup_usage_tb"] is not None]

    assert {type(asset["backup_data_bytes"]) for asset in assets} == {int}
    for asset in backed_up:
        assert re.fullmatch(r"\d+\.\d\d", asset["backup_usage_tb"])
        assert asset["backup_data_bytes"] == int(float(asset["backup_usage_tb"]) * 2**40)
    assert all(asset["backup_data_bytes"] == 0 for asset in assets if asset["backup_usage_tb"] is None)
    assert 0 < len(backed_up) < len(assets)


def test_devices_are_of_the_kinds_that_the_real_codex_knows(
    bulk: list[dict[str, Any]], recorded: dict[str, Any]
) -> None:
    def kinds(entries: list[dict[str, Any]]) -> set[tuple[str | None, str | None]]:
        assets = [asset for entry in entries for asset in entry["assets"]]
        return {(asset["hardware_type"], asset["device_type"]) for asset in assets}

    assert kinds(bulk) - {("ESXi Host", None)} == kinds(recorded["bulk_2025"])


def test_contacts_are_unique_but_for_one_that_two_companies_share(bulk: list[dict[str, Any]]) -> None:
    contacts = [contact for entry in bulk for contact in entry["contacts"]]
    shared = [number for number, count in Counter(contact["id"] for contact in contacts).items() if count > 1]
    homes = [entry for entry in bulk if shared[0] in {contact["id"] for contact in entry["contacts"]}]

    assert len(shared) == 1
    assert len(homes) == 2
    assert 0.05 < sum(not contact["active"] for contact in contacts) / len(contacts) < 0.15


def test_ids_are_unique(bulk: list[dict[str, Any]], tickets: list[dict[str, Any]]) -> None:
    assets = [asset["id"] for entry in bulk for asset in entry["assets"]]
    assert len(set(assets)) == len(assets)
    assert len({ticket["ticket_number"] for ticket in tickets}) == len(tickets)
    assert len({ticket["ticket_id"] for ticket in tickets}) == len(tickets)
    assert not {str(ticket["ticket_id"]) for ticket in tickets} & {
        ticket["ticket_number"] for ticket in tickets
    }


def test_every_month_of_two_years_has_tickets_and_none_is_later(tickets: list[dict[str, Any]]) -> None:
    months = Counter(ticket["last_updated_at"][:7] for ticket in tickets)
    assert set(months) == {f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)}
    assert max(ticket["last_updated_at"][:10] for ticket in tickets) <= "2025-12-31"


@pytest.mark.parametrize("until", [date(2024, 2, 29), date(2025, 3, 1), date(2026, 1, 15)])
def test_no_ticket_is_later_than_the_last_day_of_history(until: date) -> None:
    days = [day for company in _generate(until=until).companies for day in company.ticket_days]
    assert max(days) <= until.isoformat()
    assert min(days) >= until.replace(year=until.year - 2, day=min(until.day, 28)).isoformat()


def test_some_tickets_lie_on_the_last_second_of_a_month(tickets: list[dict[str, Any]]) -> None:
    moments = [datetime.fromisoformat(ticket["last_updated_at"]) for ticket in tickets]
    at_midnight = [moment for moment in moments if f"{moment:%H:%M:%S}" == "23:59:59"]
    assert at_midnight
    assert all((moment.replace(tzinfo=UTC).day) >= 28 for moment in at_midnight)


def test_last_updates_come_in_the_three_forms_of_the_wire(tickets: list[dict[str, Any]]) -> None:
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    forms = (rf"{moment}Z", rf"{moment}\.\d{{6}}\+00:00", rf"{moment}\.\d{{6}}")
    counts = [
        sum(bool(re.fullmatch(form, ticket["last_updated_at"])) for ticket in tickets) for form in forms
    ]
    assert sum(counts) == len(tickets)
    assert all(counts)


def test_hours_are_unrounded_and_some_tickets_are_deleted(tickets: list[dict[str, Any]]) -> None:
    hours = [ticket["total_hours_spent"] for ticket in tickets]
    assert 0.9166666666666666 in hours
    assert 0.0 in hours
    assert min(hours) == 0.0
    assert "deleted" in {ticket["status"] for ticket in tickets}
    closed = {ticket["closed_at"] is not None for ticket in tickets if ticket["status"] == "closed"}
    assert closed == {True}
    assert all(ticket["created_at"][:19] < ticket["last_updated_at"][:19] for ticket in tickets)


def test_text_that_breaks_careless_code_survives_the_wire() -> None:
    names = {orjson.loads(company.row)["name"] for company in _generate(companies=40).companies}
    assert {"株式会社みらい", 'Kowalczyk "Meble" S.A.', "=Equals Accounting, Ltd"} <= names


@pytest.mark.parametrize(
    "settings",
    [{"companies": 0}, {"faults": 1.5}, {"faults": -0.1}, {"rate_limit": 0}, {"assets_per_company": -1}],
)
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ConfigurationError, match=name):
        SandboxConfig(until=UNTIL, **settings)
