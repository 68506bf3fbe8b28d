"""A recording is served as it was recorded, with tokens of the sandbox's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import create_app, running_sandbox
from ledger_pipelines_tests.sandbox import Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL

FILES = ("bulk_2025.json", "companies.json", "feature_options.json", "plans.json")


@pytest.fixture(scope="module")
def replayed(recording: Path) -> Iterator[Client]:
    config = SandboxConfig(until=UNTIL, replay=recording, rate_limit=None)
    with running_sandbox(config) as running, requests.Session() as session:
        yield Client(running, session)


def _sorted(value: Any) -> Any:
    """`value` with every array in one order, since none is promised."""
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(
            (_sorted(item) for item in value),
            key=lambda item: orjson.dumps(item, option=orjson.OPT_SORT_KEYS),
        )
    return value


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/api/companies", "companies"),
        ("/api/companies/bulk?include_tickets=true&year=2025", "bulk_2025"),
        ("/api/companies/bulk?include_tickets=true", "bulk_2025"),
        ("/api/companies/620547", "company_620547"),
        ("/api/companies/620547/assets", "assets_620547"),
        ("/api/companies/620547/contacts", "contacts_620547"),
        ("/api/companies/620547/locations", "locations_620547"),
        ("/api/companies/620547/tickets?year=2025", "tickets_620547"),
        ("/billing-plans/api/plans", "plans"),
        ("/billing-plans/api/plans/Complete%20%26%20Secure/1%20Year", "plan_complete_and_secure_1_year"),
        ("/billing-plans/api/feature-options", "feature_options"),
    ],
)
def test_answer_is_the_recorded_one(replayed: Client, recorded: dict[str, Any], path: str, file: str) -> None:
    assert _sorted(replayed.read(path)) == _sorted(recorded[file])


def test_bulk_without_tickets_is_the_recording_without_them(
    replayed: Client, recorded: dict[str, Any]
) -> None:
    without = [{key: entry[key] for key in entry if key != "tickets"} for entry in recorded["bulk_2025"]]
    assert _sorted(replayed.read("/api/companies/bulk?year=2025")) == _sorted(without)


def test_a_year_that_was_not_recorded_has_no_tickets(replayed: Client) -> None:
    assert {len(entry["tickets"]) for entry in replayed.bulk("2024")} == {0}


def test_company_beyond_the_recording_is_not_found(replayed: Client) -> None:
    answer = replayed.codex("/api/companies/999999/assets")
    assert (answer.status_code, answer.json()) == (404, {"error": "Company not found"})


def test_key_is_not_the_recorded_one(replayed: Client, recorded: dict[str, Any]) -> None:
    assert replayed.core("GET", "/.well-known/jwks.json").json() != recorded["jwks"]


def test_recorded_records_can_be_malformed_too(recording: Path) -> None:
    config = SandboxConfig(until=UNTIL, replay=recording, faults=1e-9)
    with running_sandbox(config) as running:
        entities = {record.entity for record in running.malformed}
    assert entities == {"company", "assets", "asset", "contact", "ticket", "plan"}


def _refusal(folder: Path) -> str:
    with pytest.raises(LedgerError) as refusal:
        create_app(SandboxConfig(until=UNTIL, replay=folder))
    return str(refusal.value)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "nowhere") == (
        f"There is no folder {tmp_path / 'nowhere'} to replay: name one with recorded responses."
    )


@pytest.fixture
def incomplete(tmp_path: Path) -> Path:
    """A recording of nothing: the right files, all but empty."""
    for name in FILES:
        (tmp_path / name).write_text('{"plans": []}' if name == "plans.json" else "[]")
    return tmp_path


def test_recording_of_nothing_can_be_served(incomplete: Path) -> None:
    config = SandboxConfig(until=UNTIL, replay=incomplete)
    with running_sandbox(config) as running, requests.Session() as session:
        assert Client(running, session).bulk() == []


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(incomplete: Path, name: str) -> None:
    (incomplete / name).unlink()
    assert _refusal(incomplete) == (
        f"The recording in {incomplete} has no {name}: add it, or name another folder."
    )


def test_file_that_is_not_json_is_named(incomplete: Path) -> None:
    (incomplete / "plans.json").write_text("<html>")
    assert str(incomplete / "plans.json") in _refusal(incomplete)


def test_file_of_another_form_is_refused(incomplete: Path) -> None:
    shutil.copy(incomplete / "companies.json", incomplete / "plans.json")
    assert "not of Codex's form" in _refusal(incomplete)
