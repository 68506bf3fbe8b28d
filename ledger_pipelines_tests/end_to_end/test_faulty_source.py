"""A source that fails in every way: a fifth of its answers, some of its records, or all of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger, fetch, free_ports

UNTIL = date(2025, 12, 31)
#: Tickets are read for the whole year all the same.
MONTHS = [date(2025, number, 1) for number in range(10, 13)]

#: What names a record beside its company's account number.
_NAMES = {
    "companies": "name",
    "assets": "id",
    "contacts": "id",
    "tickets": "ticket_number",
    "billing_statements": "company_name",
}

#: The records of each table and month, by account number and name.
Keys = dict[tuple[str, date], set[tuple[str, str]]]


@pytest.mark.timeout(240)
def test_months_close_though_a_fifth_of_the_answers_is_broken_and_nothing_readable_is_missing(
    ledger: Ledger, database: Database
) -> None:
    config = SandboxConfig(until=UNTIL, faults=0.2, stall_seconds=4, companies=25, tickets_per_company=20)
    with running_sandbox(config) as sandbox:
        ledger.use(sandbox)
        ledger.variables["LEDGER_HTTP_TIMEOUT"] = "2"
        faulty = ledger("close", "2025-10", "2026-01")
        assert faulty.code == 0, faulty.err
        assert list(faulty.statements()) == [f"{month:%Y-%m}" for month in MONTHS]
        malformed = [
            record
            for record in requests.get(f"{sandbox.base_url}/sandbox/malformed", timeout=10).json()
            if record["entity"] != "ticket" or record["day"].startswith("2025")
        ]
        assert {record["entity"] for record in malformed} == {
            "company",
            "assets",
            "asset",
            "contact",
            "ticket",
            "plan",
        }
        _each_is_an_unresolved_integration_error(database, malformed)
        assert " integration error" in faulty.out
        assert {fault["kind"] for fault in _journal(sandbox)["faults"]} == {
            "429",
            "500",
            "timeout",
            "cut",
            "html",
        }
        without = _keys(database)

        answer = requests.post(f"{sandbox.base_url}/sandbox/heal", timeout=10)
        assert answer.ok
        healed = ledger("close", "2025-10", "2026-01", "--refresh-snapshots")
        assert healed.code == 0, healed.err

    _only_what_was_malformed_was_missing(without, _keys(database), malformed, database)
    unresolved = fetch(
        database,
        "SELECT entity_type, external_id, error_message FROM integration_errors "
        "WHERE NOT is_resolved AND integration_name = 'codex'",
    )
    assert unresolved == []


@pytest.mark.timeout(60)
def test_codex_down_is_one_clear_sentence(ledger: Ledger, database: Database, healthy: Sandbox) -> None:
    (nobody_listens,) = free_ports(1)
    ledger.use(healthy)
    down = ledger("close", "2025-03", CODEX_URL=f"http://127.0.0.1:{nobody_listens}")

    _is_one_clear_sentence(down, database, "Codex cannot be reached", "check CODEX_URL")


@pytest.mark.timeout(60)
def test_core_down_is_one_clear_sentence(ledger: Ledger, database: Database, healthy: Sandbox) -> None:
    (nobody_listens,) = free_ports(1)
    ledger.use(healthy)
    down = ledger("close", "2025-03", CORE_URL=f"http://127.0.0.1:{nobody_listens}")

    _is_one_clear_sentence(down, database, "Core cannot be reached", "check CORE_URL")


@pytest.mark.timeout(60)
def test_a_wrong_url_is_one_clear_sentence(ledger: Ledger, database: Database, healthy: Sandbox) -> None:
    ledger.use(healthy)
    lost = ledger("close", "2025-03", CODEX_URL=f"{healthy.base_url}/nonsense")

    _is_one_clear_sentence(lost, database, "Codex has nothing at", "check CODEX_URL")


@pytest.mark.timeout(60)
def test_a_url_that_is_none_is_one_clear_sentence(
    ledger: Ledger, database: Database, healthy: Sandbox
) -> None:
    ledger.use(healthy)

    unusable = ledger("close", "2025-03", CODEX_URL="codex.example")

    _is_one_clear_sentence(unusable, database, "CODEX_URL cannot be used", is_begun=False)


@pytest.mark.timeout(60)
def test_a_bad_token_is_one_clear_sentence_without_the_token(
    ledger: Ledger, database: Database, healthy: Sandbox
) -> None:
    refused = ledger("close", "2025-03", CODEX_URL=healthy.codex_url, CODEX_API_KEY="made-up-secret")

    _is_one_clear_sentence(refused, database, "Codex refused us", "api_key")
    assert "made-up-secret" not in refused.err + refused.out


@pytest.mark.timeout(60)
def test_no_source_at_all_is_one_clear_sentence(ledger: Ledger, database: Database) -> None:
    refused = ledger("close", "2025-03")
    _is_one_clear_sentence(refused, database, "set CODEX_URL and CORE_URL", is_begun=False)


@pytest.fixture(scope="module")
def healthy() -> Iterator[Sandbox]:
    """A small sandbox without a fault."""
    with running_sandbox(SandboxConfig(until=UNTIL, companies=3)) as sandbox:
        yield sandbox


def _is_one_clear_sentence(done: Done, database: Database, *parts: str, is_begun: bool = True) -> None:
    """On stderr, alone, saying what to do, and soon, since nothing of this mends itself; kept, where a step was begun."""
    assert done.code == 1
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith(".\n")
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.out
    executions = fetch(
        database,
        "SELECT step_name, status, error_message, completed_at - started_at < '10 s' FROM sync_executions "
        "WHERE step_name <> 'cfo-sync'",
    )
    told = done.err.removeprefix("Error: ").rstrip("\n")
    assert executions == [("codex", "failed", told, True)] * is_begun


def _journal(sandbox: Sandbox) -> Any:
    return requests.get(f"{sandbox.base_url}/sandbox/requests", timeout=10).json()


def _each_is_an_unresolved_integration_error(database: Database, malformed: list[dict[str, Any]]) -> None:
    """Each malformed record by its kind and id, or by what it says where the id is what is missing; no other."""
    errors = fetch(
        database,
        """SELECT entity_type, operation_type, external_id, error_details FROM integration_errors
           WHERE integration_name = 'codex' AND NOT is_resolved""",
    )
    found = [
        (kind, _name_of(kind, operation, external_id, details))
        for kind, operation, external_id, details in errors
    ]
    expected = [(_kind_of(record), _name_of_malformed(record)) for record in malformed]
    assert sorted(found) == sorted(expected)


def _kind_of(malformed: dict[str, Any]) -> str:
    """A company whose devices could not be read as a whole is an error of the company."""
    return "company" if malformed["entity"] == "assets" else str(malformed["entity"])


def _name_of_malformed(malformed: dict[str, Any]) -> str:
    entity, account, name = malformed["entity"], malformed["account_number"], malformed["id"]
    if entity == "assets":
        return f"assets of {account}"
    if entity == "plan":
        return name.replace(" (", "/").removesuffix(")")
    if entity in ("asset", "contact") and name is None:
        record = malformed["record"]
        return f"{account}: {record.get('hostname', record.get('name'))}"
    if entity == "ticket":
        return f"{account}/{name}"
    return str(name)


def _name_of(kind: str, operation: str, external_id: str, details: dict[str, Any]) -> str:
    """What names the record in the sandbox's list of them."""
    record = details.get("record", {})
    if kind == "company":
        return f"assets of {external_id}" if operation == "assets" else str(record["name"])
    if kind in ("asset", "contact") and record.get("id") is None:
        return f"{details['account_number']}: {record.get('hostname', record.get('name'))}"
    return external_id


