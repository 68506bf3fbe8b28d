"""A run that is killed or interrupted in the middle of a month."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.dagster_history import run_statuses
from ledger_pipelines_tests.end_to_end.harness import (
    Ledger,
    Running,
    eventually,
    fetch,
    rows,
    rows_and_places,
)

UNTIL = date(2025, 12, 31)
THEN = SandboxConfig(until=UNTIL, companies=6, seed=1)
NOW = SandboxConfig(until=UNTIL, companies=8, seed=2)


@pytest.mark.timeout(180)
def test_kill_9_in_the_middle_of_a_month_leaves_it_as_it_was_and_the_next_run_completes_it(
    ledger: Ledger, database: Database, other_ledger: Ledger, other_database: Database
) -> None:
    with running_sandbox(THEN) as sandbox:
        ledger.use(sandbox)
        assert ledger("close", "2025-01").code == 0
    draft = rows_and_places(database)
    with running_sandbox(NOW) as sandbox:
        for each in (ledger, other_ledger):
            each.use(sandbox)
        with other_ledger.started("close", "2025-01") as undisturbed:
            # Companies, devices, people and plans are written when it comes to the tickets.
            with _held_up_at(database, "tickets"), _renewing(ledger) as running:
                _waits_in_the_middle_of_writing(database)
                running.kill()
            _nobody_writes_any_more(database)
            assert rows_and_places(database) == draft
            assert fetch(
                database, "SELECT step_name, status FROM sync_executions WHERE status = 'running'"
            ) == [("codex", "running")]

            # Ticket hours and statement lines are written when it comes to the statements.
            with _held_up_at(database, "billing_statements"), _renewing(ledger) as running:
                _waits_in_the_middle_of_writing(database)
                running.kill()
            _nobody_writes_any_more(database)
            billing = ("ticket_hours", "billing_statement_lines", "billing_statements")
            found = rows_and_places(database)
            assert {table: found[table] for table in billing} == {table: draft[table] for table in billing}

            assert _renew(ledger) == 0
            assert undisturbed.finished().code == 0

    # Tickets of companies that Codex shows no more stay as they were, and are on no statement.
    shown = "SELECT t::text FROM tickets t JOIN companies c USING (month, account_number) ORDER BY 1"
    assert fetch(database, shown) == fetch(other_database, shown)
    found, undisturbed_rows = rows(database), rows(other_database)
    assert found | {"tickets": None} == undisturbed_rows | {"tickets": None}
    assert rows_and_places(database)["billing_statements"] != draft["billing_statements"]
    executions = fetch(
        database,
        "SELECT step_name, status, error_message FROM sync_executions WHERE step_name <> 'cfo-sync' ORDER BY id",
    )
    whole = [(step, "completed") for step in ("codex", "billing", "journal", "ledger_reports", "sub_ledgers")]
    assert [(step, status) for step, status, _ in executions] == [
        *whole,
        ("codex", "failed"),
        ("codex", "completed"),
        ("billing", "failed"),
        *whole,
    ]
    assert all("killed" in message for _, status, message in executions if status == "failed")
    assert run_statuses(database) == ["SUCCESS", "FAILURE", "FAILURE", "SUCCESS"]


@pytest.mark.timeout(90)
@pytest.mark.parametrize("table", ["tickets", "billing_statements"])
def test_ctrl_c_ends_a_run_at_once_and_says_no_more_than_that(
    ledger: Ledger, database: Database, table: str
) -> None:
    with running_sandbox(THEN) as sandbox:
        ledger.use(sandbox)
        with _held_up_at(database, table), ledger.started("close", "2025-01") as running:
            _waits_in_the_middle_of_writing(database)
            running.interrupt()
            done = running.finished(seconds=15)

    assert done.code != 0
    assert "Traceback" not in done.err
    assert "dagster._core" not in done.err
    assert fetch(database, "SELECT count(*) FROM billing_statements") == [(0,)]
    assert fetch(database, "SELECT count(*) FROM sync_executions WHERE status = 'running'") == [(0,)]
    assert run_statuses(database)[0] in ("FAILURE", "CANCELED")


@pytest.mark.timeout(120)
def test_ctrl_c_while_a_source_is_read_leaves_no_run_behind(ledger: Ledger, database: Database) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        asking = ledger.started("close", "2025-01", CODEX_URL=url, CORE_URL=url, LEDGER_HTTP_TIMEOUT="100")
        with asking as running:
            peer, _ = silent.accept()
            with peer:
                running.interrupt()
                done = running.finished(seconds=60)

    assert (done.code, "Traceback" in done.err) == (130, False)
    assert run_statuses(database) == ["FAILURE"]
    executions = "SELECT step_name, status, error_message FROM sync_executions"
    assert fetch(database, executions) == [("codex", "failed", "It was interrupted.")]


def _renew(ledger: Ledger) -> int:
    return ledger("close", "2025-01", "--refresh-snapshots").code


@contextmanager
def _renewing(ledger: Ledger) -> Iterator[Running]:
    with ledger.started("close", "2025-01", "--refresh-snapshots") as running:
        yield running


@contextmanager
def _held_up_at(database: Database, table: str) -> Iterator[None]:
    """Nobody can write to the table, and who wants to waits for the end of the block."""
    with database.connect(application_name="the test") as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


def _waits_in_the_middle_of_writing(database: Database) -> None:
    """Some process has written in its transaction and now waits for a lock."""
    eventually(
        lambda: fetch(
            database,
            """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'ledger%'
               AND wait_event_type = 'Lock' AND wait_event = 'relation' AND backend_xid IS NOT NULL""",
        ),
        seconds=80,
        what="a run that waits in the middle of writing",
    )


def _nobody_writes_any_more(database: Database) -> None:
    """The server has noticed that the killed process is gone."""
    eventually(
        lambda: (
            not fetch(
                database,
                """SELECT pid FROM pg_stat_activity
               WHERE datname = current_database() AND application_name ~ '^ledger (codex|billing|step)'""",
            )
        ),
        seconds=20,
        what="the end of the killed process's connections",
    )
