"""The demo's books and one's own are never mixed, and one `ledger up` runs on a ledger."""

from __future__ import annotations

from datetime import date

import pytest

from ledger_pipelines.local.demo import refuse_in_demo, take_for_demo
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.registry import SOURCES
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger, execute, fetch, free_ports

DEMO = "http://127.0.0.1:59990"


def is_refused(done: Done, *words: str) -> None:
    assert done.code == 1, done
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    for word in words:
        assert word in done.err


def test_in_the_demo_s_ledger_nothing_is_read_from_other_systems(
    ledger: Ledger, database: Database, sandbox: Sandbox
) -> None:
    execute(database, "INSERT INTO ledger_settings VALUES ('demo', %s)", DEMO)
    ledger.use(sandbox)
    for command in (
        ("close", "2025-03"),
        ("sync", "--year", "2025"),
        ("up", "--dagster-port", port(), "--port", port()),
    ):
        is_refused(ledger(*command), "holds the demo's books, and CODEX_URL is not the demo's", "LEDGER_HOME")
    is_refused(ledger("cfo", "sync", CODEX_URL="", CFO_DATABASE_URL=database.url), "CFO_DATABASE_URL")
    assert fetch(database, "SELECT FROM sync_executions") == []


def test_in_the_demo_s_ledger_the_demo_s_own_systems_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_URL", f"{DEMO}/codex")
    monkeypatch.setenv("CORE_URL", f"{DEMO}/core")
    execute(database, "INSERT INTO ledger_settings VALUES ('demo', %s)", DEMO)
    refuse_in_demo(database, Settings())


def test_the_demo_does_not_write_into_other_books(
    ledger: Ledger, database: Database, sandbox: Sandbox
) -> None:
    ledger.use(sandbox)
    assert ledger("close", "2025-12").code == 0
    before = fetch(database, "SELECT count(*), max(id) FROM sync_executions")

    is_refused(
        ledger("up", "--demo", "--dagster-port", port(), "--sandbox-port", port(), "--port", port()),
        "holds books that are not the demo's",
        "LEDGER_HOME",
    )

    assert fetch(database, "SELECT count(*), max(id) FROM sync_executions") == before
    assert fetch(database, "SELECT FROM ledger_settings WHERE name = 'demo'") == []


def test_the_demo_does_not_hand_over_to_one_s_own_cfo(ledger: Ledger, database: Database) -> None:
    done = ledger(
        "up",
        "--demo",
        "--dagster-port",
        port(),
        "--sandbox-port",
        port(),
        "--port",
        port(),
        CFO_DATABASE_URL=database.url,
    )
    is_refused(done, "CFO_DATABASE_URL is set")


def test_the_demo_may_move_to_another_port(database: Database) -> None:
    for address in (DEMO, "http://127.0.0.1:59991"):
        take_for_demo(database, Settings(), address)
        execute(
            database,
            "INSERT INTO sync_executions (step_name, status, started_at) VALUES ('codex', 'running', now())",
        )
    assert fetch(database, "SELECT value FROM ledger_settings WHERE name = 'demo'") == [(address,)]


def test_a_second_up_on_one_ledger_names_the_first(ledger: Ledger, database: Database) -> None:
    with database.connect(application_name="ledger up 4711") as connection:
        connection.execute("SELECT pg_advisory_lock(7433003)")
        is_refused(
            ledger("up", "--dagster-port", port(), "--port", port()), "runs on", "already (process 4711)"
        )


def test_in_the_demo_s_ledger_commands_find_its_sandbox_by_themselves(
    ledger: Ledger, database: Database
) -> None:
    """Nothing is set in the environment, as in a second terminal beside `make run`."""
    with running_sandbox(SandboxConfig(until=date(2025, 12, 31), companies=2)) as demo:
        take_for_demo(database, Settings(), demo.base_url)
        for command in (("doctor",), ("sync", "--year", "2025"), ("close", "2025-12")):
            done = ledger(*command)
            assert (done.code, done.err) == (0, ""), (command, done)
        asked = ledger("doctor").out
    closed = fetch(database, "SELECT count(*) FROM billing_statements WHERE month = '2025-12-01'")
    assert closed == [(2,)]
    assert [source.name for source in SOURCES if source.name not in asked] == ["Freshservice", "Datto RMM"]

    for command in (("doctor",), ("sync", "--year", "2025"), ("close", "2025-12")):
        is_refused(
            ledger(*command), f"the demo's sandbox ({demo.base_url}) does not run", "`ledger up --demo`"
        )
    assert ledger("export", "statements", "--month", "2025-12").code == 0
    assert fetch(database, "SELECT count(*) FROM billing_statements WHERE month = '2025-12-01'") == closed


def port() -> str:
    return str(free_ports(1)[0])