def _keys(database: Database) -> Keys:
    return {
        (table, month): set(
            fetch(database, f"SELECT account_number, {name}::text FROM {table} WHERE month = %s", month)
        )
        for table, name in _NAMES.items()
        for month in MONTHS
    }


def _only_what_was_malformed_was_missing(
    without: Keys, whole: Keys, malformed: list[dict[str, Any]], database: Database
) -> None:
    """Between the faulty year and the healed one lie the malformed records, and what hangs on malformed companies."""
    nameless = {record["id"] for record in malformed if record["entity"] == "company"}
    (refused,) = [record["account_number"] for record in malformed if record["entity"] == "assets"]
    for (table, month), records in whole.items():
        lost = {account for account, name in whole["companies", month] if name in nameless}
        assert len(lost) == len(nameless)
        if table == "assets":
            lost.add(refused)
        broken = {
            _key_once_healed(record, database)
            for record in malformed
            if f"{record['entity']}s" == table and (record["day"] or f"{month}")[:7] == f"{month:%Y-%m}"
        }
        expected = {record for record in records if record[0] in lost} | broken
        assert records - without[table, month] == expected, (table, month)
        assert without[table, month] <= records, (table, month)


def _key_once_healed(malformed: dict[str, Any], database: Database) -> tuple[str, str]:
    """Account and id of a record; where the id was what it lacked, found by what else it says."""
    account, name, record = malformed["account_number"], malformed["id"], malformed["record"]
    if name is not None:
        return account, name
    table, column = {"asset": ("assets", "hostname"), "contact": ("contacts", "email")}[malformed["entity"]]
    ((found,),) = fetch(
        database,
        f"SELECT DISTINCT id::text FROM {table} WHERE account_number = %s AND {column} = %s",
        account,
        record[column],
    )
    return account, found
